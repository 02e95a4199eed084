"""The folder of a transfer set: what is in it, whether it is whole, and what no run needs any more."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from nlptrain.atomic_files import move_aside, read_sealed_json
from nlptrain.distillation.block_store import BLOCK_FILE, TEACHER_FILE
from nlptrain.distillation.block_use import FOLDER as RUNS
from nlptrain.distillation.block_use import RunBlocks, read_uses
from nlptrain.distillation.sealed_files import DamagedFileError, open_sealed
from nlptrain.errors import InputError
from nlptrain.procedures.stored_examples import FOLDER as EXAMPLES
from nlptrain.procedures.text_record import FOLDER as TEXTS

_OLD_FILE = re.compile(r"\d{6,9}\.arrow|manifest\.json|.*\.(damaged(-\d+)?|part)")  # of earlier versions, or damaged


@dataclass(frozen=True)
class StoredTeacher:
    """The blocks of one teacher.

    Attributes:
        key: name of the folder.
        teacher: its name; empty if it is unknown.
        labels: the number of its labels.
        blocks: the number of its blocks.
        bytes: of all files.
        runs: folders of the runs that read them.
    """

    key: str
    teacher: str
    labels: int
    blocks: int
    bytes: int
    runs: Sequence[str]

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
        kept: the number of blocks that a run reads.
    """

    blocks: int
    others: int
    bytes: int
    kept: int


def list_transfer_set(folder: Path) -> list[StoredTeacher]:
    """Return what is stored in ``folder``, teacher by teacher.

    Raises:
        InputError: it is not the folder of a transfer set.
    """
    uses = read_uses(folder)
    return [_describe(path, uses) for path in _teacher_folders(folder)]


def verify_transfer_set(folder: Path, report: Callable[[str], None]) -> tuple[int, int]:
    """Read every block in ``folder``, and move damaged ones aside; the next run labels them again.

    Args:
        folder: of the transfer set.
        report: receives a line for each damaged file.

    Returns:
        The numbers of whole and of damaged files.

    Raises:
        InputError: it is not the folder of a transfer set.
    """
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
        for teacher in teachers:
            needed = {name for use in uses if teacher.name in use.teachers for name in use.blocks}
            for path in sorted(path for path in teacher.rglob("*") if path.is_file()):
                match = BLOCK_FILE.fullmatch(path.name) if path.parent == teacher else None
                if (match and match[1] in needed) or (needed and not match and not _OLD_FILE.fullmatch(path.name)):
                    kept += match is not None
                    continue
                blocks, others, size = blocks + bool(match), others + (not match), size + path.stat().st_size
                if not dry_run:
                    path.unlink()
            if not needed and not dry_run:
                shutil.rmtree(teacher)
        for path in sorted(path for path in (folder / EXAMPLES).rglob("*") if path.is_file()):
            others, size = others + 1, size + path.stat().st_size
        if not dry_run:
            shutil.rmtree(folder / EXAMPLES, ignore_errors=True)
            _remove_records(folder, uses, {path.stem for teacher in teachers for path in teacher.glob("*.arrow")})
    return Pruned(blocks, others, size, kept)


def _remove_records(folder: Path, uses: Sequence[RunBlocks], names: Collection[str]) -> None:
    """Remove the records of runs whose folders do not exist, and of texts whose blocks are not all in ``names``."""
    for path in {*(folder / RUNS).glob("*.json")} - {use.record for use in uses}:
        path.unlink()
    for path in (folder / TEXTS).glob("*.json"):
        record = read_sealed_json(path)
        if record is None or any(block[0] not in names for block in record["blocks"]):
            path.unlink()


def _teacher_folders(folder: Path) -> list[Path]:
    """Return the folders of the teachers in ``folder``.

    Raises:
        InputError: there is none.
    """
    teachers = sorted(
        {path.parent for name in (TEACHER_FILE, "manifest.json") for path in folder.glob(f"*/{name}") if path.is_file()}
    )
    if not teachers:
        raise InputError(
            "holds no transfer set", location=str(folder), expected="the transfer_dir of a run, e.g. runs/transfer"
        )
    return teachers


def _describe(path: Path, uses: Sequence[RunBlocks]) -> StoredTeacher:
    try:
        description = json.loads((path / TEACHER_FILE).read_text(encoding="utf-8"))
        teacher, labels = str(description["teacher"]), len(description["labels"])
    except (OSError, ValueError, LookupError, TypeError):
        teacher, labels = "", 0
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    blocks = sum(BLOCK_FILE.fullmatch(file.name) is not None for file in path.iterdir())
    runs = [str(use.output_dir) for use in uses if path.name in use.teachers]
    return StoredTeacher(path.name, teacher, labels, blocks, size, runs)
