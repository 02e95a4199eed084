"""Files: those that paths, globs, URLs and Hub references name, their lines, and the hash of their bytes."""

from __future__ import annotations

import codecs
import glob
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from nlptrain.data.hub_files import hub_files
from nlptrain.data.remote_files import remote_files
from nlptrain.data.standard_input import STANDARD_INPUT, standard_input
from nlptrain.errors import InputError, Setting, Text, path_suggestion
from nlptrain.urls import is_url, local_path

_DECOMPRESSORS = {".bz2": "bunzip2 -k", ".xz": "unxz -k", ".zst": "unzstd", ".zip": "unzip"}
_MAX_LINE = 2**28  # bytes
_BLOCK = 2**18  # bytes that are read at once
_LINE_END = re.compile(r"\r+\n|\r")
_FREE, _MAX_EXPANSION = 2**23, 100  # bytes that any .gz may expand to, and the factor by which a large one may
_GZIP = b"\x1f\x8b"
_START = 1024  # bytes that UTF-16 without a byte order mark is recognized from
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    r"""Read the lines of a UTF-8 or UTF-16 file with their numbers, from 1, without line ends.

    A file whose name ends in ``.gz`` is decompressed. ``\n``, ``\r\n`` and ``\r`` end a line, also mixed in one file;
    U+2028, U+0085 and the like, where ``str.splitlines`` breaks as well, occur inside words of real text. A leading
    byte order mark is dropped.

    Raises:
        InputError: the file cannot be opened, is compressed otherwise or damaged, expands to a hundred times its size,
            has a line of 256 MB, or holds bytes that are not UTF-8 (reported with their offset in the decompressed
            file, from 0).
    """
    _check_not_compressed(path)
    file = _opened(path)
    max_size = _FREE + _MAX_EXPANSION * path.stat().st_size if is_gz(path) else 2**63
    line_number = 1
    with file:
        content = gzip.GzipFile(fileobj=file, mode="rb") if is_gz(path) else file
        for block, offset in _blocks(content, path, max_size):
            start = 0
            if not offset:
                if block.startswith(_GZIP) and not is_gz(path):
                    raise InputError("compressed by gzip", location=str(path), hint="let its name end in .gz")
                if encoding := utf16_encoding(block):
                    yield from _utf16_lines(path, encoding)
                    return
                start = len(codecs.BOM_UTF8) if block.startswith(codecs.BOM_UTF8) else 0
            fault: InputError | None = None
            try:
                text = block[start:].decode("utf-8")
            except UnicodeDecodeError as error:
                position = start + error.start
                fault = _not_utf8(
                    path, line_number + block.count(b"\n", 0, position), block[position], offset + position
                )
                text = block[start : block.rfind(b"\n", 0, position) + 1].decode("utf-8")
            if "\r" in text:
                text = _LINE_END.sub("\n", text)
            lines = text.split("\n")
            if not lines[-1]:  # after the last line end
                lines.pop()
            yield from enumerate(lines, start=line_number)
            line_number += len(lines)
            if fault is not None:
                raise fault


def read_lines_from(path: Path, start: int) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file that begin at the byte ``start`` or later, as ``read_lines`` does.

    Each line comes with the offset of its first byte; of several that end in carriage returns alone, that of the first.

    Raises:
        InputError: the file cannot be opened, has a line of 256 MB, or holds bytes that are not UTF-8.
    """
    with _opened(path) as file:
        if start:
            file.seek(start - 1)
            file.readline()  # the rest of the line before
        offset = file.tell()
        for line in _checked(iter(partial(file.readline, _MAX_LINE), b""), path):
            if len(line) == _MAX_LINE:
                raise _too_large(path, None, is_expanded=False)
            mark = len(codecs.BOM_UTF8) if not offset and line.startswith(codecs.BOM_UTF8) else 0
            try:
                text = line[mark:].decode("utf-8")
            except UnicodeDecodeError as error:
                position = mark + error.start
                raise _not_utf8(path, None, line[position], offset + position) from error
            parts = _LINE_END.sub("\n", text).split("\n")
            if not parts[-1]:  # after the line end
                parts.pop()
            for part in parts:
                yield offset, part
            offset += len(line)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise InputError(f"cannot be read: {getattr(error, 'strerror', error)}", location=str(path)) from error


def _blocks(file: IO[bytes] | gzip.GzipFile, path: Path, max_size: int) -> Iterator[tuple[bytes, int]]:
    """Yield ``file`` in blocks of whole lines, each with the offset of its first byte.

    Raises:
        InputError: the file cannot be read, expands to more than ``max_size``, or has a line that is too long.
    """
    rest, offset, lines = b"", 0, 0
    for chunk in _checked(iter(partial(file.read, _BLOCK), b""), path):
        if offset + len(rest) + len(chunk) > max_size:
            raise _too_large(path, lines + 1, is_expanded=True)
        block = rest + chunk
        end = block.rfind(b"\n") + 1 or block.rfind(b"\r", 0, -1) + 1  # the last byte may belong to \r\n
        rest = block[end:]
        if len(rest) >= _MAX_LINE:
            raise _too_large(path, lines + block.count(b"\n") + 1, is_expanded=False)
        if end:
            yield block[:end], offset
            offset += end
            lines += block.count(b"\n")
    if rest:
        yield rest, offset


def is_utf16(path: Path) -> bool:
    """Return whether a file is UTF-16."""
    try:
        with gzip.open(path, "rb") if is_gz(path) else path.open("rb") as file:
            return utf16_encoding(file.read(_START)) is not None
    except (OSError, EOFError, zlib.error, ValueError):
        return False


def utf16_encoding(data: bytes) -> str | None:
    """Return the encoding of the beginning of a UTF-16 file: by its byte order mark, or of mostly ASCII; else None."""
    if data.startswith(_UTF16):
        return "utf-16"
    start = data[:_START]
    if b"\0" in start and not start.startswith(codecs.BOM_UTF8):
        for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            if start[first::2].count(0) > 0.4 * len(start) and start[1 - first :: 2].count(0) == 0:
                return encoding
    return None


def _utf16_lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-16 file with their numbers."""
    with gzip.open(path, "rb") if is_gz(path) else path.open("rb") as file:
        text = io.TextIOWrapper(file, encoding=encoding, newline="")
        try:
            lines = (part for line in text for part in line.rstrip("\r\n").split("\r"))
            yield from enumerate(lines, start=1)
        except UnicodeError as error:
            raise InputError(f"not valid UTF-16 ({error})", location=str(path)) from error


