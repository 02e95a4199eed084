"""``FolderError`` and ``BatchError``, and text from files, arguments and models made safe to print on a terminal."""

from __future__ import annotations

import re

LINE = 480  # characters of a message, at most
VALUE = 100  # characters of a value in a message, at most
_ELLIPSIS = " ... "
# C0, DEL and C1 controls, surrogates, line separators, bidirectional controls, and invisible characters; but not the
# zero-width joiners, which words of Persian, Hindi and others need.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


class FolderError(ValueError):
    """A folder that this runtime cannot use; the message is ``LOCATION: FOUND; expected EXPECTED; HINT``."""


class BatchError(ValueError):
    """A batch without a column that is read, or with one that would be added; the message is as of ``FolderError``."""


def printable(text: str) -> str:
    """Return ``text`` with an escape for each control, bidirectional or invisible character."""
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escape, text)


def message_line(text: str, limit: int = LINE) -> str:
    """Return ``text`` as one printable line; of more than ``limit`` characters, the middle is cut out."""
    line = printable(shortened(text, limit))
    return line if len(line) <= limit else shortened(line, limit)


def quoted(value: object, limit: int = VALUE) -> str:
    """Return ``repr(value)`` for a message, shortened and printable."""
    if isinstance(value, str) and len(value) > limit:
        value = value[:limit] + value[-limit:]  # more would be cut out
    return message_line(repr(value), limit)


def shortened(text: str, limit: int) -> str:
    """Return ``text`` with its middle cut out where it has more than ``limit`` characters."""
    if len(text) <= limit:
        return text
    kept = limit - len(_ELLIPSIS)
    head = kept * 2 // 3
    return text[:head] + _ELLIPSIS + text[len(text) - (kept - head) :]


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return _SHORT_ESCAPES.get(match[0]) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )
