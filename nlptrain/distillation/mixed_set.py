"""Taught text: the sentences of a run with the logits of its ensemble, mixed and mapped as they are read."""

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
class TaughtText:
    """Sentences in a fixed order, with what each teacher of an ensemble said of them.

    Attributes:
        ensemble: says how these are mixed.
        sets: the stored logits of each teacher, sentence by sentence the same.
        weights: how often each sentence is read beside those of weight 1, [N].
    """

    ensemble: TeacherEnsemble
    sets: tuple[TransferSet, ...]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        """The number of sentences."""
        return len(self.sets[0])

    def chosen(self, numbers: NDArray[np.int64]) -> TaughtText:
        """The sentences with ``numbers``, in this order."""
        return TaughtText(self.ensemble, tuple(one.chosen(numbers) for one in self.sets), self.weights[numbers])

    def behind(self, number: int) -> TaughtText:
        """The sentences from ``number`` on."""
        return self.chosen(np.arange(number, len(self)))

    def sources(self, number: int) -> NDArray[np.float64] | None:
        """The weights, 0 for the first ``number`` sentences; None where all others have the same."""
        others = self.weights[number:]
        if not len(others) or (others == others[0]).all():
            return None
        return np.append(np.zeros(number), others.astype(np.float64))

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> NDArray[np.float32]:
        """The ensemble's logits of the words of all ``spans`` (sentence, first word, words), [W, C]."""
        return self.ensemble.mix([one.gather(spans) for one in self.sets])

    def rows(self, sentence: int) -> NDArray[np.float32]:
        """The ensemble's logits of the words of ``sentence``, [words, C]."""
        return self.ensemble.mix([one.rows(sentence) for one in self.sets])

    def answer(self, sentence: int) -> Answer:
        """The ensemble's logits and label of each word of ``sentence``."""
        (answer,) = self.ensemble.rule.answers([self.rows(sentence).astype(np.float32)])
        return answer

    def digests(self) -> Digests:
        """The digest of each sentence, [N]."""
        return self.sets[0].digests()

    def sentence(self, number: int) -> Sentence:
        """The words of a sentence."""
        return self.sets[0].sentence(number)


def taught_text(
    ensemble: TeacherEnsemble, sentences: Iterable[Sentence], run: Run, folder: Path, precision: Precision = "fp32"
) -> TaughtText:
    """``sentences`` with the logits of each teacher, found below ``folder`` or computed now, one teacher at a time.

    The sentences are read once; for the teachers behind the first they come from what the first one stored.
    """
    weights = array("f")

    def noted() -> Iterator[Sentence]:
        for sentence in sentences:
            weights.append(sentence.weight)
            yield sentence

    sets: list[TransferSet] = []
    for teacher in ensemble.teachers:
        teacher.model.to(run.device)
        store = LogitStore(folder, teacher.model, precision)
        source: Iterable[Sentence] = map(sets[0].sentence, range(len(sets[0]))) if sets else noted()
        done = store.label(source, teacher.model, run)
        said = done.describe()
        run.say(f"{teacher.model.name}: {said}" if len(ensemble.teachers) > 1 else said)
        sets.append(store.rows(done.rows))
        teacher.model.to("cpu")
    return TaughtText(ensemble, tuple(sets), np.array(weights, dtype=np.float32))