def is_gz(path: Path) -> bool:
    """Return whether ``path`` is compressed by gzip, according to its name."""
    return path.suffix.lower() == ".gz"


def without_gz(path: Path) -> Path:
    """Return ``path`` without the suffix of gzip."""
    return path.with_suffix("") if is_gz(path) else path


def expand_paths(paths: str | Sequence[str], *, key: str = "", raw: bool = False) -> list[Path]:
    """Return the files that paths and globs name, in the given order, those of a glob sorted, each file once.

    Files of URLs and of the Hub are downloaded; standard input is read to its end.

    Args:
        paths: one or several paths, globs (``**`` descends into folders), URLs, Hub references
            (``hub:OWNER/NAME:SPLIT``), or ``-`` for standard input.
        key: the configuration key that holds them, for messages.
        raw: whether standard input is raw text; that of ``data.unlabeled`` always is.

    Raises:
        InputError: a path or a glob names no file, or a compressed one that is not read; a server or the Hub cannot be
            reached, or lacks the file.
    """
    files: dict[Path, Path] = {}
    for pattern in [paths] if isinstance(paths, str) else paths:
        for path in _matches(pattern, key, raw=raw or key == "data.unlabeled"):
            _check_not_compressed(path)
            files.setdefault(path.resolve(), path)
    return list(files.values())


def _matches(pattern: str, key: str, *, raw: bool) -> Sequence[Path]:
    """Return the files that a path, a glob, a URL or a Hub reference names."""
    if pattern == STANDARD_INPUT:
        return [standard_input(raw=raw)]
    if pattern.startswith("hub:"):
        return hub_files(pattern, location=_location(key))
    pattern = local_path(pattern)
    if is_url(pattern):
        return remote_files(pattern, location=_location(key))
    try:
        # A file may be called data[1].txt: an existing path is not a glob.
        names = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))
        matches = [path for path in map(Path, names) if path.is_file()]
    except (OSError, ValueError, re.error) as error:  # no permission, a name that is too long, a glob like [z-a]
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{pattern!r} cannot be read: {reason}", location=_location(key)) from error
    if not matches:
        raise _no_file(pattern, key)
    return matches


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(file: Iterable[bytes], path: Path) -> Iterator[bytes]:
    """Yield the lines of ``file``, with errors of decompression and of reading as ``InputError``."""
    try:
        yield from file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"not a complete gzip file ({error})",
            location=str(path),
            hint="compress it again, or give the file without .gz",
        ) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", location=str(path)) from error


def _too_large(path: Path, line_number: int | None, *, is_expanded: bool) -> InputError:
    if is_expanded:
        return InputError(
            f"expands to more than {_MAX_EXPANSION} times its size",
            location=str(path),
            hint="if this is right, decompress it: gunzip -k",
        )
    return InputError(
        f"found a line of more than {_MAX_LINE >> 20} MB",
        location=str(path) if line_number is None else f"{path}:{line_number}",
        expected="a sentence, a paragraph or a row on each line",
    )


def _not_utf8(path: Path, line_number: int | None, byte: int, offset: int) -> InputError:
    encoding = "cp1252" if 0x80 <= byte <= 0x9F else "latin1"  # latin1 has control characters there
    return InputError(
        f"byte {offset} (0x{byte:02X}) is not UTF-8",
        location=str(path) if line_number is None else f"{path}:{line_number}",
        hint=f"convert the file, e.g. iconv -f {encoding} -t utf-8",
    )


def _no_file(pattern: str, key: str) -> InputError:
    if Path(pattern).is_dir():
        return InputError(
            f"'{pattern}' is a folder",
            location=_location(key),
            expected=f"files, e.g. '{Path(pattern) / '*.conll'}'",
        )
    return InputError(
        f"found no file '{pattern}' (in {Path.cwd()})", location=_location(key), hint=path_suggestion(Path(pattern))
    )


def _location(key: str) -> Text:
    return Setting(key) if key else ""


def _check_not_compressed(path: Path) -> None:
    if command := _DECOMPRESSORS.get(path.suffix.lower()):
        raise InputError(
            f"files compressed as {path.suffix} are not read", location=str(path), hint=f"decompress it: {command}"
        )
