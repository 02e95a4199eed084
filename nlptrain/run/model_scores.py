"""The scores of a finished run as an object: ``TokenModel.scores``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlptrain.errors import InputError
from nlptrain.run.finished_run import read_scores


@dataclass(frozen=True)
class SplitScores:
    """The scores of a model on dev or test, from 0 to 1.

    Attributes:
        metric: ``f1`` (micro average over entities) or ``accuracy`` (over words); ``agreement`` if the reference tags
            are a teacher's.
        value: of ``metric``.
        precision: of the entities; None for plain tags.
        recall: of the entities; None for plain tags.
        sentences: number of scored sentences.
        words: number of their words.
        types: per entity type or tag: precision, recall, f1, support.
    """

    metric: str
    value: float
    precision: float | None
    recall: float | None
    sentences: int
    words: int
    types: Mapping[str, Mapping[str, float]] = field(repr=False)


@dataclass(frozen=True)
class ModelScores:
    """The scores and the size of a trained model, as ``scores.json`` has them.

    Attributes:
        dev: the scores that selected the weights.
        test: None without test files.
        teacher_dev: those of the teacher; None without a teacher.
        teacher_test: None without a teacher, or without test files.
        parameters: number of parameters.
        bytes: of the model's files.
        steps: of the training.
        best_step: whose weights were kept.
        seconds: of the training.
    """

    dev: SplitScores
    test: SplitScores | None
    teacher_dev: SplitScores | None
    teacher_test: SplitScores | None
    parameters: int
    bytes: int
    steps: int
    best_step: int
    seconds: float
    _values: Mapping[str, object] = field(repr=False)

    def to_json(self) -> dict[str, object]:
        """Return all of ``scores.json``, also the calibration and the origin of the scores."""
        return dict(self._values)


def read_model_scores(folder: Path | None) -> ModelScores:
    """Return the scores of the run in ``folder``.

    Raises:
        InputError: there is no finished run in it, or its scores are damaged.
    """
    values = None if folder is None else read_scores(folder)
    if values is None:
        raise InputError(
            "has no scores.json" if folder else "was not loaded from a folder",
            location=str(folder) if folder else "the model",
            expected="a model from a finished run: nlptrain.load(RUN)",
            hint="nlptrain.evaluate(model, FILES) scores any model",
        )
    teacher = values.get("teacher") or {}
    return ModelScores(
        dev=_split_scores(values["dev"]),
        test=_split_scores(values["test"]) if "test" in values else None,
        teacher_dev=_split_scores(teacher["dev"]) if teacher else None,
        teacher_test=_split_scores(teacher["test"]) if "test" in teacher else None,
        **{name: values[name] for name in ("parameters", "bytes", "steps", "best_step")},
        seconds=float(values.get("seconds", 0.0)),
        _values=values,
    )


def _split_scores(values: Mapping[str, Any]) -> SplitScores:
    return SplitScores(
        metric=values["metric"],
        value=float(values[values["metric"]]),
        precision=values.get("precision"),
        recall=values.get("recall"),
        sentences=values["sentences"],
        words=values["words"],
        types=values["types"],
    )
