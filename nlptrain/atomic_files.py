"""Files that are replaced whole or stay as they are, and errors of a full disk that name the file."""

from __future__ import annotations

import errno
import json
import os
import re
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
    """Let an error of writing in this block name the file that it was for, and say what to do.

    Libraries report a full disk in types of their own (``SafetensorError``, a bare ``Exception``) and without the name
    of the file, or with that of a temporary one.

    Args:
        name: the file, the folder, or the stream.

    Raises:
        OSError: a disk is full, a file may grow no further, or something may not be written.
    """
    try:
        yield
    except Exception as error:
        number = _error_number(error)
        if number is None:
            raise
        raise OSError(number, os.strerror(number) + _ADVICE.get(number, ""), str(name)) from error


def _error_number(error: Exception) -> int | None:
    """The system's number for ``error``; None if it is no error of writing."""
    if isinstance(error, OSError) and error.errno is not None:
        temporary = error.filename is None or re.search(r"\.part\b", str(error.filename))
        return error.errno if temporary or error.errno in _ADVICE else None
    found = re.search(r"\(os error (\d+)\)", str(error))  # of a library in Rust
    return int(found[1]) if found else None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the name of a temporary file; it takes the place of ``path`` at the end, and is removed after an error.

    Raises:
        OSError: it cannot be written; the name is that of ``path``.
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


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield the name of a temporary folder; it takes the place of ``path`` at the end, and is removed after an error.

    Raises:
        OSError: it cannot be written; the name is that of ``path``.
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
    """A new folder that takes the place of ``folder`` when the block ends, and leaves no trace if the block fails.

    Raises:
        OSError: it cannot be written; the name is that of ``folder``.
    """
    made = [parent for parent in folder.parents if not parent.exists()]
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
        for parent in made:
            with suppress(OSError):  # somebody has put something there
                parent.rmdir()
        raise


def _clean_up(folder: Path) -> None:
    """Remove what killed processes left of their ``whole_folder``; put the old folder back if it is the only one."""
    name = re.compile(rf"\.{re.escape(folder.name)}\.(\d+)\.\w{{8}}\.part(\.old)?")
    for path in list(folder.parent.iterdir()):
        match = name.fullmatch(path.name)
        if match is None or _is_alive(int(match[1])):
            continue
        if match[2] and not folder.exists():
            path.rename(folder)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _is_alive(process: int) -> bool:
    """Return whether a process with this id may be running."""
    if os.name == "nt":  # where `os.kill` ends a process
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        pass
    return True


def to_json(value: Any) -> str:  # noqa: ANN401
    """Format ``value`` as the JSON files of a run are written."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401
    """Write ``value`` whole or not at all."""
    write_text(path, to_json(value))


def write_text(path: Path, text: str) -> None:
    """Write ``text`` whole or not at all.

    Raises:
        OSError: it cannot be written; the name is that of ``path``.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def move_aside(path: Path) -> Path:
    """Rename the damaged file ``path`` to ``NAME.damaged``, or ``NAME.damaged-2`` and so on; return the new name."""
    aside, number = path.with_name(f"{path.name}.damaged"), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    return path.rename(aside)
