"""Files and folders that are replaced atomically, and disk errors that name the file."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

_AGAIN = "free some space, and give the same command again"
_ADVICE = {
    errno.ENOSPC: f"; {_AGAIN}",
    errno.EDQUOT: f"; {_AGAIN}",
    errno.EFBIG: "; raise the limit on the size of files (ulimit -f), and give the same command again",
}


@contextmanager
def write_errors(name: Path | str) -> Iterator[None]:
    """Raise errors of writing in this block as ``OSError`` with the name of the file and what to do.

    Libraries report a full disk with their own exceptions (``SafetensorError``, a bare ``Exception``), without the name
    of the file, or with that of a temporary one.

    Args:
        name: the file, the folder, or the stream.

    Raises:
        OSError: a disk is full, a file reaches its size limit, or a path is not writable.
    """
    try:
        yield
    except Exception as error:
        code = _error_code(error)
        if code is None:
            raise
        raise OSError(code, os.strerror(code) + _ADVICE.get(code, ""), str(name)) from error


def _error_code(error: Exception) -> int | None:
    """Return the ``errno`` of ``error``, or None if it is no error of writing."""
    if isinstance(error, OSError) and error.errno is not None:
        is_temporary = error.filename is None or re.search(r"\.part\b", str(error.filename))
        return error.errno if is_temporary or error.errno in _ADVICE else None
    match = re.search(r"\(os error (\d+)\)", str(error))  # of a library in Rust
    return int(match[1]) if match else None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file that replaces ``path`` at the end, or is removed after an error.

    Raises:
        OSError: ``path`` is not writable.
    """
    part = path.with_name(path.name + ".part")
    try:
        with write_errors(path):
            yield part
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def put_if_absent(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all, unless there is a file; any number of processes may do so.

    Raises:
        OSError: ``path`` is not writable.
    """
    host = re.sub(r"\W", "", platform.node())
    part = path.with_name(f".{path.name}.{host}-{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with write_errors(path):
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(part, path)
            except FileExistsError:
                pass
            except OSError:  # no hard links there
                if not path.exists():
                    part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove the temporary files that killed processes of this machine have left in ``folder``."""
    host = re.sub(r"\W", "", platform.node())
    for path in folder.glob(".*.part"):
        match = re.fullmatch(r"\..+\.(\w*)-(\d+)-\w{8}\.part", path.name)
        if match and match[1] == host and not _is_alive(int(match[2])):
            path.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary folder that replaces ``path`` at the end, or is removed after an error.

    Raises:
        OSError: ``path`` is not writable.
    """
    part = path.with_name(path.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        with write_errors(path):
            yield part
            shutil.rmtree(path, ignore_errors=True)
            part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder next to ``folder`` that replaces it at the end, or is removed after an error.

    Raises:
        OSError: it cannot be written; the name is that of ``folder``.
    """
    created = [parent for parent in folder.parents if not parent.exists()]
    with write_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clean_up(folder)
        part = Path(mkdtemp(prefix=f".{folder.name}.{os.getpid()}.", suffix=".part", dir=folder.parent))
    try:
        with write_errors(folder):
            yield part
        part.chmod(0o755)
        old = part.with_name(part.name + ".old")
        if folder.exists():
            folder.rename(old)
        try:
            part.rename(folder)
        except BaseException:
            if old.exists():
                old.rename(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        for parent in created:
            with suppress(OSError):  # it is not empty
                parent.rmdir()
        raise


def _clean_up(folder: Path) -> None:
    """Remove temporary folders of killed processes; restore the old folder if there is no new one."""
    name = re.compile(rf"\.{re.escape(folder.name)}\.(\d+)\.\w{{8}}\.part(\.old)?")
    for path in list(folder.parent.iterdir()):
        match = name.fullmatch(path.name)
        if match is None or _is_alive(int(match[1])):
            continue
        if match[2] and not folder.exists():
            path.rename(folder)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _is_alive(process_id: int) -> bool:
    """Return whether a process with this id may be running."""
    if os.name == "nt":  # where `os.kill` ends a process
        return True
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        pass
    return True


def to_json(value: Any) -> str:  # noqa: ANN401
    """Return ``value`` in the format of a run's JSON files."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401
    """Write ``value`` as JSON, atomically."""
    write_text(path, to_json(value))


def write_sealed_json(path: Path, value: dict[str, Any]) -> None:
    """Write ``value`` as JSON with its checksum, atomically, unless the file has it already."""
    text = _sealed_json(value)
    if not path.is_file() or path.read_bytes() != text.encode():
        write_text(path, text)


def read_sealed_json(path: Path) -> dict[str, Any] | None:
    """Return what ``write_sealed_json`` has written; None if there is no file, or if it is damaged."""
    try:
        content = path.read_bytes()
        value: dict[str, Any] = json.loads(content)
        value.pop("checksum")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return value if content == _sealed_json(value).encode() else None


def _sealed_json(value: dict[str, Any]) -> str:
    return to_json({"checksum": hashlib.sha256(to_json(value).encode()).hexdigest(), **value})


def write_text(path: Path, text: str) -> None:
    """Write ``text`` atomically.

    Raises:
        OSError: ``path`` is not writable.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def move_aside(path: Path) -> Path:
    """Rename the damaged file ``path`` to ``NAME.damaged``, or ``NAME.damaged-2`` and so on; return the new name."""
    aside, count = path.with_name(f"{path.name}.damaged"), 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.name}.damaged-{count}")
    return path.rename(aside)
