"""The scores of finished runs: of a single run, or of the seeds in one folder as one."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlptrain.errors import InputError, path_suggestion
from nlptrain.run.finished_run import finished_scores
from nlptrain.run.output_folder import flatten, read_identity
from nlptrain.run.seeds import seed_folders


@dataclass(frozen=True)
class RunScores:
    """The scores of a run, or of several seeds of one.

    Attributes:
        run: the folder of the run, or of its seeds.
        folders: ``run`` itself, or one folder for each seed.
        scores: the ``scores.json`` of each folder.
    """

    run: Path
    folders: tuple[Path, ...]
    scores: tuple[dict[str, Any], ...]

    @property
    def seeds(self) -> list[int] | None:
        """The seeds, or None for a single run."""
        return None if self.folders == (self.run,) else [scores["seed"] for scores in self.scores]

    def mean(self, split: str) -> dict[str, Any]:
        """Return the ``scores.json`` of the first run, with the mean over all runs for the scores of ``split``."""
        return {**self.scores[0], split: _mean([scores[split] for scores in self.scores])}

    def spread(self, split: str) -> tuple[float, float] | None:
        """Return the smallest and the largest score of ``split`` over the seeds, or None for a single run."""
        values = [scores[split][scores[split]["metric"]] for scores in self.scores]
        return None if self.seeds is None else (min(values), max(values))


def read_run_scores(run: Path) -> RunScores:
    """Read the scores of the run, or of the seeds, in the folder ``run``.

    Raises:
        InputError: it has not finished, its files are damaged, or its seeds differ in more than the seed.
    """
    folders = tuple(seed_folders(run))
    if not folders:
        scores = finished_scores(run, provenance=True)
        if scores is None:
            hint = "" if run.exists() else path_suggestion(run)
            raise InputError("no scores.json", location=str(run), expected="the folder of a finished run", hint=hint)
        return RunScores(run, (run,), (scores,))
    scores_of_seeds = []
    for folder in folders:
        scores = finished_scores(folder, provenance=True)
        if scores is None:
            hint = f"repeat the command of {run} to resume"
            raise InputError(f"this seed of {run} has not finished", location=str(folder), hint=hint)
        scores_of_seeds.append(scores)
    _check_comparable(run, folders)
    return RunScores(run, folders, tuple(scores_of_seeds))


def _check_comparable(run: Path, folders: Sequence[Path]) -> None:
    """Check that the seeds in ``folders`` differ in nothing but the seed."""
    first, *others = (_identity_without_seed(folder) for folder in folders)
    for folder, other in zip(folders[1:], others, strict=True):
        if differing := [key for key in {**first, **other} if first.get(key) != other.get(key)]:
            raise InputError(
                f"differs from {folders[0]} in {', '.join(differing)}",
                location=str(folder),
                hint=f"name the seeds of {run} one by one, or train them with one configuration",
            )


def _identity_without_seed(folder: Path) -> dict[str, Any]:
    identity = flatten(read_identity(folder))
    return {key: value for key, value in identity.items() if key != "config.seed"}


def _mean(scores: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean of the scores of one split; the mean of a type is over the runs that have it."""
    names = sorted({name for run in scores for name in run["types"]})
    types = {name: _mean_of_shares([run["types"][name] for run in scores if name in run["types"]]) for name in names}
    return {**_mean_of_shares(scores), "types": types}


def _mean_of_shares(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the first row with the mean over all rows for each share, which is a float; counts are integers."""
    means = {key: statistics.fmean(row[key] for row in rows) for key, value in rows[0].items() if type(value) is float}
    return {**rows[0], **means}
