"""Transfer sets: one with logits given by hand, and one of a few small shards on disk."""

from __future__ import annotations

import numpy as np

from nlptrain.data.sentence import Sentence
from nlptrain.models.heads import Answer


class FixedTransferSet:
    """A transfer set of one sentence for each of ``probabilities`` [T, C]."""

    def __init__(self, *probabilities: list[list[float]]) -> None:
        self.logits = [np.log(np.array(p, dtype=np.float32)).astype(np.float16) for p in probabilities]

    def __len__(self) -> int:
        return len(self.logits)

    def rows(self, number: int) -> np.ndarray:
        return self.logits[number]

    def answer(self, number: int) -> Answer:
        return Answer(self.logits[number].astype(np.float32), self.logits[number].argmax(axis=1))

    def sentence(self, number: int) -> Sentence:
        return Sentence(tuple(f"w{i}" for i in range(len(self.logits[number]))))
