"""Comparison of finished runs (teacher, students, control): their files, scores, sizes and speed."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nlptrain.data.sentence import check_iterable
from nlptrain.errors import InputError, path_suggestion
from nlptrain.models.token_model import TokenModel
from nlptrain.models.transformer import load_token_model
from nlptrain.run.finished_run import read_scores
from nlptrain.run.output_folder import flatten, read_identity
from nlptrain.run.seeds import seed_folders

_ROUNDS = 3
_TOLERANCE = 1e-3  # scores of one teacher may differ by this much between machines and precisions
_SAMPLE_WORDS = 2_000  # timed in each round: at most a second for a transformer


@dataclass(frozen=True)
class Row:
    """One run of a comparison, or several seeds of one.

    Attributes:
        run: the folder of the run.
        command: the command that trained it.
        scores: its ``scores.json``; for several seeds that of the first, with the mean of all for ``split``.
        split: ``test`` if all runs have one, else ``dev``.
        words_per_second: words to tags on one thread, the median of several rounds; 0 if not timed.
        folders: the folder of the run, or one for each seed.
        seeds: the seeds, or None for a single run.
        spread: the smallest and the largest score over the seeds, or None for a single run.
    """

    run: str
    command: str
    scores: dict[str, Any]
    split: str
    words_per_second: float
    folders: tuple[Path, ...]
    seeds: list[int] | None = None
    spread: tuple[float, float] | None = None

    @property
    def score(self) -> float:
        """F1 or accuracy on ``split``."""
        scored = self.scores[self.split]
        return float(scored[scored["metric"]])

    @property
    def own_teacher(self) -> float | None:
        """The score of its own teacher, as this run measured it; None without a teacher."""
        if "teacher" not in self.scores:
            return None
        scored = self.scores["teacher"][self.split]
        return float(scored[scored["metric"]])

    def to_json(self, teacher: float | None) -> dict[str, Any]:
        """Return the row as ``nlptrain compare`` prints it as JSON; ``teacher`` is the teacher's score."""
        return {
            "run": self.run,
            "command": self.command,
            "split": self.split,
            **self.scores[self.split],
            "spread": self.spread,
            "share_of_teacher": None if not teacher else self.score / teacher,
            "own_teacher": self.own_teacher,
            "parameters": self.scores["parameters"],
            "bytes": self.scores["bytes"],
            "words_per_second": self.words_per_second,
            "table": self.scores.get("table"),
            "seed": None if self.seeds else self.scores.get("seed"),
            "seeds": self.seeds,
            "steps": self.scores["steps"],
        }


def compare_scores(runs: Sequence[str | Path], *, measure_speed: bool = True) -> list[Row]:
    """Return a row for each finished run, all scored on the same sentences; the seeds in one folder are one row.

    Raises:
        InputError: a run has not finished, or they were scored on different files.
        TypeError: ``runs`` is one folder, not a list.
    """
    check_iterable(runs, "runs", "a list of folders")
    folders = [Path(run) for run in runs]
    runs_scores = [read_run_scores(folder) for folder in folders]
    all_scores = [scores for run in runs_scores for scores in run.scores]
    split = "test" if all("test" in scores for scores in all_scores) else "dev"
    hashes = {json.dumps(scores["scored_files"][split], sort_keys=True) for scores in all_scores}
    if len(hashes) > 1:
        raise InputError(
            f"these runs were scored on different {split} files",
            hint="compare runs of one data set, or score each on the same files: nlptrain evaluate RUN FILES",
        )
    speeds = _speeds([run.folders[0] for run in runs_scores], all_scores[0]["sample"]) if measure_speed else {}
    return [
        Row(
            str(run.run),
            run.scores[0]["command"],
            run.mean(split),
            split,
            speeds.get(str(run.folders[0]), 0.0),
            run.folders,
            run.seeds,
            run.spread(split),
        )
        for run in runs_scores
    ]


def teacher_score(rows: Sequence[Row]) -> float | None:
    """Return the score of the teacher: that of its own row, or else as a student's run measured it."""
    for row in rows:
        if row.command == "transformer_token":
            return row.score
    return next((score for row in rows if (score := row.own_teacher) is not None), None)


def other_teachers(rows: Sequence[Row]) -> list[str]:
    """Return a note for each row that was distilled from another teacher than the one that the shares refer to."""
    base = teacher_score(rows)
    return [
        f"{row.run}: distilled from {row.scores['teacher']['name']} ({own:.4f}), but its share refers to another "
        f"teacher's score ({base:.4f})"
        for row in rows
        if base is not None and (own := row.own_teacher) is not None and abs(own - base) > _TOLERANCE
    ]


def _speeds(runs: Sequence[Path], sample: list[list[str]]) -> dict[str, float]:
    """Measure words per second of each run's model on one thread; the models take turns, as the machine may be busy."""
    models = {str(run): load_token_model(str(run)) for run in runs}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        times: dict[str, list[float]] = {run: [] for run in models}
        for round_ in range(_ROUNDS + 1):
            for run, model in models.items():
                seconds = _time(model, sample)
                if round_ > 0:  # the first round warms up
                    times[run].append(seconds)
    finally:
        torch.set_num_threads(threads)
    words = sum(map(len, sample))
    return {run: words / statistics.median(seconds) for run, seconds in times.items()}


def _time(model: TokenModel, sample: list[list[str]]) -> float:
    started = time.perf_counter()
    model.tag(sample)
    return time.perf_counter() - started


def sample_of(sentences: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the first sentences, up to some 2,000 words, to measure speed on."""
    sample: list[list[str]] = []
    words = 0
    for sentence in sentences:
        if words >= _SAMPLE_WORDS:
            break
        sample.append(list(sentence))
        words += len(sentence)
    return sample


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
        scores = read_scores(run, needs_provenance=True)
        if scores is None:
            hint = "" if run.exists() else path_suggestion(run)
            raise InputError("no scores.json", location=str(run), expected="the folder of a finished run", hint=hint)
        return RunScores(run, (run,), (scores,))
    scores_of_seeds = []
    for folder in folders:
        scores = read_scores(folder, needs_provenance=True)
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
