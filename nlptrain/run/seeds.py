"""The folder of several seeds: in it one run for each, and ``seeds.json``, which names them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nlptrain.atomic_files import move_aside, write_json
from nlptrain.errors import InputError
from nlptrain.run.checksums import DamagedFile, read_json
from nlptrain.run.output_folder import (
    check_foreign_files,
    clear_run,
    has_progress,
    lock_folder,
    missing_folders,
    remove_if_empty,
)

_FILE = "seeds.json"


def seed_folder(folder: Path, seed: int) -> Path:
    """Where the run of ``seed`` stands in the ``folder`` of several."""
    return folder / f"seed-{seed}"


def seed_folders(folder: Path) -> list[Path]:
    """The runs in a ``folder`` of several seeds, in their order; none if it is anything else."""
    return [seed_folder(folder, seed) for seed in _recorded(folder)[1]]


def parent_folder(folder: Path) -> Path:
    """The folder that a run in ``folder`` stands in, where its seeds count as one run."""
    above = folder.parent
    return above.parent if folder in seed_folders(above) else above


@contextlib.contextmanager
def seeds_folder(
    folder: Path,
    command: str,
    seeds: Sequence[int],
    *,
    overwrite: bool,
    log: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Hold ``folder`` for the runs of ``seeds``, with the file in it that names them.

    A run of one of them that stands there already is kept, so that seeds may be added later. Where the first one ends
    in an ``InputError`` before it has trained a step, nothing is left behind.

    Args:
        folder: made if it is not there.
        command: the command's name.
        seeds: one run each.
        overwrite: clear the run, or the runs of all seeds, that stand there.
        log: reports a damaged file.

    Raises:
        InputError: another process writes there, or it holds a single run, another command's seeds, more seeds than
            these, or no run of ours.
    """
    made = missing_folders(folder)
    with lock_folder(folder):
        ours = [folder / _FILE, *(one / "run.json" for one in (folder, *(seed_folder(folder, n) for n in seeds)))]
        if not any(path.is_file() for path in ours):
            check_foreign_files(folder, (_FILE,))
        _repair(folder, command, log)
        if overwrite:
            _clear(folder, seeds)
        else:
            _check_not_single_run(folder)
            _check_same_seeds(folder, command, seeds)
        new = not (folder / _FILE).is_file()
        write_json(folder / _FILE, {"command": command, "seeds": list(seeds)})
        try:
            yield
        except (InputError, OSError):
            if new and {item.name for item in folder.iterdir()} <= {".lock", _FILE}:
                (folder / _FILE).unlink()
                remove_if_empty(folder, made)
            raise


def check_not_seeds_folder(folder: Path) -> None:
    """Keep a single run out of a folder of several.

    Raises:
        InputError: ``folder`` is one.
    """
    if (folder / _FILE).is_file():
        names = ", ".join(one.name for one in seed_folders(folder))
        raise InputError(
            f"{folder}: holds a run for each of several seeds ({names}), which a single run does not overwrite; give "
            "another --output-dir, or remove the folder"
        )


def _recorded(folder: Path) -> tuple[str, list[int]]:
    path = folder / _FILE
    if not path.is_file():
        return "", []
    advice = "give the command of this folder again, which writes it again"
    try:
        values = read_json(path)
    except DamagedFile as error:
        raise DamagedFile(path, error.reason, advice) from error
    command, seeds = (values.get("command"), values.get("seeds")) if isinstance(values, dict) else (None, None)
    if not isinstance(command, str) or not isinstance(seeds, list) or not all(type(seed) is int for seed in seeds):
        raise DamagedFile(path, "not a map of command and seeds", advice)
    return command, seeds


def _repair(folder: Path, command: str, log: Callable[[str], None]) -> None:
    """Write ``seeds.json`` again from the runs that are there, if it is damaged; each run says what it is of."""
    try:
        _recorded(folder)
    except DamagedFile as error:
        found = sorted(
            int(path.name.removeprefix("seed-")) for path in folder.glob("seed-*") if path.name[5:].isdigit()
        )
        log(f"{error.path}: is damaged ({error.reason}); moved to {move_aside(error.path).name}, and written again")
        write_json(error.path, {"command": command, "seeds": found})


def _check_not_single_run(folder: Path) -> None:
    if has_progress(folder):
        raise InputError(
            f"{folder}: holds a single run, and seeds are given; give another --output-dir, or --overwrite it"
        )
    if (folder / "run.json").is_file():
        clear_run(folder)


def _check_same_seeds(folder: Path, command: str, seeds: Sequence[int]) -> None:
    there, recorded = _recorded(folder)
    kept = [seed for seed in recorded if has_progress(seed_folder(folder, seed))]
    if kept and there != command:
        raise InputError(f"{folder}: holds seeds of {there}; give another --output-dir, or --overwrite it")
    if missing := [seed for seed in kept if seed not in seeds]:
        raise InputError(
            f"{folder}: holds a run of seed {', '.join(map(str, missing))}, too, and seeds is {list(seeds)} now; give "
            "all seeds, or another --output-dir, or --overwrite it"
        )


def _clear(folder: Path, seeds: Sequence[int]) -> None:
    if (folder / "run.json").is_file():
        clear_run(folder)
    for one in {*seed_folders(folder), *(seed_folder(folder, seed) for seed in seeds)}:
        if (one / "run.json").is_file():
            with lock_folder(one):
                clear_run(one)
            if [item.name for item in one.iterdir()] == [".lock"]:
                (one / ".lock").unlink()
                one.rmdir()
