"""Pseudo-labels: the teacher's argmax on unlabeled text, filtered by its confidence."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptrain.atomic_files import replacing
from nlptrain.config.objectives import PseudoLabelConfig
from nlptrain.data.labels import Labels
from nlptrain.data.mapped_arrays import ArrayWriter
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import tags_to_spans, to_scheme
from nlptrain.distillation.thresholds import Threshold, teacher_prediction
from nlptrain.distillation.transfer_set import TeacherLogitsDataset
from nlptrain.errors import InputError, Setting
from nlptrain.run.run import Run


@dataclass(frozen=True)
class PseudoLabels:
    """The sentences that keep the teacher's tags, and the counts of what was filtered.

    Attributes:
        rows: of the kept sentences in the transfer set.
        entities: all predicted entities (for plain tags: words).
        below: entities with a confidence below their threshold.
        dropped: sentences without pseudo-labels, because they contain such an entity.
        transfer_set: of all sentences.
        names: of the labels.
        label_ids: of the words of the kept sentences, one sentence after the other.
    """

    rows: NDArray[np.int32]
    entities: int
    below: int
    dropped: int
    transfer_set: TeacherLogitsDataset
    names: Sequence[str]
    label_ids: NDArray[np.int16]

    def __len__(self) -> int:
        """Return the number of kept sentences."""
        return len(self.rows)

    @cached_property
    def kept(self) -> TeacherLogitsDataset:
        """The kept sentences, with the teacher's logits."""
        return self.transfer_set if len(self) == len(self.transfer_set) else self.transfer_set.select(self.rows)

    def sentences(self) -> Iterator[Sentence]:
        """Yield the kept sentences, which are trained on; their tags are the teacher's argmax."""
        end = 0
        for sentence in self.kept.sentences():
            start, end = end, end + len(sentence.words)
            yield Sentence(sentence.words, tuple(self.names[label_id] for label_id in self.label_ids[start:end]))

    def describe(self, labels: Labels, threshold: str) -> str:
        """Return a line for the log; ``threshold`` describes the required confidence."""
        noun = "words" if labels.scheme == "plain" else "entities"
        return (
            f"pseudo-labels: {len(self):,} sentences kept, {self.dropped:,} dropped "
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
    folder: Path | None = None,
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
        folder: of temporary files; None: the system's.
    """
    rows, label_ids = ArrayWriter(np.int32, folder), ArrayWriter(np.int16, folder)
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
            file_tags = _valid_tags(tags, labels)
            trained = _representable_tags(file_tags, labels) if valid_only else tags
            label_ids.append([labels.ids[tag] for tag in trained])
            rows.append([row])
            rounded = [round(float(confidence), 4) for confidence in confidences]
            synthetic = {"made": True} if row >= transfer_set.synthetic_from else {}
            write({"tokens": sentence.words, "tags": file_tags, "confidences": rounded, **synthetic})
    return PseudoLabels(rows.finish(), entities, below, dropped, transfer_set, labels.names, label_ids.finish())


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


def filter_pseudo_labels(
    transfer_set: TeacherLogitsDataset,
    objective: PseudoLabelConfig,
    thresholds: Mapping[str, Threshold],
    run: Run,
    *,
    valid_only: bool,
) -> PseudoLabels:
    """Return the sentences whose entities all reach their thresholds, tagged; write them to the run's folder."""
    labels = transfer_set.ensemble.labels
    pseudo_labels = pseudo_label_sentences(
        transfer_set,
        labels,
        min_confidence=objective.min_confidence,
        path=run.folder / "pseudo_labels.jsonl" if run.folder is not None and objective.write_pseudo_labels else None,
        valid_only=valid_only,
        thresholds={name: threshold.min_confidence for name, threshold in thresholds.items()},
        folder=run.folder,
    )
    limit = "the threshold of their type" if thresholds else f"objective.min_confidence={objective.min_confidence}"
    run.log(pseudo_labels.describe(labels, limit))
    return pseudo_labels


def check_any_labeled(pseudo_labels: PseudoLabels) -> None:
    """Check that some sentences have pseudo-labels; without them, the student would be trained on gold tags alone.

    Raises:
        InputError: there is no unlabeled text, or no sentence reaches the confidence.
    """
    if len(pseudo_labels):
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
