"""Text files: which ones a path names, their lines, and the hash of their bytes."""

from __future__ import annotations

import codecs
import glob
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from nlptrain.data.hub import hub_files
from nlptrain.errors import InputError
from nlptrain.suggestions import suggest_path

_PACKED = {".bz2": "bunzip2 -k", ".xz": "unxz -k", ".zst": "unzstd", ".zip": "unzip"}
_LINE = 2**28  # bytes of a line
_FREE, _EXPANSION = 2**23, 100  # bytes that any .gz may unpack to, and to how many times its size a large one
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def lines(path: Path) -> Iterator[tuple[int, str]]:
    r"""The lines of a UTF-8 file with their numbers, from 1, without their ends (``\n`` or ``\r\n``).

    A file whose name ends in ``.gz`` is unpacked as it is read. Only ``\n`` ends a line: U+2028, U+0085 and their kin,
    where ``str.splitlines`` breaks too, stand inside words of real text. A byte order mark at the beginning is dropped.

    Raises:
        InputError: the file cannot be opened, is packed otherwise or damaged, unpacks to a hundred times its size, has
            a line of 256 MB, or holds bytes that are not UTF-8 (named by their offset in the unpacked file, from 0).
    """
    _check_not_compressed(path)
    try:
        file = gzip.open(path, "rb") if is_gz(path) else path.open("rb")
        size = path.stat().st_size
    except (OSError, ValueError) as error:  # a ValueError: a name with a zero in it
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', error)}") from error
    most = _FREE + _EXPANSION * size if is_gz(path) else 2**63
    longest = min(_LINE, most + 1)
    checked = is_gz(path) or size >= _LINE  # no line of a small file is too long
    raw_lines = iter(partial(file.readline, longest), b"") if checked else file
    offset = 0
    with file:
        for number, raw in enumerate(_whole(raw_lines, path), start=1):
            length = len(raw)
            if checked and (length >= longest or offset + length > most):
                raise InputError(_too_large(path, number, packed=offset + length > most))
            start = len(codecs.BOM_UTF8) if number == 1 and raw.startswith(codecs.BOM_UTF8) else 0
            try:
                text = raw[start:].decode("utf-8")
            except UnicodeDecodeError as error:
                at = start + error.start
                latin = "cp1252" if 0x80 <= raw[at] <= 0x9F else "latin1"  # where latin1 has control characters
                origin = "utf-16" if number == 1 and raw.startswith(_UTF16) else latin
                raise InputError(
                    f"{path}:{number}: byte {offset + at} (0x{raw[at]:02X}) is not UTF-8; "
                    f"convert the file, e.g. iconv -f {origin} -t utf-8"
                ) from error
            offset += length
            if start < length:
                yield number, text.removesuffix("\n").removesuffix("\r")


def _too_large(path: Path, number: int, *, packed: bool) -> str:
    if packed:
        return f"{path}: unpacks to more than {_EXPANSION} times its size; if that is right, unpack it: gunzip -k"
    return f"{path}:{number}: a line of more than {_LINE >> 20} MB; a line is a sentence, a paragraph or a row"


def is_gz(path: Path) -> bool:
    """Whether the name of ``path`` says that it is packed by gzip."""
    return path.suffix.lower() == ".gz"


def unpacked(path: Path) -> Path:
    """The name of ``path`` without the suffix of gzip."""
    return path.with_suffix("") if is_gz(path) else path


def _whole(file: Iterable[bytes], path: Path) -> Iterator[bytes]:
    try:
        yield from file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: is no whole gzip file ({error}); pack it again, or give it without .gz") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def expand(paths: str | Sequence[str], *, key: str = "") -> list[Path]:
    """The files that paths and globs name: in the order given, those of a glob sorted, each file once.

    Args:
        paths: a path or a glob (``**`` descends into folders), or several; ``hub:OWNER/NAME:SPLIT`` names the files of
            a data set on the Hub.
        key: the configuration key that holds them, for messages.

    Raises:
        InputError: a path or a glob names no file, or one that is packed; the Hub cannot be asked or has no such split.
    """
    found: dict[Path, Path] = {}
    for pattern in [paths] if isinstance(paths, str) else paths:
        if pattern.startswith("hub:"):
            found.update((path.resolve(), path) for path in hub_files(pattern, key=key) if path.resolve() not in found)
            continue
        try:
            # A file may be called data[1].txt: what stands there under this very name is no glob.
            names = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))
            files = [path for path in map(Path, names) if path.is_file()]
        except (OSError, ValueError, re.error) as error:  # no permission, a name that is too long, a glob like [z-a]
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{key}{': ' if key else ''}{pattern!r}: cannot be read: {reason}") from error
        if not files:
            raise InputError(f"{key}{': ' if key else ''}{_nothing(pattern)}")
        for path in files:
            _check_not_compressed(path)
            found.setdefault(path.resolve(), path)
    return list(found.values())


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _nothing(pattern: str) -> str:
    if Path(pattern).is_dir():
        return f"'{pattern}' is a folder; name its files, e.g. '{Path(pattern) / '*.conll'}'"
    return f"found no file '{pattern}' (looked from {Path.cwd()}){suggest_path(Path(pattern))}"


def _check_not_compressed(path: Path) -> None:
    if command := _PACKED.get(path.suffix.lower()):
        raise InputError(f"{path}: packed files ({path.suffix}) are not read by this version; unpack it: {command}")
