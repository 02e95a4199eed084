"""Pseudo labels: the teacher's argmax on raw text, with its confidence, as a file that can be read again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.corpus import Sentence
from nlptrain.distillation.mixed_set import TaughtText
from nlptrain.labels import Labels
from nlptrain.schemes import spans, valid


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

    def describe(self, labels: Labels, min_confidence: float) -> str:
        """A sentence for the log."""
        noun = "words" if labels.scheme == "plain" else "entities"
        return (
            f"pseudo labels: {len(self.sentences):,} sentences kept, {self.left_out:,} left out for "
            f"{self.doubtful:,} of {self.entities:,} {noun} below a confidence of {min_confidence}"
        )


def pseudo_label_sentences(
    text: TaughtText, labels: Labels, *, min_confidence: float, path: Path | None, unbroken: bool = False
) -> PseudoLabels:
    """Tag all of ``text`` by the teacher's argmax, and write what is kept to ``path`` as JSON Lines.

    Each line is ``{"tokens", "tags", "confidences"}``. Tags that break the scheme are written as it writes the same
    entities, so that the file is valid; what is trained on is the argmax itself.

    Args:
        text: raw sentences with the teacher's logits.
        labels: names of the logit columns.
        min_confidence: a sentence with an entity of a lower one is left out; an entity's is the least of its words'.
        path: where the file goes; whole or not at all.
        unbroken: what is trained on must not break the scheme: a CRF gives no probability to what does.
    """
    kept: list[Sentence] = []
    numbers: list[int] = []
    entities = doubtful = left_out = 0
    beside = None if path is None else path.with_name(path.name + ".part")
    file = None if beside is None else beside.open("w", encoding="utf-8", newline="\n")
    try:
        for number in range(len(text)):
            tags, confidences = _argmax(text.rows(number), labels)
            least = _least_confidences(tags, confidences, labels)
            unsure = sum(value < min_confidence for value in least)
            entities += len(least)
            doubtful += unsure
            if unsure:
                left_out += 1
                continue
            words = text.sentence(number).words
            shown = _valid(tags, labels)
            kept.append(Sentence(words, tuple(shown if unbroken else tags)))
            numbers.append(number)
            if file is not None:
                row = {"tokens": words, "tags": shown, "confidences": [round(float(value), 4) for value in confidences]}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    finally:
        if file is not None:
            file.close()
    if beside is not None and path is not None:
        beside.replace(path)
    return PseudoLabels(kept, entities, doubtful, left_out, np.array(numbers, dtype=np.int64))


def _valid(tags: list[str], labels: Labels) -> list[str]:
    right = valid(tags, labels.scheme)
    return right if all(tag in labels.ids for tag in right) else tags  # a classifier may lack an I-


def _argmax(logits: NDArray[np.float32], labels: Labels) -> tuple[list[str], NDArray[np.float32]]:
    exact = logits.astype(np.float32)
    exact = np.exp(exact - exact.max(axis=1, keepdims=True))
    best = exact.argmax(axis=1)
    return [labels.names[index] for index in best], exact.max(axis=1) / exact.sum(axis=1)


def _least_confidences(tags: list[str], confidences: NDArray[np.float32], labels: Labels) -> list[float]:
    if labels.scheme == "plain":
        return [float(value) for value in confidences]
    return [float(confidences[span.start : span.end].min()) for span in spans(tags)]
