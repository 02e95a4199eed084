"""Transfer sets: one in memory with given logits, and stores of small blocks on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from nlptrain.data import blocks
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.block_labeling import LabelingResult, label_sentences
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.labeling import label_with_ensemble, open_stores
from nlptrain.distillation.teachers import Teacher, TeacherEnsemble, TransformerTeacher
from nlptrain.distillation.transfer_set import TeacherLogitsDataset
from nlptrain.models import TokenModel
from nlptrain.models.heads import Prediction
from nlptrain.run.run import Run


class FixedTransferSet:
    """A transfer set of one sentence for each of ``probabilities`` [T, C]."""

    def __init__(self, *probabilities: list[list[float]]) -> None:
        self.logits = [np.log(np.array(p, dtype=np.float32)).astype(np.float16) for p in probabilities]
        self.rows = list(range(len(self.logits)))
        self.synthetic_from = len(self.logits)

    def __len__(self) -> int:
        return len(self.logits)

    def teacher_logits(self, row: int) -> np.ndarray:
        return self.logits[row]

    def prediction(self, row: int) -> Prediction:
        return Prediction(self.logits[row].astype(np.float32), self.logits[row].argmax(axis=1))

    def sentences(self) -> Iterator[Sentence]:
        for row in self.rows:
            yield Sentence(tuple(f"w{i}" for i in range(len(self.logits[row]))))

    def select(self, rows: np.ndarray) -> FixedTransferSet:
        selected = FixedTransferSet()
        selected.logits, selected.rows = self.logits, rows.tolist()
        return selected


def fixed_blocks(patch: pytest.MonkeyPatch, size: int) -> None:
    """Cut blocks of ``size`` sentences, whatever their hashes."""
    patch.setattr(blocks, "CUT_MODULUS", 2**33)
    patch.setattr(blocks, "MAX_SENTENCES", size)


def label(
    folder: Path, teacher: Teacher | TokenModel, sentences: Sequence[Sentence], run: Run | None = None
) -> tuple[BlockStore, LabelingResult]:
    """Label ``sentences`` into the store of ``teacher`` below ``folder``."""
    teacher = TransformerTeacher(teacher) if isinstance(teacher, TokenModel) else teacher
    store = BlockStore(folder, teacher)
    return store, label_sentences(store, sentences, teacher, run or Run(None, device="cpu"))


def label_all(teacher: Teacher, sentences: Sequence[Sentence], run: Run, folder: Path) -> TeacherLogitsDataset:
    """Label ``sentences`` with a teacher or an ensemble; row i is that of sentence i."""
    ensemble = TeacherEnsemble.of(teacher)
    return label_with_ensemble(ensemble, sentences, run, open_stores(ensemble, folder))
