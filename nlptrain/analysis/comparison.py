"""Runs beside each other: teacher, students and control, with scores, sizes and speed."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nlptrain.analysis.finished import read_finished
from nlptrain.errors import InputError
from nlptrain.models.arguments import check_many
from nlptrain.models.token_model import TokenModel
from nlptrain.models.transformer import load_token_model

_ROUNDS = 3
_SAME = 1e-3  # scores of one teacher may differ by this much: two machines, two precisions
_WORDS = 2_000  # timed in each round: a second or less of a transformer


@dataclass(frozen=True)
class Row:
    """One run of a comparison, or several seeds of one.

    Attributes:
        run: its folder.
        command: what made it.
        scores: its ``scores.json``; of several seeds the first one's, with the mean of all for the scores of ``split``.
        split: ``test`` if all runs have one, else ``dev``.
        words_per_second: words to tags on one thread, the median of several rounds; 0 if not timed.
        folders: the folders of its runs: one, or one for each seed.
        seeds: of several seeds which ones, else None.
        spread: the smallest and the largest score of several seeds, else None.
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
        """The same of the teacher that it learned from, as its run found it; None if it had none."""
        if "teacher" not in self.scores:
            return None
        scored = self.scores["teacher"][self.split]
        return float(scored[scored["metric"]])

    def to_json(self, teacher: float | None) -> dict[str, Any]:
        """What ``compare --json`` prints of it; ``teacher`` is the teacher's score."""
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


def compare(runs: Sequence[str | Path], *, timed: bool = True) -> list[Row]:
    """The rows of finished runs, all scored on the same sentences; the seeds in one folder are one row.

    Raises:
        InputError: a run has not finished, or they were scored on different files.
        TypeError: ``runs`` is one folder and no list.
    """
    check_many(runs, "runs", "a list of folders")
    folders = [Path(run) for run in runs]
    found = [read_finished(run) for run in folders]
    everything = [scores for one in found for scores in one.scores]
    split = "test" if all("test" in scores for scores in everything) else "dev"
    hashes = {json.dumps(scores["scored_files"][split], sort_keys=True) for scores in everything}
    if len(hashes) > 1:
        raise InputError(
            f"these runs were scored on different {split} files; compare runs of one data set, or score each on "
            "the same files: nlptrain evaluate RUN FILES"
        )
    speeds = _speeds([one.folders[0] for one in found], everything[0]["sample"]) if timed else {}
    return [
        Row(
            str(one.run),
            one.scores[0]["command"],
            one.mean(split),
            split,
            speeds.get(str(one.folders[0]), 0.0),
            one.folders,
            one.seeds,
            one.spread(split),
        )
        for one in found
    ]


def teacher_score(rows: Sequence[Row]) -> float | None:
    """The teacher's score: of its own row, or as a student's run found it."""
    for row in rows:
        if row.command == "transformer_token":
            return row.score
    return next((score for row in rows if (score := row.own_teacher) is not None), None)


def other_teachers(rows: Sequence[Row]) -> list[str]:
    """A sentence for each row that learned from another teacher than the one whose score the shares are of."""
    base = teacher_score(rows)
    return [
        f"{row.run} learned from {row.scores['teacher']['name']} ({own:.4f}), and its share is of another teacher's "
        f"{base:.4f}"
        for row in rows
        if base is not None and (own := row.own_teacher) is not None and abs(own - base) > _SAME
    ]


def _speeds(runs: Sequence[Path], sample: list[list[str]]) -> dict[str, float]:
    """Words per second of each run's model on one thread: the machine may be shared, so the models take turns."""
    models = {str(run): load_token_model(str(run)) for run in runs}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        times: dict[str, list[float]] = {run: [] for run in models}
        for number in range(_ROUNDS + 1):
            for run, model in models.items():
                taken = _time(model, sample)
                if number:  # the first round warms up
                    times[run].append(taken)
    finally:
        torch.set_num_threads(threads)
    words = sum(map(len, sample))
    return {run: words / statistics.median(taken) for run, taken in times.items()}


def _time(model: TokenModel, sample: list[list[str]]) -> float:
    started = time.perf_counter()
    model.tag(sample)
    return time.perf_counter() - started


def sample_of(sentences: Sequence[Sequence[str]]) -> list[list[str]]:
    """The first sentences, up to some 2,000 words: what speed is measured on."""
    sample: list[list[str]] = []
    words = 0
    for sentence in sentences:
        if words >= _WORDS:
            break
        sample.append(list(sentence))
        words += len(sentence)
    return sample
