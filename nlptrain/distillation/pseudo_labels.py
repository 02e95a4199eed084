"""Pseudo-labels: the teacher's argmax on unlabeled text, its confidence, and the thresholds that filter by it."""

from __future__ import annotations

import contextlib
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptrain.atomic_files import replacing
from nlptrain.config.objectives import PseudoLabelConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits
from nlptrain.data.tag_schemes import tags_to_spans, to_scheme
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.labeling import label_with_ensemble
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.distillation.transfer_set import TeacherLogitsDataset
from nlptrain.errors import InputError, Setting
from nlptrain.models.prediction import to_tagged_sentence
from nlptrain.run.run import Run
from nlptrain.training.calibration import match_entities
from nlptrain_runtime.predictions import TaggedSentence


@dataclass(frozen=True)
class PseudoLabels:
    """Sentences with the teacher's tags, and the counts of what was filtered.

    Attributes:
        sentences: those that are trained on; their tags are the teacher's argmax.
        entities: all predicted entities (for plain tags: words).
        below: entities with a confidence below their threshold.
        dropped: sentences without pseudo-labels, because they contain such an entity.
        rows: of the kept sentences in the transfer set.
    """

    sentences: list[Sentence]
    entities: int
    below: int
    dropped: int
    rows: NDArray[np.int64]

    def describe(self, labels: Labels, threshold: str) -> str:
        """Return a line for the log; ``threshold`` describes the required confidence."""
        noun = "words" if labels.scheme == "plain" else "entities"
        return (
            f"pseudo-labels: {len(self.sentences):,} sentences kept, {self.dropped:,} dropped "
            f"({self.below:,} of {self.entities:,} {noun} are below {threshold})"
        )


def pseudo_label_sentences(
    transfer_set: TeacherLogitsDataset,
    labels: Labels,
    *,
    min_confidence: float,
    path: Path | None,
    valid_only: bool = False,
    thresholds: Mapping[str, float] | None = None,
    synthetic_from: int | None = None,
) -> PseudoLabels:
    """Tag all sentences of ``transfer_set`` with the teacher's argmax, and write those kept to ``path`` as JSON Lines.

    Each line is ``{"tokens", "tags", "confidences"}``, and ``"made": true`` for a synthetic sentence. Tags in the file
    are valid: an argmax that breaks the tag scheme is replaced by the valid tags of the same entities. The sentences
    that are trained on have the argmax itself.

    Args:
        transfer_set: unlabeled sentences with the teacher's logits.
        labels: names of the logit columns.
        min_confidence: a sentence with an entity below it is dropped; an entity has the lowest confidence of its words.
        path: of the file, written whole or not at all; None: no file.
        valid_only: train on valid tags, as a CRF gives no probability to others.
        thresholds: by type, instead of ``min_confidence``.
        synthetic_from: row of the first synthetic sentence; None: there is none.
    """
    kept: list[Sentence] = []
    rows: list[int] = []
    entities = below = dropped = 0
    thresholds = thresholds or {}
    with _json_lines(path) as write:
        for row, sentence in enumerate(transfer_set.sentences()):
            tags, confidences = prediction = teacher_prediction(transfer_set, row, labels)
            parts = prediction.spans(labels.scheme)
            unsure = sum(confidence < thresholds.get(span.label, min_confidence) for span, confidence in parts)
            entities += len(parts)
            below += unsure
            if unsure:
                dropped += 1
                continue
            words = sentence.words
            file_tags = _valid_tags(tags, labels)
            kept.append(Sentence(words, tuple(_representable_tags(file_tags, labels) if valid_only else tags)))
            rows.append(row)
            rounded = [round(float(confidence), 4) for confidence in confidences]
            synthetic = {"made": True} if synthetic_from is not None and row >= synthetic_from else {}
            write({"tokens": words, "tags": file_tags, "confidences": rounded, **synthetic})
    return PseudoLabels(kept, entities, below, dropped, np.array(rows, dtype=np.int64))


@contextlib.contextmanager
def _json_lines(path: Path | None) -> Iterator[Callable[[dict[str, Any]], object]]:
    """Yield a function that writes a row to ``path``, which is replaced at the end; None: rows are discarded."""
    if path is None:
        yield lambda row: None
        return
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        yield lambda row: file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _valid_tags(tags: list[str], labels: Labels) -> list[str]:
    """Return valid tags of the same entities; ``tags`` if the labels lack one of these, e.g. an I-."""
    valid_tags = to_scheme(tags, labels.scheme)
    return valid_tags if all(tag in labels.ids for tag in valid_tags) else tags


def _representable_tags(tags: list[str], labels: Labels) -> list[str]:
    """Return valid ``tags``, with O for the words of entities whose valid tags the labels lack."""
    valid_tags = to_scheme(tags, labels.scheme)
    for _, start, end in tags_to_spans(valid_tags) if labels.scheme != "plain" else ():
        if any(tag not in labels.ids for tag in valid_tags[start:end]):
            valid_tags[start:end] = ["O"] * (end - start)
    return valid_tags


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


def filter_pseudo_labels(
    transfer_set: TeacherLogitsDataset,
    objective: PseudoLabelConfig,
    thresholds: Mapping[str, Threshold],
    run: Run,
    *,
    valid_only: bool,
    synthetic_from: int | None = None,
) -> PseudoLabels:
    """Return the sentences whose entities all reach their thresholds, tagged; write them to the run's folder."""
    labels = transfer_set.ensemble.labels
    pseudo_labels = pseudo_label_sentences(
        transfer_set,
        labels,
        min_confidence=objective.min_confidence,
        path=None if run.folder is None else run.folder / "pseudo_labels.jsonl",
        valid_only=valid_only,
        thresholds={name: threshold.min_confidence for name, threshold in thresholds.items()},
        synthetic_from=synthetic_from,
    )
    limit = "the threshold of their type" if thresholds else f"objective.min_confidence={objective.min_confidence}"
    run.log(pseudo_labels.describe(labels, limit))
    return pseudo_labels


def check_any_labeled(pseudo_labels: PseudoLabels) -> None:
    """Check that some sentences have pseudo-labels; without them, the student would be trained on gold tags alone.

    Raises:
        InputError: there is no unlabeled text, or no sentence reaches the confidence.
    """
    if pseudo_labels.sentences:
        return
    if pseudo_labels.dropped:
        raise InputError(
            f"none of the {pseudo_labels.dropped:,} unlabeled sentences reaches the required confidence",
            location="objective",
            hint=("lower ", Setting("objective.min_confidence"), " or ", Setting("objective.min_precision")),
        )
    raise InputError(
        "there is no unlabeled text and no synthetic sentence",
        location=Setting("data.unlabeled"),
        hint=(
            "set ",
            Setting("data.unlabeled"),
            " to files with text, or ",
            Setting("augment"),
            " to {sentences: 10000} for synthetic sentences from the train sentences",
        ),
    )


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
