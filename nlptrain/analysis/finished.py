"""Finished runs as a comparison reads them: a single one, or the seeds in one folder."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlptrain.errors import InputError
from nlptrain.run.finished_run import finished_scores
from nlptrain.run.output_folder import flatten, read_identity
from nlptrain.run.seeds import seed_folders
from nlptrain.suggestions import suggest_path


@dataclass(frozen=True)
class Finished:
    """What one name on the command line stands for.

    Attributes:
        run: the folder that was named.
        folders: the folders of its runs: itself, or one for each seed.
        scores: their ``scores.json``.
    """

    run: Path
    folders: tuple[Path, ...]
    scores: tuple[dict[str, Any], ...]

    @property
    def seeds(self) -> list[int] | None:
        """Its seeds, if it is a folder of several runs."""
        return None if self.folders == (self.run,) else [scores["seed"] for scores in self.scores]

    def mean(self, split: str) -> dict[str, Any]:
        """``scores.json`` of the first run, with the mean over all runs for the scores of ``split``."""
        return {**self.scores[0], split: _mean([scores[split] for scores in self.scores])}

    def spread(self, split: str) -> tuple[float, float] | None:
        """The smallest and the largest score of ``split`` over the seeds, or None for a single run."""
        values = [scores[split][scores[split]["metric"]] for scores in self.scores]
        return None if self.seeds is None else (min(values), max(values))


def read_finished(run: Path) -> Finished:
    """The scores of what ``run`` stands for.

    Raises:
        InputError: it has not finished, its files are damaged, or its seeds differ in more than the seed.
    """
    folders = tuple(seed_folders(run))
    if not folders:
        scores = finished_scores(run, provenance=True)
        if scores is None:
            meant = "" if run.exists() else suggest_path(run)
            raise InputError(f"{run}: no scores.json; name the folder of a finished run{meant}")
        return Finished(run, (run,), (scores,))
    found = []
    for folder in folders:
        scores = finished_scores(folder, provenance=True)
        if scores is None:
            raise InputError(f"{folder}: this seed of {run} has not finished; give the command of {run} again to go on")
        found.append(scores)
    _check_comparable(run, folders)
    return Finished(run, folders, tuple(found))


def _check_comparable(run: Path, folders: Sequence[Path]) -> None:
    """A mean is over runs that differ in their seed alone."""
    first, *others = (_all_but_the_seed(folder) for folder in folders)
    for folder, other in zip(folders[1:], others, strict=True):
        if differing := [key for key in {**first, **other} if first.get(key) != other.get(key)]:
            raise InputError(
                f"{folder}: differs from {folders[0]} in {', '.join(differing)}; name the seeds of {run} one by one, "
                "or train them with one configuration"
            )


def _all_but_the_seed(folder: Path) -> dict[str, Any]:
    identity = flatten(read_identity(folder))
    return {key: value for key, value in identity.items() if key != "config.seed"}


def _mean(scores: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of one split: the mean of what is a share, and of each type the mean over those that know it."""
    names = sorted({name for one in scores for name in one["types"]})
    types = {name: _shares([one["types"][name] for one in scores if name in one["types"]]) for name in names}
    return {**_shares(scores), "types": types}


def _shares(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first row with the mean of all where it has a share, which is a float; counts are whole numbers."""
    means = {key: statistics.fmean(row[key] for row in rows) for key, value in rows[0].items() if type(value) is float}
    return {**rows[0], **means}
