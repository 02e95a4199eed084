"""Checksums of what a run writes: one inside each checkpoint, and ``SHA256SUMS`` for the files of a finished run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nlptrain.atomic_files import replacing, write_text
from nlptrain.errors import InputError, Text

if TYPE_CHECKING:
    from torch import Tensor

SUMS = "SHA256SUMS"
CHECKPOINT = "checkpoint.safetensors"
PREVIOUS = "checkpoint-previous.safetensors"  # the one before
_BLANK = b"0" * 64
_KEY = b'"sha256":"'
_CHUNK = 2**20
_LONGEST_HEADER = 100_000_000  # of a safetensors file, as its own readers have it
_DIFFERS = f"its SHA-256 is not that in {SUMS}"
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


class DamagedFile(InputError):
    """A file is not as it was written.

    Attributes:
        path: the file.
        reason: what is wrong with it.
    """

    def __init__(self, path: Path, reason: str, advice: Text = "") -> None:
        """``path`` cannot be used because of ``reason``; ``advice`` says what to do."""
        super().__init__(f"is damaged ({reason})", location=str(path), hint=advice)
        self.path = path
        self.reason = reason


def text_hash(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hex; computed once for each of its states."""
    state = path.stat()
    return _hash(path, state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=1024)
def _hash(path: Path, *_: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file, whole or not at all, with the SHA-256 of all its bytes in its metadata.

    The hash is that of the file with 64 zeros in its place.

    Raises:
        OSError: it cannot be written; the name is that of ``path``.
    """
    from safetensors.torch import save_file  # and with it torch, which most commands do without

    with replacing(path) as part:
        save_file(dict(tensors), part, metadata={**metadata, "sha256": _BLANK.decode()})
        with part.open("r+b") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            file.seek(_header(file, path).index(_KEY + _BLANK) + 8 + len(_KEY))
            file.write(digest.encode())


def read_metadata(path: Path) -> dict[str, str]:
    """Verify a file of ``save_tensors`` and return its metadata.

    Raises:
        DamagedFile: it has other bytes than were written.
        InputError: it has no checksum.
    """
    with path.open("rb") as file:
        header = _header(file, path)
        start = header.find(_KEY) + len(_KEY)
        if start < len(_KEY):
            try:
                json.loads(header)
            except ValueError as error:
                raise DamagedFile(path, "no header of a safetensors file") from error
            raise InputError(
                f"{path}: has no checksum, as of an older version; finish the run with that version, or begin anew "
                "with --overwrite"
            )
        digest = header[start : start + len(_BLANK)]
        seen = hashlib.sha256(len(header).to_bytes(8, "little"))
        seen.update(header[:start] + _BLANK + header[start + len(_BLANK) :])
        while chunk := file.read(_CHUNK):
            seen.update(chunk)
    if seen.hexdigest().encode() != digest:
        raise DamagedFile(path, "its bytes do not match its checksum")
    metadata: dict[str, str] = json.loads(header)["__metadata__"]
    return metadata


def _header(file: IO[bytes], path: Path) -> bytes:
    length = int.from_bytes(file.read(8), "little")
    header = file.read(length) if length <= _LONGEST_HEADER else b""
    if not header or len(header) != length:
        raise DamagedFile(path, "it is cut short, or no safetensors file")
    return header


def write_sums(folder: Path, names: Iterable[str], texts: Mapping[str, str]) -> None:
    """Write ``SHA256SUMS``, as ``sha256sum --check`` reads it.

    Args:
        folder: of the run.
        names: of files in it.
        texts: of files that are not written yet, their content by name.
    """
    hashes = {name: file_hash(folder / name) for name in names if (folder / name).is_file()}
    hashes |= {name: text_hash(text) for name, text in texts.items()}
    write_text(folder / SUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items())))


def read_sums(folder: Path) -> dict[str, str]:
    """The hash of each file that ``SHA256SUMS`` lists, by name; none of an unfinished run or an older version's.

    Raises:
        DamagedFile: the file cannot be read as one.
    """
    path = folder / SUMS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise _unreadable(path) from error
    found = [_LINE.fullmatch(line) for line in lines]
    if not found or not all(found):
        raise _unreadable(path)
    return {match[2]: match[1] for match in found if match}


def _unreadable(path: Path) -> DamagedFile:
    return DamagedFile(path, "no list of SHA-256 hashes", "remove it to read the run without these checks")


def verify_files(folder: Path, prefix: str = "") -> None:
    """Compare the files of a finished run with its ``SHA256SUMS``, if it has one.

    Args:
        folder: of the run.
        prefix: only files whose names begin with it.

    Raises:
        InputError: files are missing or have other bytes; one line for each.
    """
    faults = []
    for name, digest in read_sums(folder).items():
        if name.startswith(prefix):
            path = folder / name
            if not path.is_file():
                faults.append(f"{path}: is missing; {_advice(folder)}")
            elif file_hash(path) != digest:
                faults.append(f"{path}: is damaged or was changed ({_DIFFERS}); {_advice(folder)}")
    if faults:
        raise InputError(*faults)


def _advice(folder: Path) -> str:
    again = "train the run again with --overwrite"
    return f"{again}, or remove {folder / SUMS} to read it as it is" if (folder / SUMS).is_file() else again


def read_json(path: Path) -> Any:  # noqa: ANN401
    """Read a JSON file of a run's folder, compared with ``SHA256SUMS`` if that lists it.

    Raises:
        DamagedFile: it is no JSON, or has other bytes than were written.
    """
    data = path.read_bytes()
    digest = read_sums(path.parent).get(path.name)
    if digest is not None and hashlib.sha256(data).hexdigest() != digest:
        raise DamagedFile(path, _DIFFERS, _advice(path.parent))
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(path, "not valid JSON", _advice(path.parent)) from error
