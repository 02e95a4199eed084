"""Filter pseudo labels by the teacher's confidence: a threshold for each type, and the sentences above it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from nlptrain.config.objective import PseudoLabelConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits
from nlptrain.distillation.labeling import label_with_ensemble
from nlptrain.distillation.logit_store import Precision
from nlptrain.distillation.pseudo_labels import PseudoLabels, pseudo_label_sentences, teachers_answer
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.distillation.transfer_set import TeacherLogitsDataset
from nlptrain.errors import InputError
from nlptrain.run.run import Run
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


def confidence_thresholds(
    ensemble: TeacherEnsemble,
    splits: Splits,
    objective: PseudoLabelConfig,
    run: Run,
    folder: Path,
    precision: Precision,
) -> dict[str, Threshold]:
    """Return the lowest confidence per type at which the teacher has ``min_precision`` on dev; {} if it is not set."""
    if objective.min_precision is None:
        return {}
    text = label_with_ensemble(ensemble, splits.dev, run, folder, precision)
    limits = find_thresholds(
        text,
        splits.dev,
        ensemble.labels,
        min_precision=objective.min_precision,
        min_confidence=objective.min_confidence,
    )
    summary = "; ".join(f"{name} {limit.describe()}" for name, limit in limits.items())
    run.log(f"confidences at which the teacher is right {objective.min_precision:.1%} of the time on dev: {summary}")
    return limits


def filter_pseudo_labels(
    text: TeacherLogitsDataset,
    objective: PseudoLabelConfig,
    limits: Mapping[str, Threshold],
    run: Run,
    *,
    unbroken: bool,
    made_from: int | None = None,
) -> PseudoLabels:
    """Return the raw sentences whose confidences reach their thresholds, tagged, and write them to the run's folder."""
    labels = text.ensemble.labels
    pseudo_labels = pseudo_label_sentences(
        text,
        labels,
        min_confidence=objective.min_confidence,
        path=None if run.folder is None else run.folder / "pseudo_labels.jsonl",
        unbroken=unbroken,
        least={name: limit.least for name, limit in limits.items()},
        made_from=made_from,
    )
    run.log(
        pseudo_labels.describe(
            labels, "that of their type" if limits else f"a confidence of {objective.min_confidence}"
        )
    )
    return pseudo_labels


def check_any_labeled(labeled: PseudoLabels) -> None:
    """Check that some sentences have pseudo labels: without them, the student would be trained on gold tags alone.

    Raises:
        InputError: there is no text, or no sentence reaches the confidence.
    """
    if labeled.sentences:
        return
    if labeled.left_out:
        raise InputError(
            f"objective: the teacher is as sure as is asked of none of the {labeled.left_out:,} sentences without "
            "gold tags; lower min_confidence or min_precision"
        )
    raise InputError(
        "data.unlabeled: there is no text without gold tags, and no sentence was made; name raw text that holds "
        "sentences, or say how many are made out of the train sentences (augment: {sentences: 10000})"
    )


def check_min_precision(splits: Splits, objective: PseudoLabelConfig) -> None:
    """Check that there are gold dev sentences if ``min_precision`` needs them.

    Raises:
        InputError: there are none.
    """
    if objective.min_precision is not None and not splits.dev:
        raise InputError(
            "objective.min_precision: is measured on gold dev sentences, and there are none; give some, or use "
            "min_confidence, which needs none"
        )
