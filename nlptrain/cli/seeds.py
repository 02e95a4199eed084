"""Behind the commands that train a student: the same run once for each of several seeds, one after the other."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nlptrain.cli.building import check_buildable
from nlptrain.cli.inputs import check_output_is_not_input, input_hashes, pinned
from nlptrain.cli.output import echo_line
from nlptrain.cli.training import run_training
from nlptrain.config.commands import StudentCommandConfig
from nlptrain.interrupts import interrupt
from nlptrain.run.output_folder import check_same_run, run_identity
from nlptrain.run.processes import Processes
from nlptrain.run.run import Run, signal_handlers
from nlptrain.run.seeds import seed_folder, seeds_folder


def run_seeds(command: str, config: StudentCommandConfig, *, overwrite: bool, workers: int = 1) -> None:
    """Run ``command`` for each of the seeds of ``config``, and print the mean of their scores and how far they spread.

    Raises:
        InputError: also of a later seed, before the first one is trained.
    """
    folder = Path(config.output_dir)
    runs = [_of_seed(config, seed) for seed in config.seeds or ()]
    with signal_handlers(interrupt):
        processes = _check(command, runs, folder, overwrite=overwrite)
        held = seeds_folder(folder, command, config.seeds or (), overwrite=overwrite, log=_note)
        with processes.rank_zero_only(held):
            scores = []
            for run in runs:
                if processes.is_rank_zero:
                    echo_line(f"seed {run.seed}:")
                scores.append(run_training(command, run, overwrite=False, workers=workers))
    if processes.is_rank_zero:
        _print_spread(scores)


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


def _note(text: str) -> None:
    echo_line(text, err=True)


def _print_spread(scores: Sequence[dict[str, Any]]) -> None:
    for split in ("dev", "test"):
        if split not in scores[0]:
            continue
        metric = scores[0][split]["metric"]
        values = [one[split][metric] for one in scores]
        mean = statistics.fmean(values)
        line = f"{split:5} {metric} {mean:.4f}  smallest {min(values):.4f}  largest {max(values):.4f}"
        if teacher := scores[0].get("teacher"):
            theirs = teacher[split][metric]
            line += f"  teacher {theirs:.4f}" + (f"  share {mean / theirs:.1%}" if theirs else "")
        echo_line(f"{line}  (mean of {len(values)} seeds)")
