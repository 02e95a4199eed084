"""Checksums of a run's files: one inside each checkpoint, and ``SHA256SUMS`` for the files of a finished run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nlptrain.atomic_files import replacing, write_text
from nlptrain.errors import InputError, Problem, Setting, Text

if TYPE_CHECKING:
    from torch import Tensor

SUMS = "SHA256SUMS"
CHECKPOINT = "checkpoint.safetensors"
PREVIOUS = "checkpoint-previous.safetensors"  # the checkpoint before it
_BLANK = b"0" * 64
_KEY = b'"sha256":"'
_CHUNK = 2**20
_LONGEST_HEADER = 100_000_000  # the limit of safetensors itself
_DIFFERS = f"its SHA-256 is not that in {SUMS}"
OVERWRITE = ("train the run again with ", Setting("overwrite"))
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


class DamagedFile(InputError):
    """A file does not have the content that was written.

    Attributes:
        path: the file.
        reason: what is wrong with it.
    """

    def __init__(self, path: Path, reason: str, advice: Text = "") -> None:
        """Describe the damage of ``path`` by ``reason``; ``advice`` is what to do."""
        super().__init__(f"is damaged ({reason})", location=str(path), hint=advice)
        self.path = path
        self.reason = reason


def text_hash(text: str) -> str:
    """Return the SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in hex; cached until its size or modification time changes."""
    state = path.stat()
    return _hash(path, state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=1024)
def _hash(path: Path, *_: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file, whole or not at all, with the SHA-256 of all its bytes in its metadata.

    The hash is that of the file with 64 zeros for the hash.

    Raises:
        OSError: it cannot be written; the name is that of ``path``.
    """
    from safetensors.torch import save_file  # imports torch, which most commands do not need

    with replacing(path) as part:
        save_file(dict(tensors), part, metadata={**metadata, "sha256": _BLANK.decode()})
        with part.open("r+b") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            file.seek(_header(file, path).index(_KEY + _BLANK) + 8 + len(_KEY))
            file.write(checksum.encode())


def read_metadata(path: Path) -> dict[str, str]:
    """Verify a file of ``save_tensors`` and return its metadata.

    Raises:
        DamagedFile: its bytes do not match its checksum.
        InputError: it has no checksum.
    """
    with path.open("rb") as file:
        header = _header(file, path)
        start = header.find(_KEY) + len(_KEY)
        if start < len(_KEY):
            try:
                json.loads(header)
            except ValueError as error:
                raise DamagedFile(path, "it has no safetensors header") from error
            raise InputError(
                "has no checksum, as in an earlier version of nlptrain",
                location=str(path),
                hint=("finish the run with that version, or set ", Setting("overwrite")),
            )
        recorded = header[start : start + len(_BLANK)]
        actual = hashlib.sha256(len(header).to_bytes(8, "little"))
        actual.update(header[:start] + _BLANK + header[start + len(_BLANK) :])
        while chunk := file.read(_CHUNK):
            actual.update(chunk)
    if actual.hexdigest().encode() != recorded:
        raise DamagedFile(path, "its bytes do not match its checksum")
    metadata: dict[str, str] = json.loads(header)["__metadata__"]
    return metadata


def _header(file: IO[bytes], path: Path) -> bytes:
    length = int.from_bytes(file.read(8), "little")
    header = file.read(length) if length <= _LONGEST_HEADER else b""
    if not header or len(header) != length:
        raise DamagedFile(path, "it is truncated, or no safetensors file")
    return header


def write_sums(folder: Path, names: Iterable[str], texts: Mapping[str, str]) -> None:
    """Write ``SHA256SUMS`` in the format of ``sha256sum --check``.

    Args:
        folder: of the run.
        names: of existing files in it.
        texts: content by name of files that are not written yet.
    """
    hashes = {name: file_hash(folder / name) for name in names if (folder / name).is_file()}
    hashes |= {name: text_hash(text) for name, text in texts.items()}
    write_text(folder / SUMS, "".join(f"{checksum}  {name}\n" for name, checksum in sorted(hashes.items())))


def read_sums(folder: Path) -> dict[str, str]:
    """Return the hash of each file in ``SHA256SUMS``, by name; empty if there is no such file.

    Raises:
        DamagedFile: the file is no list of hashes.
    """
    path = folder / SUMS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise _unreadable(path) from error
    matches = [_LINE.fullmatch(line) for line in lines]
    if not matches or not all(matches):
        raise _unreadable(path)
    return {match[2]: match[1] for match in matches if match}


def _unreadable(path: Path) -> DamagedFile:
    return DamagedFile(path, "no list of SHA-256 hashes", "remove it to read the run without these checks")


def verify_files(folder: Path, prefix: str = "") -> None:
    """Compare the files of a finished run with its ``SHA256SUMS``, if it has one.

    Args:
        folder: of the run.
        prefix: only files whose names begin with it.

    Raises:
        InputError: files are missing or have other bytes; one problem per file.
    """
    problems = []
    for name, checksum in read_sums(folder).items():
        if name.startswith(prefix):
            path = folder / name
            if not path.is_file():
                problems.append(Problem("is missing", location=str(path), hint=_advice(folder)))
            elif file_hash(path) != checksum:
                text = f"is damaged or was changed ({_DIFFERS})"
                problems.append(Problem(text, location=str(path), hint=_advice(folder)))
    if problems:
        raise InputError(*problems)


def _advice(folder: Path) -> tuple[str | Setting, ...]:
    if (folder / SUMS).is_file():
        return (*OVERWRITE, f", or remove {folder / SUMS} to skip these checks")
    return OVERWRITE


def read_json(path: Path) -> Any:  # noqa: ANN401
    """Read a JSON file of a run's folder, and verify it if ``SHA256SUMS`` lists it.

    Raises:
        DamagedFile: it is no JSON, or does not match its checksum.
    """
    data = path.read_bytes()
    checksum = read_sums(path.parent).get(path.name)
    if checksum is not None and hashlib.sha256(data).hexdigest() != checksum:
        raise DamagedFile(path, _DIFFERS, _advice(path.parent))
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(path, "not valid JSON", _advice(path.parent)) from error
