"""Transfer sets: one in memory with given logits, and one of small shards on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from nlptrain.data.sentence import Sentence
from nlptrain.distillation import labeling
from nlptrain.distillation.logit_store import LogitStore
from nlptrain.distillation.teachers import TransformerTeacher
from nlptrain.models import TokenModel
from nlptrain.models.heads import Prediction
from nlptrain.run.run import Run


class FixedTransferSet:
    """A transfer set of one sentence for each of ``probabilities`` [T, C]."""

    def __init__(self, *probabilities: list[list[float]]) -> None:
        self.logits = [np.log(np.array(p, dtype=np.float32)).astype(np.float16) for p in probabilities]

    def __len__(self) -> int:
        return len(self.logits)

    def teacher_logits(self, row: int) -> np.ndarray:
        return self.logits[row]

    def prediction(self, row: int) -> Prediction:
        return Prediction(self.logits[row].astype(np.float32), self.logits[row].argmax(axis=1))

    def sentence(self, index: int) -> Sentence:
        return Sentence(tuple(f"w{i}" for i in range(len(self.logits[index]))))


def store_logits(folder: Path, teacher: TokenModel, sentences: Sequence[Sentence], *, shard_size: int) -> LogitStore:
    """Label ``sentences`` into a new store below ``folder`` with shards of ``shard_size`` sentences."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labeling, "SHARD_SENTENCES", shard_size)
        store = LogitStore(folder, TransformerTeacher(teacher))
        labeling.label_sentences(store, sentences, TransformerTeacher(teacher), Run(None, device="cpu"))
    return store
