"""Which blocks of a transfer set each run and each labeled file needs, so that the others can be removed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nlptrain.atomic_files import read_sealed_json, write_sealed_json
from nlptrain.config.loading import load_data_config
from nlptrain.errors import InputError
from nlptrain.run.run import Run

FOLDER = "runs"  # below the folder of all teachers


@dataclass(frozen=True)
class RunBlocks:
    """The blocks that a run reads, or that a file of ``nlptrain label`` was written from.

    Attributes:
        record: the file that names them.
        output_dir: folder of the run, or the file.
        texts: the files of its gold and raw sentences, as they were given.
        teachers: keys of its teachers.
        blocks: names of the blocks.
        is_labeling: whether it has not labeled all of its text yet, and may need further blocks.
    """

    record: Path
    output_dir: Path
    texts: Sequence[str]
    teachers: Sequence[str]
    blocks: Sequence[str]
    is_labeling: bool


def record_use(
    folder: Path, run: Run, teachers: Iterable[str], names: Iterable[str] = (), *, is_labeling: bool = False
) -> None:
    """Add the blocks ``names`` to those that ``run`` reads, if it has a folder; a changed run starts anew.

    Args:
        folder: of the stores of all teachers.
        run: that reads the blocks.
        teachers: keys of its teachers.
        names: of the blocks.
        is_labeling: whether it labels text, and may be killed before it has recorded all names.
    """
    if run.folder is None or not run.processes.is_rank_zero:
        return
    output_dir = _relative(run.folder, folder)
    path = _record_path(folder, output_dir)
    description = {"output_dir": output_dir, "run": run.identity_hash, "teachers": sorted(teachers)}
    known = read_sealed_json(path)
    before = known["blocks"] if known and all(known[key] == value for key, value in description.items()) else ()
    write_sealed_json(path, {**description, "is_labeling": is_labeling, "blocks": sorted({*before, *names})})


def record_file(folder: Path, out: Path, texts: Sequence[str], teacher: str, names: Iterable[str]) -> None:
    """Record that the file ``out`` was written from the blocks ``names`` of ``teacher``.

    Args:
        folder: of the stores of all teachers.
        out: the file.
        texts: the files whose sentences were labeled.
        teacher: key of the teacher.
        names: of the blocks.
    """
    output = _relative(out, folder)
    described = {"output_dir": output, "run": "", "texts": list(texts), "teachers": [teacher]}
    write_sealed_json(_record_path(folder, output), {**described, "is_labeling": False, "blocks": sorted(names)})


def _record_path(folder: Path, output: str) -> Path:
    path = folder / FOLDER / f"{hashlib.blake2b(output.encode(), digest_size=16).hexdigest()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def read_uses(folder: Path) -> list[RunBlocks]:
    """Return what each run needs whose folder still exists, and each labeled file that does."""
    uses = []
    for path in sorted((folder / FOLDER).glob("*.json")):
        if (known := read_sealed_json(path)) is None:
            continue
        output_dir = Path(os.path.normpath(folder.resolve() / known["output_dir"]))
        if (is_run := (output_dir / "run.json").is_file()) or output_dir.is_file():
            texts = _texts_of_run(output_dir) if is_run else known.get("texts", ())
            uses.append(RunBlocks(path, output_dir, texts, known["teachers"], known["blocks"], known["is_labeling"]))
    return uses


def _texts_of_run(output_dir: Path) -> list[str]:
    """Return the files of a run's gold and raw sentences; none if its configuration cannot be read."""
    try:
        data = load_data_config(output_dir / "config.yaml")
    except InputError:
        return []
    return [*data.paths_of("train"), *data.paths_of("unlabeled")]


def _relative(output_dir: Path, folder: Path) -> str:
    """Return the path of a run from ``folder``, so that both can be moved; absolute on another drive."""
    try:
        return Path(os.path.relpath(output_dir.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return output_dir.resolve().as_posix()
