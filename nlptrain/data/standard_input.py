"""Standard input instead of a file: a temporary copy, because files are read several times."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import tempfile
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path

from nlptrain.atomic_files import write_errors
from nlptrain.data.cached_file import CachedFile
from nlptrain.errors import InputError

STANDARD_INPUT = "-"
_NAME = "standard input"
_GZIP = b"\x1f\x8b"
_HEAD = 4096  # bytes that decide the format
_SUFFIXES = (
    (re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*["}]'), ".jsonl"),
    (re.compile(rb'(\xef\xbb\xbf)?\s*\[\s*[\[{"\]]'), ".json"),
    (re.compile(rb"PAR1"), ".parquet"),
    (re.compile(rb"ARROW1"), ".arrow"),
)


def standard_input(*, raw: bool) -> CachedFile:
    """Return a file with the bytes of standard input, which is read once, and removed when the process ends.

    Its suffix is that of JSON Lines, JSON, Parquet or Arrow if it begins like one of them; or else that of lines of
    text, or of columns; and ``.gz`` if it is compressed.

    Args:
        raw: whether raw text is expected, rather than columns of words and tags.

    Raises:
        InputError: standard input is closed, or belongs to several processes.
    """
    folder = _spooled()
    with (folder / "bytes").open("rb") as file:
        head = file.read(_HEAD)
    compressed = ""
    if head.startswith(_GZIP):
        compressed = ".gz"
        with suppress(zlib.error):  # its reader reports it
            head = zlib.decompressobj(wbits=31).decompress(head, _HEAD)
    text = ".txt" if raw else ".conll"
    path = folder / f"stdin{next((suffix for pattern, suffix in _SUFFIXES if pattern.match(head)), text)}{compressed}"
    if not path.exists():
        os.link(folder / "bytes", path)
    return CachedFile.of(path, _NAME)


@cache
def _spooled() -> Path:
    """Return a folder with a file ``bytes``, the content of standard input; it is removed at exit."""
    if os.environ.get("WORLD_SIZE", "1") not in ("", "1"):
        raise InputError("several processes cannot read it", location=_NAME, hint="name a file, or use one process")
    if sys.stdin is None or getattr(sys.stdin, "closed", False):
        raise InputError("is closed", location=_NAME)
    folder = Path(tempfile.mkdtemp(prefix="nlptrain-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with write_errors(folder / "bytes"), (folder / "bytes").open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return folder
