"""Where a teacher finds something rare: the few words that are entities, among the many that are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptrain.distillation.teacher_logits_dataset import TeacherLogitsDataset

_BLOCK = 1024  # sentences read at once
_MOST = 5.0  # rare words that count for a sentence: a list of names is not a hundred sentences


@dataclass(frozen=True)
class Rarity:
    """How rare the labels of a text are by its teacher's probabilities.

    Attributes:
        labels: for each label 1 minus its share of all words, [C]: of entities, near 0 for O and near 1 for all others;
            of plain tags, about the same for all.
        sentences: for each sentence the sum of this over its words, as far as the teacher gives them these labels, at
            most 5, [N].
    """

    labels: NDArray[np.float32]
    sentences: NDArray[np.float64]

    def starting_at(self, number: int) -> NDArray[np.float64]:
        """What sentences are drawn by: 0 for the first ``number``, those with gold tags, which every epoch has once."""
        weights = self.sentences.copy()
        weights[:number] = 0.0
        return weights


def rarity(text: TeacherLogitsDataset) -> Rarity:
    """The rarity of the labels and sentences of ``text``; it is read once."""
    sums = np.zeros((len(text), len(text.ensemble.labels)))
    words = 0
    for start in range(0, len(text), _BLOCK):
        counts = [len(text.sets[0].rows(number)) for number in range(start, min(start + _BLOCK, len(text)))]
        owners = np.repeat(np.arange(len(counts)), counts)
        logits = text.gather([(start + number, 0, count) for number, count in enumerate(counts)])
        exact = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        np.add.at(sums, start + owners, exact / exact.sum(axis=1, keepdims=True))
        words += len(owners)
    labels = 1.0 - sums.sum(axis=0) / max(1, words)
    return Rarity(labels.astype(np.float32), np.minimum(_MOST, sums @ labels))
