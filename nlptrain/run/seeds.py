"""The output folder of several seeds: one run for each, and ``seeds.json``, which lists them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nlptrain.atomic_files import move_aside, write_json
from nlptrain.errors import InputError, Setting
from nlptrain.run.checksums import DamagedFile, read_json
from nlptrain.run.output_folder import (
    OVERWRITE_HINT,
    check_foreign_files,
    clear_run,
    has_progress,
    lock_folder,
    missing_folders,
    remove_if_empty,
)

_FILE = "seeds.json"


def seed_folder(folder: Path, seed: int) -> Path:
    """Return the output folder of the run of ``seed``, in the ``folder`` of several seeds."""
    return folder / f"seed-{seed}"


def seed_folders(folder: Path) -> list[Path]:
    """Return the runs in a ``folder`` of several seeds, in their order; none if it is another folder."""
    return [seed_folder(folder, seed) for seed in _recorded(folder)[1]]


def parent_folder(folder: Path) -> Path:
    """Return the parent of the run ``folder``; for one of several seeds, the parent of the folder of all seeds."""
    parent = folder.parent
    return parent.parent if folder in seed_folders(parent) else parent


@contextlib.contextmanager
def seeds_folder(
    folder: Path,
    command: str,
    seeds: Sequence[int],
    *,
    overwrite: bool,
    log: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Lock ``folder`` for the runs of ``seeds``, and list them in ``seeds.json``.

    Existing runs of these seeds are kept, so that seeds may be added later. If the first run ends in an ``InputError``
    before its first step, no files are left.

    Args:
        folder: created if it is missing.
        command: the command's name.
        seeds: one run each.
        overwrite: remove the run, or the runs of all seeds, in the folder.
        log: reports a damaged file.

    Raises:
        InputError: another process writes to the folder, or it holds a single run, another command's seeds, more seeds
            than these, or foreign files.
    """
    created = missing_folders(folder)
    with lock_folder(folder):
        runs = [folder, *(seed_folder(folder, seed) for seed in seeds)]
        if not any(path.is_file() for path in (folder / _FILE, *(run / "run.json" for run in runs))):
            check_foreign_files(folder, (_FILE,))
        _repair(folder, command, log)
        if overwrite:
            _clear(folder, seeds)
        else:
            _check_not_single_run(folder)
            _check_same_seeds(folder, command, seeds)
        is_new = not (folder / _FILE).is_file()
        write_json(folder / _FILE, {"command": command, "seeds": list(seeds)})
        try:
            yield
        except (InputError, OSError):
            if is_new and {item.name for item in folder.iterdir()} <= {".lock", _FILE}:
                (folder / _FILE).unlink()
                remove_if_empty(folder, created)
            raise


def check_not_seeds_folder(folder: Path) -> None:
    """Check that ``folder``, of a single run, is no folder of several seeds.

    Raises:
        InputError: it is one.
    """
    if (folder / _FILE).is_file():
        names = ", ".join(run.name for run in seed_folders(folder))
        raise InputError(
            f"holds the runs of several seeds ({names}), which a single run does not overwrite",
            location=str(folder),
            hint=("give another ", Setting("output_dir"), ", or remove the folder"),
        )


def _recorded(folder: Path) -> tuple[str, list[int]]:
    path = folder / _FILE
    if not path.is_file():
        return "", []
    advice = "repeat the command of this folder, which writes the file again"
    try:
        values = read_json(path)
    except DamagedFile as error:
        raise DamagedFile(path, error.reason, advice) from error
    command, seeds = (values.get("command"), values.get("seeds")) if isinstance(values, dict) else (None, None)
    if not isinstance(command, str) or not isinstance(seeds, list) or not all(type(seed) is int for seed in seeds):
        raise DamagedFile(path, "not a map of command and seeds", advice)
    return command, seeds


def _repair(folder: Path, command: str, log: Callable[[str], None]) -> None:
    """Write a damaged ``seeds.json`` again, from the folders of the runs."""
    try:
        _recorded(folder)
    except DamagedFile as error:
        seeds = sorted(
            int(path.name.removeprefix("seed-")) for path in folder.glob("seed-*") if path.name[5:].isdigit()
        )
        log(f"{error.path}: is damaged ({error.reason}); moved to {move_aside(error.path).name}, and written again")
        write_json(error.path, {"command": command, "seeds": seeds})


def _check_not_single_run(folder: Path) -> None:
    if has_progress(folder):
        raise InputError("holds a single run, and seeds are given", location=str(folder), hint=OVERWRITE_HINT)
    if (folder / "run.json").is_file():
        clear_run(folder)


def _check_same_seeds(folder: Path, command: str, seeds: Sequence[int]) -> None:
    existing_command, recorded = _recorded(folder)
    kept = [seed for seed in recorded if has_progress(seed_folder(folder, seed))]
    if kept and existing_command != command:
        raise InputError(f"holds seeds of {existing_command}", location=str(folder), hint=OVERWRITE_HINT)
    if missing := [seed for seed in kept if seed not in seeds]:
        raise InputError(
            f"also holds a run of seed {', '.join(map(str, missing))}, and seeds is {list(seeds)} now",
            location=str(folder),
            hint=("give all seeds, ", *OVERWRITE_HINT),
        )


def _clear(folder: Path, seeds: Sequence[int]) -> None:
    if (folder / "run.json").is_file():
        clear_run(folder)
    for run in {*seed_folders(folder), *(seed_folder(folder, seed) for seed in seeds)}:
        if (run / "run.json").is_file():
            with lock_folder(run):
                clear_run(run)
            if [item.name for item in run.iterdir()] == [".lock"]:
                (run / ".lock").unlink()
                run.rmdir()
