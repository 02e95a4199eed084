"""The runtime's error, and text from files, arguments and models made safe to print on a terminal."""

from __future__ import annotations

import re

LINE = 480  # characters of a message, at most
VALUE = 100  # characters of a value in a message, at most
_CUT = " ... "
# C0, DEL and C1 controls, surrogates, line separators, bidirectional controls, and invisible characters; but not the
# zero-width joiners, which words of Persian, Hindi and others need.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


class FolderError(ValueError):
    """A folder that this runtime cannot use: ``LOCATION: FOUND; expected EXPECTED; HINT``."""


def printable(text: str) -> str:
    """Return ``text`` with an escape for each control, bidirectional or invisible character."""
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escape, text)


def message_line(text: str, limit: int = LINE) -> str:
    """Return ``text`` as one printable line of at most ``limit`` characters, its middle left out where it is longer."""
    line = printable(shortened(text, limit))
    return line if len(line) <= limit else shortened(line, limit)


def quoted(value: object, limit: int = VALUE) -> str:
    """Return ``repr(value)`` for a message, shortened and printable."""
    if isinstance(value, str) and len(value) > limit:
        value = value[:limit] + value[-limit:]  # more cannot be shown
    return message_line(repr(value), limit)


def shortened(text: str, limit: int) -> str:
    """Return ``text`` with so much of its middle left out that it has at most ``limit`` characters."""
    if len(text) <= limit:
        return text
    kept = limit - len(_CUT)
    head = kept * 2 // 3
    return text[:head] + _CUT + text[len(text) - (kept - head) :]


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return _SHORT.get(match[0]) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )
