"""Thresholds of the teacher's confidence, by type, from which its predictions are precise enough."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from nlptrain.config.objectives import PseudoLabelConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.labeling import label_with_ensemble
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.distillation.transfer_set import TeacherLogitsDataset
from nlptrain.errors import InputError, Setting
from nlptrain.models.prediction import to_tagged_sentence
from nlptrain.run.run import Run
from nlptrain.training.calibration import match_entities
from nlptrain_runtime.predictions import TaggedSentence


def teacher_prediction(transfer_set: TeacherLogitsDataset, row: int, labels: Labels) -> TaggedSentence:
    """Return the teacher's tags and confidences of a sentence.

    A teacher's temperature is ignored, so that ``min_confidence`` means the same for one teacher and for several.
    """
    return to_tagged_sentence(transfer_set.prediction(row), labels)


@dataclass(frozen=True)
class Threshold:
    """The confidence that pseudo-labels of a type must have.

    Attributes:
        min_confidence: the lowest accepted one; infinite if no threshold reaches the precision, or without predictions.
        accepted: the teacher's predictions of the type on the gold sentences that reach it.
        correct: how many of these are correct.
        predictions: all predictions of the type on the gold sentences.
    """

    min_confidence: float
    accepted: int = 0
    correct: int = 0
    predictions: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return a map; ``min_confidence`` is None if all sentences with the type are dropped."""
        min_confidence = self.min_confidence if math.isfinite(self.min_confidence) else None
        return {"min_confidence": min_confidence, "answered": self.accepted, "right": self.correct}

    def describe(self) -> str:
        """Return a part of a line for the log."""
        if not self.predictions:
            return "none (never predicted; its sentences are dropped)"
        if not math.isfinite(self.min_confidence):
            return "none (no threshold is precise enough; its sentences are dropped)"
        return f"{self.min_confidence:.4f} ({self.correct:,} of {self.accepted:,} correct)"


def confidence_thresholds(
    ensemble: TeacherEnsemble,
    splits: Splits,
    objective: PseudoLabelConfig,
    run: Run,
    stores: Sequence[BlockStore],
) -> dict[str, Threshold]:
    """Return the lowest confidence per type at which the teacher has ``min_precision`` on dev; {} if it is not set."""
    if objective.min_precision is None:
        return {}
    transfer_set = label_with_ensemble(ensemble, splits.dev, run, stores)
    thresholds = find_thresholds(
        transfer_set,
        splits.dev,
        ensemble.labels,
        min_precision=objective.min_precision,
        min_confidence=objective.min_confidence,
    )
    summary = "; ".join(f"{name} {threshold.describe()}" for name, threshold in thresholds.items())
    run.log(f"confidence thresholds (dev): {summary} (objective.min_precision={objective.min_precision})")
    return thresholds


def find_thresholds(
    transfer_set: TeacherLogitsDataset,
    gold: Sequence[Sentence],
    labels: Labels,
    *,
    min_precision: float,
    min_confidence: float,
) -> dict[str, Threshold]:
    """Return for each type of ``labels`` the lowest confidence from which the teacher's predictions are precise enough.

    Args:
        transfer_set: the sentences of ``gold`` with the teacher's logits.
        gold: the same sentences with their tags.
        labels: names of the logit columns.
        min_precision: the required precision of the predictions of a type with this confidence or more.
        min_confidence: no threshold is lower.
    """
    matches: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for row, sentence in enumerate(gold):
        prediction = teacher_prediction(transfer_set, row, labels)
        matched = match_entities(prediction, sentence.tags or (), labels.scheme, sentence.asked)
        for span, confidence, is_correct in matched:
            matches[span.label].append((confidence, is_correct))
    return {
        name: lowest_threshold(matches[name], min_precision=min_precision, min_confidence=min_confidence)
        for name in labels.types
    }


def lowest_threshold(
    matches: Iterable[tuple[float, bool]], *, min_precision: float, min_confidence: float = 0.0
) -> Threshold:
    """Return the lowest confidence from which the predictions have ``min_precision``.

    If all predictions together are precise enough, the threshold is 0; ``min_confidence`` is used if it is higher.
    Without predictions, the threshold is infinite. Predictions with the same confidence are accepted together or not at
    all.

    Args:
        matches: the confidence of each prediction, and whether it is correct.
        min_precision: the required share of correct predictions.
        min_confidence: no threshold is lower.

    Example:
        >>> lowest_threshold([(0.9, True), (0.8, False), (0.7, True), (0.6, True), (0.5, False)], min_precision=0.75)
        Threshold(min_confidence=0.6, accepted=4, correct=3, predictions=5)
    """
    ordered = sorted(matches, reverse=True)
    lowest, accepted, correct = math.inf, 0, 0
    for confidence, equals in groupby(ordered, key=lambda match: match[0]):
        hits = [is_correct for _, is_correct in equals]
        accepted += len(hits)
        correct += sum(hits)
        if correct / accepted >= min_precision:
            lowest = 0.0 if accepted == len(ordered) else confidence
    lowest = max(lowest, min_confidence)
    hits = [is_correct for confidence, is_correct in ordered if confidence >= lowest]
    return Threshold(lowest, len(hits), sum(hits), len(ordered))


def check_min_precision(splits: Splits, objective: PseudoLabelConfig) -> None:
    """Check that there are gold dev sentences if ``min_precision`` needs them.

    Raises:
        InputError: there are none.
    """
    if objective.min_precision is not None and not splits.dev:
        raise InputError(
            "is measured on gold dev sentences, and there are none",
            location=Setting("objective.min_precision"),
            hint=("set ", Setting("data.dev"), ", or use ", Setting("objective.min_confidence")),
        )
