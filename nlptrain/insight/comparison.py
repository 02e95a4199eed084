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

from nlptrain.errors import InputError
from nlptrain.models.token_model import TokenModel
from nlptrain.models.transformer import load_token_model
from nlptrain.run_folder import finished_scores

_ROUNDS = 3
_WORDS = 2_000  # timed in each round: a second or less of a transformer


@dataclass(frozen=True)
class Row:
    """One run of a comparison.

    Attributes:
        run: its folder.
        command: what made it.
        scores: its ``scores.json``.
        split: ``test`` if the run has one, else ``dev``.
        words_per_second: words to tags on one thread, the median of several rounds; 0 if not timed.
    """

    run: str
    command: str
    scores: dict[str, Any]
    split: str
    words_per_second: float

    @property
    def score(self) -> float:
        """F1 or accuracy on ``split``."""
        scored = self.scores[self.split]
        return float(scored[scored["metric"]])

    def to_json(self, teacher: float | None) -> dict[str, Any]:
        """What ``compare --json`` prints of it; ``teacher`` is the teacher's score."""
        return {
            "run": self.run,
            "command": self.command,
            "split": self.split,
            **self.scores[self.split],
            "share_of_teacher": None if not teacher else self.score / teacher,
            "parameters": self.scores["parameters"],
            "bytes": self.scores["bytes"],
            "words_per_second": self.words_per_second,
            "table": self.scores.get("table"),
            "seed": self.scores.get("seed"),
            "steps": self.scores["steps"],
        }


def compare(runs: Sequence[Path], *, timed: bool = True) -> list[Row]:
    """The rows of finished runs, all scored on the same sentences.

    Raises:
        InputError: a run has not finished, or they were scored on different files.
    """
    found = []
    for run in runs:
        scores = finished_scores(run)
        if scores is None:
            raise InputError(f"{run}: no scores.json; name the folder of a finished run")
        found.append((run, scores))
    split = "test" if all("test" in scores for _, scores in found) else "dev"
    hashes = {json.dumps(scores["scored_files"][split], sort_keys=True) for _, scores in found}
    if len(hashes) > 1:
        raise InputError(f"these runs were scored on different {split} files; compare runs of one data set")
    speeds = _speeds(runs, found[0][1]["sample"]) if timed else {}
    return [Row(str(run), scores["command"], scores, split, speeds.get(str(run), 0.0)) for run, scores in found]


def teacher_score(rows: Sequence[Row]) -> float | None:
    """The teacher's score: of its own row, or as a student's run found it."""
    for row in rows:
        if row.command == "transformer_token":
            return row.score
    for row in rows:
        if "teacher" in row.scores:
            scored = row.scores["teacher"][row.split]
            return float(scored[scored["metric"]])
    return None


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
