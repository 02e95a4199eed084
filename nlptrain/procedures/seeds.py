"""Behind the commands that train a student: the same run once for each of several seeds, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nlptrain.config.commands import StudentCommandConfig
from nlptrain.interrupts import interrupt
from nlptrain.procedures.inputs import check_output_is_not_input, input_hashes, pinned
from nlptrain.procedures.models import check_buildable
from nlptrain.procedures.training import run_training
from nlptrain.run.output_folder import check_same_run, run_identity
from nlptrain.run.processes import Processes
from nlptrain.run.run import Run, signal_handlers
from nlptrain.run.seeds import seed_folder, seeds_folder


def run_seeds(
    command: str,
    config: StudentCommandConfig,
    *,
    overwrite: bool,
    workers: int = 1,
    report: Callable[[int, dict[str, Any]], None] = lambda _, __: None,
    log: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Run ``command`` once for each of the seeds of ``config``, and return their scores.

    Args:
        command: the command's name.
        config: with ``seeds``.
        overwrite: clear the runs of all seeds first.
        workers: processes that label text.
        report: receives each seed and its scores as soon as its run ends.
        log: receives a line about a damaged file.

    Raises:
        InputError: also of a later seed, before the first one is trained.
    """
    folder = Path(config.output_dir)
    runs = [_of_seed(config, seed) for seed in config.seeds or ()]
    with signal_handlers(interrupt):
        processes = _check(command, runs, folder, overwrite=overwrite)
        held = seeds_folder(folder, command, config.seeds or (), overwrite=overwrite, log=log)
        with processes.rank_zero_only(held):
            scores = []
            for run in runs:
                scores.append(run_training(command, run, overwrite=False, workers=workers))
                report(run.seed or 0, scores[-1])
    return scores


def _of_seed(config: StudentCommandConfig, seed: int) -> StudentCommandConfig:
    """The configuration of one run, as ``--seed`` and ``--output-dir`` make it."""
    folder = seed_folder(Path(config.output_dir), seed)
    return config.model_copy(update={"seed": seed, "seeds": None, "output_dir": str(folder)})


def _check(command: str, runs: Sequence[StudentCommandConfig], folder: Path, *, overwrite: bool) -> Processes:
    """See that each run may begin: nothing is trained, or cleared, for a command that ends in an error."""
    run = Run(None, device=runs[0].device, precision=runs[0].precision, distributed=True)  # or the device is not there
    inputs = input_hashes(pinned(runs[0]))
    folders = {folder, *folder.glob("seed-*"), *(Path(run.output_dir) for run in runs)}
    for place in folders:
        check_output_is_not_input(place, runs[0])
    if overwrite:
        check_buildable(folders, runs[0])
        return run.processes
    for one in runs:
        check_same_run(Path(one.output_dir), run_identity(command, pinned(one), inputs))
    return run.processes
