"""Recognize the format of a file by its content; the suffix decides where several formats match, or none."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from nlptrain.config.formats import FORMATS, FormatEntry
from nlptrain.data.formats import Sniff
from nlptrain.data.formats.head import Head, read_head
from nlptrain.data.formats.sniffers import is_running_text
from nlptrain.data.text_files import without_gz

_DECLARATION = re.compile(r"\s*<(\?xml\b|!doctype\b|html\b)", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][\w:.-]*(\s+[\w:.-]+\s*=\s*(\"[^\"]*\"|'[^']*'))*\s*/?>")


def sniff_format(path: Path) -> str | None:
    """Return the format of a gold file by its content, else by its suffix; None: by neither.

    Of several formats with that content, the one with the file's suffix is returned, else the first one. The suffix of
    a format that cannot be sniffed, which a plug-in may have, decides alone.
    """
    by_suffix = _format_of_suffix(path, "suffixes", "read")
    return _sniff_content(path) or by_suffix if by_suffix is None or FORMATS[by_suffix].sniff else by_suffix


def sniff_raw(path: Path) -> str:
    """Return what a file that is given as raw text is: ``text``, ``markup`` (HTML, XML), or the name of a format."""
    by_suffix = _format_of_suffix(path, "suffixes", "suffixes")  # the usual one, e.g. of .tsv columns
    if by_suffix is None or not FORMATS[by_suffix].rows:
        by_suffix = _format_of_suffix(path, "gold_suffixes", "read")
    if by_suffix is not None and not FORMATS[by_suffix].sniff:
        return by_suffix
    name = _sniff_content(path)
    if name is not None and not (name == "conll" and is_running_text(_read(path))):
        return name
    return "markup" if _is_markup(_read(path)) else by_suffix or "text"


def read_lines_of_head(path: Path) -> list[str]:
    """Return the first lines of a file; none if it is binary."""
    return _read(path).lines


def _sniff_content(path: Path) -> str | None:
    head = _read(path)
    if not head.data.strip():
        return None
    matches = [(name, entry) for name, entry in FORMATS.items() if entry.read and entry.sniff and _sniff(name, head)]
    for is_general in (False, True):
        names = {name: entry for name, entry in matches if entry.is_general == is_general}
        if names:
            suffix = without_gz(path).suffix.lower()
            return next((name for name, entry in names.items() if suffix in entry.suffixes), next(iter(names)))
    return None


def _sniff(name: str, head: Head) -> bool:
    sniff: Sniff = FORMATS.load(name, FORMATS[name].sniff)
    return sniff(head)


def _format_of_suffix(path: Path, suffixes: str, role: str) -> str | None:
    suffix = without_gz(path).suffix.lower()
    return next((name for name, entry in FORMATS.items() if _has(entry, role, suffixes, suffix)), None)


def _has(entry: FormatEntry, role: str, suffixes: str, suffix: str) -> bool:
    return bool(getattr(entry, role)) and suffix in getattr(entry, suffixes)


def _read(path: Path) -> Head:
    """Return the head of a file, the same one until the file changes; an empty one of what is no file."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return Head(path, b"")
    return _cached(path, state.st_mtime_ns, state.st_size) if path.is_file() else Head(path, b"")


@lru_cache(8)
def _cached(path: Path, _modified: int, _size: int) -> Head:
    return read_head(path)


def _is_markup(head: Head) -> bool:
    """Return whether a text is HTML or XML: it is declared, or begins with an element, and most lines have tags."""
    if _DECLARATION.match(head.text):
        return True
    lines = [line for line in head.lines if line.strip()]
    if not lines or not (first := _TAG.match(lines[0].lstrip())):
        return False
    tags = [len(_TAG.findall(line)) for line in lines]
    is_alone = first.end() == len(lines[0].strip())  # <doc id="1">
    has_ends = any("</" in line for line in lines)
    return has_ends and (is_alone or 2 * sum(count > 1 for count in tags) > len(lines))
