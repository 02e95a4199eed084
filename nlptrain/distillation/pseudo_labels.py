"""Pseudo labels: the teacher's argmax on raw text, with its confidence, as a file that can be read again."""

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
from nlptrain.models.confidence import TaggedSentence, to_tagged_sentence


@dataclass(frozen=True)
class PseudoLabels:
    """Sentences tagged by the teacher, and what was left out.

    Attributes:
        sentences: those that are trained on; their tags are the teacher's argmax.
        entities: all entities found (for plain tags: words).
        doubtful: those of a confidence below the least that was asked for.
        left_out: sentences left out because they hold one of these.
        numbers: of the sentences that are trained on, in the text that was tagged.
    """

    sentences: list[Sentence]
    entities: int
    doubtful: int
    left_out: int
    numbers: NDArray[np.int64]

    def describe(self, labels: Labels, limit: str) -> str:
        """A sentence for the log; ``limit`` names the confidence that was asked for."""
        noun = "words" if labels.scheme == "plain" else "entities"
        return (
            f"pseudo labels: {len(self.sentences):,} sentences kept, {self.left_out:,} left out for "
            f"{self.doubtful:,} of {self.entities:,} {noun} below {limit}"
        )


def pseudo_label_sentences(
    text: TeacherLogitsDataset,
    labels: Labels,
    *,
    min_confidence: float,
    path: Path | None,
    unbroken: bool = False,
    least: Mapping[str, float] | None = None,
    made_from: int | None = None,
) -> PseudoLabels:
    """Tag all of ``text`` by the teacher's argmax, and write what is kept to ``path`` as JSON Lines.

    Each line is ``{"tokens", "tags", "confidences"}``, and ``"made": true`` where nobody wrote the sentence. Tags that
    break the scheme are written as it writes the same entities, so that the file is valid; what is trained on is the
    argmax itself.

    Args:
        text: raw sentences with the teacher's logits.
        labels: names of the logit columns.
        min_confidence: a sentence with an entity of a lower one is left out; an entity's is the least of its words'.
        path: where the file goes; whole or not at all.
        unbroken: what is trained on must not break the scheme: a CRF gives no probability to what does.
        least: for a type, another confidence in the place of ``min_confidence``.
        made_from: number of the first sentence that was made out of others; None: none was.
    """
    kept: list[Sentence] = []
    numbers: list[int] = []
    entities = doubtful = left_out = 0
    least = least or {}
    with _json_lines(path) as write:
        for number in range(len(text)):
            tags, confidences = answer = teachers_answer(text, number, labels)
            parts = answer.spans(labels.scheme)
            unsure = sum(value < least.get(span.label, min_confidence) for span, value in parts)
            entities += len(parts)
            doubtful += unsure
            if unsure:
                left_out += 1
                continue
            words = text.sentence(number).words
            shown = _valid(tags, labels)
            kept.append(Sentence(words, tuple(_allowed(shown, labels) if unbroken else tags)))
            numbers.append(number)
            rounded = [round(float(value), 4) for value in confidences]
            made = {"made": True} if made_from is not None and number >= made_from else {}
            write({"tokens": words, "tags": shown, "confidences": rounded, **made})
    return PseudoLabels(kept, entities, doubtful, left_out, np.array(numbers, dtype=np.int64))


@contextlib.contextmanager
def _json_lines(path: Path | None) -> Iterator[Callable[[dict[str, Any]], object]]:
    """What takes the rows of ``path``, which is there, whole, when all of them are; without a path, they go nowhere."""
    if path is None:
        yield lambda row: None
        return
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        yield lambda row: file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _valid(tags: list[str], labels: Labels) -> list[str]:
    right = to_scheme(tags, labels.scheme)
    return right if all(tag in labels.ids for tag in right) else tags  # a classifier may lack an I-


def _allowed(tags: list[str], labels: Labels) -> list[str]:
    """``tags`` that do not break the scheme: an entity that the labels have no right tags for is none."""
    allowed = to_scheme(tags, labels.scheme)
    for _, start, end in tags_to_spans(allowed) if labels.scheme != "plain" else ():
        if any(tag not in labels.ids for tag in allowed[start:end]):
            allowed[start:end] = ["O"] * (end - start)
    return allowed


def teachers_answer(text: TeacherLogitsDataset, number: int, labels: Labels) -> TaggedSentence:
    """What the teacher says of the sentence ``number`` of ``text``, with its own probabilities, never calibrated ones.

    A teacher's temperature is left out, so that ``min_confidence`` means the same of one teacher and of several.
    """
    return to_tagged_sentence(text.answer(number), labels)
