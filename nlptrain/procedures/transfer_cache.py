"""The folder of a transfer set: what is in it, whether it is whole, and what no run needs any more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from filelock import FileLock, Timeout

from nlptrain.atomic_files import move_aside, read_sealed_json
from nlptrain.distillation.block_store import BLOCK_FILE, TEACHER_FILE
from nlptrain.distillation.block_use import FOLDER as RUNS
from nlptrain.distillation.block_use import RunBlocks, read_uses
from nlptrain.distillation.remote_blocks import RemoteBlocks
from nlptrain.distillation.sealed_files import DamagedFileError, open_sealed, read_sealed
from nlptrain.distillation.stored_predictions import FOLDER as PREDICTIONS
from nlptrain.errors import InputError
from nlptrain.procedures.stored_examples import FOLDER as EXAMPLES
from nlptrain.procedures.text_record import FOLDER as TEXTS
from nlptrain.urls import hide_credentials, is_url

_DESCRIPTION = {"teacher", "labels"}  # keys of TEACHER_FILE
_OWN_NAME = re.compile(r"[0-9a-f]{32}")
# Damaged and partial files, and those of earlier versions.
_OLD_FILE = re.compile(r"\d{6,9}\.arrow|manifest\.json|[.\w-]+\.(arrow|json)(\..*)?\.(damaged(-\d+)?|part)")


@dataclass(frozen=True)
class StoredTeacher:
    """The blocks of one teacher.

    Attributes:
        key: name of the folder.
        teacher: its name; empty if it is unknown.
        labels: the number of its labels.
        blocks: the number of its blocks.
        bytes: of all files.
        runs: folders of the runs that read them, and files of ``nlptrain label``; None below a URL, where they are not
            recorded.
        texts: the files of gold and raw sentences that these have read; None below a URL.
    """

    key: str
    teacher: str
    labels: int
    blocks: int
    bytes: int
    runs: Sequence[str] | None
    texts: Sequence[str] | None

    def to_json(self) -> dict[str, Any]:
        """Return a map."""
        return asdict(self)


@dataclass(frozen=True)
class Pruned:
    """What ``prune_transfer_set`` has removed.

    Attributes:
        blocks: the number of blocks.
        others: the number of other files: examples, damaged ones, and those of earlier versions.
        bytes: of all of them.
        kept: the number of blocks that a run or a labeled file needs.
    """

    blocks: int
    others: int
    bytes: int
    kept: int


def list_transfer_set(folder: str | Path) -> list[StoredTeacher]:
    """Return what is stored in ``folder``, or below this URL, teacher by teacher.

    Raises:
        InputError: it is not the folder of a transfer set; or the server refuses it or does not respond.
    """
    if is_url(str(folder)):
        return [_describe_remote(blocks, description) for blocks, description in _remote_teachers(str(folder))]
    folder = Path(folder)
    uses = read_uses(folder)
    return [_describe(path, uses) for path in _teacher_folders(folder)]


def verify_transfer_set(folder: str | Path, report: Callable[[str], None]) -> tuple[int, int]:
    """Read every block in ``folder``, and move damaged ones aside; the next run labels them again.

    Below a URL, damaged ones are removed.

    Args:
        folder: of the transfer set, or its URL.
        report: receives a line for each damaged file.

    Returns:
        The numbers of whole and of damaged files.

    Raises:
        InputError: it is not the folder of a transfer set; or the server refuses it or does not respond.
    """
    if is_url(str(folder)):
        return _verify_remote(str(folder), report)
    folder = Path(folder)
    whole = damaged = 0
    for teacher in _teacher_folders(folder):
        for path in sorted(teacher.rglob("*.arrow")):
            if _OLD_FILE.fullmatch(path.name):
                continue
            try:
                open_sealed(path)
                whole += 1
            except DamagedFileError as error:
                damaged += 1
                report(f"{path}: damaged ({error}); moved to {move_aside(path).name}")
    return whole, damaged


def prune_transfer_set(folder: Path, *, dry_run: bool = False) -> Pruned:
    """Remove the blocks in ``folder`` that no run reads whose folder exists, and damaged and outdated files.

    Stored examples are removed, too: encoding the sentences again takes little time.

    Args:
        folder: of the transfer set.
        dry_run: count them, and remove nothing.

    Raises:
        InputError: it is not the folder of a transfer set, or a run labels text there.
    """
    teachers = _teacher_folders(folder)
    with ExitStack() as stack:
        for teacher in teachers:
            try:
                stack.enter_context(FileLock(folder / f"{teacher.name}.lock", timeout=0))
            except Timeout as error:
                raise InputError(
                    "a run labels text there", location=str(teacher), hint="repeat this command when it has finished"
                ) from error
        uses = read_uses(folder)
        blocks = others = size = kept = 0
        for path in _removable(folder, teachers, uses):
            is_block = BLOCK_FILE.fullmatch(path.name) is not None and path.parent in teachers
            blocks, others, size = blocks + is_block, others + (not is_block), size + path.stat().st_size
            if not dry_run:
                path.unlink()
        for teacher in teachers:
            kept += sum(path.stem in _needed(teacher, uses) for path in teacher.glob("*.arrow"))
        if not dry_run:
            _remove_empty_folders(folder, teachers)
    return Pruned(blocks, others, size, kept)


def _needed(teacher: Path, uses: Sequence[RunBlocks]) -> Collection[str]:
    """Return the names of the blocks of a teacher that runs read; a run that has not labeled all may need each."""
    of_teacher = [use for use in uses if teacher.name in use.teachers]
    if any(use.is_labeling for use in of_teacher):
        return {path.stem for path in teacher.glob("*.arrow") if BLOCK_FILE.fullmatch(path.name)}
    return {name for use in of_teacher for name in use.blocks}


def _removable(folder: Path, teachers: Sequence[Path], uses: Sequence[RunBlocks]) -> list[Path]:
    """Return the files that no run needs; no file that has another name than nlptrain gives its own."""
    removable: list[Path] = []
    remaining: set[str] = set()
    for teacher in teachers:
        needed, is_used = _needed(teacher, uses), any(teacher.name in use.teachers for use in uses)
        for path in teacher.iterdir():
            if match := BLOCK_FILE.fullmatch(path.name):
                is_removable = match[1] not in needed
                remaining |= set() if is_removable else {match[1]}
            else:
                is_removable = _OLD_FILE.fullmatch(path.name) is not None
                is_removable = is_removable or (path.name == TEACHER_FILE and not is_used)
            removable += [path] if is_removable and path.is_file() else []
        for path in (teacher / PREDICTIONS).glob("*.arrow*"):
            is_own = BLOCK_FILE.fullmatch(path.name) and not is_used
            removable += [path] if is_own or _OLD_FILE.fullmatch(path.name) else []
    for part in (folder / EXAMPLES).glob("*/*"):
        removable += [part] if _OWN_NAME.fullmatch(part.parent.name) and part.suffix in (".npy", ".json") else []
    records = {path for path in (folder / RUNS).glob("*.json") if _OWN_NAME.fullmatch(path.stem)}
    removable += records - {use.record for use in uses}
    for path in (folder / TEXTS).glob("*.json"):
        record = read_sealed_json(path)
        is_complete = record is not None and all(block[0] in remaining for block in record["blocks"])
        removable += [path] if _OWN_NAME.fullmatch(path.stem) and not is_complete else []
    return sorted(removable)


def _remove_empty_folders(folder: Path, teachers: Sequence[Path]) -> None:
    parts = [path for path in (folder / EXAMPLES).glob("*") if _OWN_NAME.fullmatch(path.name)]
    predictions = [teacher / PREDICTIONS for teacher in teachers]
    for path in [*parts, *predictions, *teachers, folder / EXAMPLES]:
        with suppress(OSError):  # it is not empty, or there is none
            path.rmdir()


def _teacher_folders(folder: Path) -> list[Path]:
    """Return the folders of the teachers in ``folder``.

    Raises:
        InputError: there is none.
    """
    teachers = sorted(path for path in folder.iterdir() if _is_teacher(path)) if folder.is_dir() else []
    if not teachers:
        raise _no_transfer_set(str(folder))
    return teachers


def _no_transfer_set(folder: str) -> InputError:
    expected = "the transfer_dir of a run, e.g. runs/transfer"
    return InputError("holds no transfer set", location=folder, expected=expected)


def _is_teacher(path: Path) -> bool:
    """Return whether a folder holds the blocks of a teacher, or what an earlier version stored of one."""
    current, old = _read_map(path / TEACHER_FILE), _read_map(path / "manifest.json")
    return current.keys() >= _DESCRIPTION or ({"shards", "labels"} <= old.keys() and old.get("key") == path.name)


def _read_map(path: Path) -> dict[str, Any]:
    """Return the map in a file of JSON; an empty one if there is none."""
    try:
        return _parse_map(path.read_bytes())
    except OSError:
        return {}


def _parse_map(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _describe(path: Path, uses: Sequence[RunBlocks]) -> StoredTeacher:
    description = _read_map(path / TEACHER_FILE)
    teacher, labels = str(description.get("teacher", "")), len(description.get("labels", ()))
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    blocks = sum(BLOCK_FILE.fullmatch(file.name) is not None for file in path.iterdir())
    users = [use for use in uses if path.name in use.teachers]
    runs, texts = [str(use.output_dir) for use in users], sorted({text for use in users for text in use.texts})
    return StoredTeacher(path.name, teacher, labels, blocks, size, runs, texts)


def _remote_teachers(url: str) -> list[tuple[RemoteBlocks, dict[str, Any]]]:
    """Return the teachers whose blocks are below ``url``, with their descriptions.

    Raises:
        InputError: there is none; or the server refuses it or does not respond.
    """
    described = [(blocks, _parse_map(blocks.read(TEACHER_FILE) or b"")) for blocks in RemoteBlocks.below(url)]
    teachers = [(blocks, description) for blocks, description in described if description.keys() >= _DESCRIPTION]
    if not teachers:
        raise _no_transfer_set(hide_credentials(url))
    return teachers


def _describe_remote(blocks: RemoteBlocks, description: dict[str, Any]) -> StoredTeacher:
    sizes = blocks.sizes()
    count = sum(BLOCK_FILE.fullmatch(name) is not None for name in sizes)
    labels = len(description["labels"])
    return StoredTeacher(blocks.key, str(description["teacher"]), labels, count, sum(sizes.values()), None, None)


def _verify_remote(url: str, report: Callable[[str], None]) -> tuple[int, int]:
    whole = damaged = 0
    for blocks, _ in _remote_teachers(url):
        for name in sorted(name for name in blocks.names() if BLOCK_FILE.fullmatch(name)):
            content = blocks.read(name)
            if content is None:  # another process has removed it
                continue
            try:
                read_sealed(pa.py_buffer(content))
                whole += 1
            except DamagedFileError as error:
                damaged += 1
                if blocks.read(name) == content:  # else a run has replaced it
                    blocks.remove(name)
                report(f"{blocks.url}/{name}: damaged ({error}); removed")
    return whole, damaged
