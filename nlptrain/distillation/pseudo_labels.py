"""Pseudo-labels: the teacher's argmax on unlabeled text, with its confidence, also written to a file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptrain.atomic_files import replacing
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import tags_to_spans, to_scheme
from nlptrain.distillation.transfer_set import TeacherLogitsDataset
from nlptrain.models.prediction import to_tagged_sentence
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
        for row in range(len(transfer_set)):
            tags, confidences = prediction = teacher_prediction(transfer_set, row, labels)
            parts = prediction.spans(labels.scheme)
            unsure = sum(confidence < thresholds.get(span.label, min_confidence) for span, confidence in parts)
            entities += len(parts)
            below += unsure
            if unsure:
                dropped += 1
                continue
            words = transfer_set.sentence(row).words
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
