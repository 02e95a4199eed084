"""How sure the teacher must be of each type for its answers to be as right as is asked, measured on gold sentences."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from nlptrain.data.sentence import Sentence
from nlptrain.distillation.pseudo_labels import teachers_answer
from nlptrain.distillation.teacher_logits_dataset import TeacherLogitsDataset
from nlptrain.labels import Labels
from nlptrain.training.calibration import judged


@dataclass(frozen=True)
class Threshold:
    """The least confidence with which a type is believed.

    Attributes:
        least: that confidence; infinite where no part of the answers is right often enough, or where there are none.
        answered: the answers of the type on the gold sentences that reach it.
        right: how many of these are right.
        seen: all answers of the type on the gold sentences.
    """

    least: float
    answered: int = 0
    right: int = 0
    seen: int = 0

    def to_json(self) -> dict[str, Any]:
        """A map; ``min_confidence`` is None where every sentence with the type is left out."""
        least = self.least if math.isfinite(self.least) else None
        return {"min_confidence": least, "answered": self.answered, "right": self.right}

    def describe(self) -> str:
        """A clause for the log."""
        if not self.seen:
            return "never answered there, so its sentences are left out"
        if not math.isfinite(self.least):
            return "never right often enough, its sentences are left out"
        if not self.answered:
            return f"from {self.least:.4f} (none of {self.seen:,} answers reaches it)"
        return f"from {self.least:.4f} ({self.right:,} of {self.answered:,} right)"


def find_thresholds(
    text: TeacherLogitsDataset, gold: Sequence[Sentence], labels: Labels, *, min_precision: float, min_confidence: float
) -> dict[str, Threshold]:
    """For each type of ``labels`` the least confidence from which on the teacher's answers are right often enough.

    Args:
        text: the sentences of ``gold`` with the teacher's logits.
        gold: the same with their tags.
        labels: names of the logit columns.
        min_precision: the share of a type's answers, of that confidence and above, that must be right.
        min_confidence: no threshold is lower.
    """
    found: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for number, sentence in enumerate(gold):
        answer = teachers_answer(text, number, labels)
        for span, confidence, right in judged(answer, sentence.tags or (), labels.scheme):
            found[span.label].append((confidence, right))
    return {
        name: lowest_threshold(found[name], min_precision=min_precision, min_confidence=min_confidence)
        for name in labels.types
    }


def lowest_threshold(
    answers: Iterable[tuple[float, bool]], *, min_precision: float, min_confidence: float = 0.0
) -> Threshold:
    """The lowest confidence at which, of all answers of it and above, a share of ``min_precision`` is right.

    Where all answers together are right as often, nothing speaks for leaving any out, and ``min_confidence`` counts, as
    where it is higher. Where there is no answer, nothing is known, and nothing is believed. Answers of the same
    confidence are believed together or not at all.

    Args:
        answers: the confidence of each answer, and whether it is right.
        min_precision: the share that must be right.
        min_confidence: no threshold is lower.

    Example:
        >>> lowest_threshold([(0.9, True), (0.8, False), (0.7, True), (0.6, True), (0.5, False)], min_precision=0.75)
        Threshold(least=0.6, answered=4, right=3, seen=5)
    """
    ordered = sorted(answers, reverse=True)
    least, answered, right = math.inf, 0, 0
    for confidence, equals in groupby(ordered, key=lambda pair: pair[0]):
        hits = [hit for _, hit in equals]
        answered += len(hits)
        right += sum(hits)
        if right / answered >= min_precision:
            least = 0.0 if answered == len(ordered) else confidence
    least = max(least, min_confidence)
    believed = [hit for confidence, hit in ordered if confidence >= least]
    return Threshold(least, len(believed), sum(believed), len(ordered))
