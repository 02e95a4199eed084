"""TeacherLogitsDataset: the sentences of a run with the logits of its teacher ensemble."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.digests import Digests
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.logit_store import LogitStore, Precision
from nlptrain.distillation.teacher_ensemble import TeacherEnsemble
from nlptrain.distillation.transfer_set import TransferSet
from nlptrain.models.heads import Answer
from nlptrain.run import Run


@dataclass(frozen=True)
class TeacherLogitsDataset:
    """Sentences in a fixed order with the logits of each teacher, which are mixed when they are read.

    Attributes:
        ensemble: mixes the logits.
        sets: the transfer set of each teacher, with the same sentences.
        weights: sampling weight of each sentence, [N].
    """

    ensemble: TeacherEnsemble
    sets: tuple[TransferSet, ...]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self.sets[0])

    def chosen(self, numbers: NDArray[np.int64]) -> TeacherLogitsDataset:
        """Return the sentences with ``numbers``, in this order."""
        return TeacherLogitsDataset(
            self.ensemble, tuple(one.chosen(numbers) for one in self.sets), self.weights[numbers]
        )

    def starting_at(self, number: int) -> TeacherLogitsDataset:
        """Return the sentences from ``number`` on."""
        return self.chosen(np.arange(number, len(self)))

    def sources(self, number: int) -> NDArray[np.float64] | None:
        """Return the weights, 0 for the first ``number`` sentences; None if all others have the same weight."""
        others = self.weights[number:]
        if not len(others) or (others == others[0]).all():
            return None
        return np.append(np.zeros(number), others.astype(np.float64))

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> NDArray[np.float32]:
        """Return the ensemble's logits of the words of all ``spans`` (sentence, first word, words), [W, C]."""
        return self.ensemble.mix([one.gather(spans) for one in self.sets])

    def rows(self, sentence: int) -> NDArray[np.float32]:
        """Return the ensemble's logits of the words of ``sentence``, [words, C]."""
        return self.ensemble.mix([one.rows(sentence) for one in self.sets])

    def answer(self, sentence: int) -> Answer:
        """Return the ensemble's logits and label of each word of ``sentence``."""
        (answer,) = self.ensemble.rule.answers([self.rows(sentence).astype(np.float32)])
        return answer

    def digests(self) -> Digests:
        """Return the digest of each sentence, [N]."""
        return self.sets[0].digests()

    def sentence(self, number: int) -> Sentence:
        """Return the words of a sentence."""
        return self.sets[0].sentence(number)


def label_with_ensemble(
    ensemble: TeacherEnsemble, sentences: Iterable[Sentence], run: Run, folder: Path, precision: Precision = "fp32"
) -> TeacherLogitsDataset:
    """Label ``sentences`` with each teacher in turn; logits that are stored in ``folder`` are not computed again.

    The sentences are read once; teachers after the first read them from the first one's transfer set.
    """
    weights = array("f")

    def with_weights_noted() -> Iterator[Sentence]:
        for sentence in sentences:
            weights.append(sentence.weight)
            yield sentence

    sets: list[TransferSet] = []
    for teacher in ensemble.teachers:
        teacher.model.to(run.device)
        store = LogitStore(folder, teacher.model, precision)
        source: Iterable[Sentence] = map(sets[0].sentence, range(len(sets[0]))) if sets else with_weights_noted()
        result = store.label(source, teacher.model, run)
        line = result.describe()
        run.log(f"{teacher.model.name}: {line}" if len(ensemble.teachers) > 1 else line)
        sets.append(store.rows(result.rows))
        teacher.model.to("cpu")
    return TeacherLogitsDataset(ensemble, tuple(sets), np.array(weights, dtype=np.float32))
