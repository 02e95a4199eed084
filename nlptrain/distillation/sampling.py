"""Sampling from the training text: oversampling of sentences with rare labels, and a dev set where there is no gold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.mapped_arrays import ArrayWriter, mapped_array
from nlptrain.data.sentence import HashSet, Sentence, hash_array
from nlptrain.data.splits import Splits
from nlptrain.data.tag_schemes import to_scheme
from nlptrain.distillation.transfer_set import TeacherLogitsDataset
from nlptrain.errors import InputError, Setting

AGREEMENT = "agreement"
_BLOCK = 1024  # sentences that are read at once
_SLICE = 2**16  # sentences whose weights are computed at once
_MAX_WEIGHT = 5.0  # of a sentence: a list of names is not worth a hundred sentences
_DEV_FRACTION = 50  # one in 50 sentences: 2 %
_MAX_DEV = 2_000


@dataclass(frozen=True)
class InverseLabelFrequency:
    """How rare the labels of a text are, by the probabilities of its teacher.

    Attributes:
        labels: 1 minus the label's share of all words, [C]; with entity tags near 0 for O and near 1 for all others,
            with plain tags about the same for all.
        sentences: expected sum of ``labels`` over the words of each sentence, at most 5, [N].
    """

    labels: NDArray[np.float32]
    sentences: NDArray[np.float32]

    def sampling_weights(
        self, gold: int, rows: NDArray[np.integer] | slice, folder: Path | None = None
    ) -> NDArray[np.float32]:
        """Return the weights of ``gold`` sentences that every epoch has once, 0, and those of ``rows``.

        ``folder`` is that of a temporary file; None: the system's.
        """
        return mapped_array(np.append(np.zeros(gold, np.float32), self.sentences[rows]), folder)


def inverse_label_frequency(transfer_set: TeacherLogitsDataset, folder: Path | None = None) -> InverseLabelFrequency:
    """Compute the inverse label frequency of the labels and sentences of ``transfer_set``, in one pass.

    ``folder`` is that of a temporary file; None: the system's.
    """
    count = len(transfer_set.ensemble.labels)
    writer = ArrayWriter(np.float32, folder)
    total, words = np.zeros(count), 0
    for logits, counts in transfer_set.parts():
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        sums = np.zeros((len(counts), count))
        has_words = counts > 0  # reduceat would take the next sentence's first word for an empty one
        firsts = (np.cumsum(counts) - counts)[has_words]
        sums[has_words] = np.add.reduceat(probabilities, firsts) if len(firsts) else 0.0
        writer.append(sums)
        total += sums.sum(axis=0)
        words += len(logits)
    labels = 1.0 - total / max(1, words)
    sums_of_all, weights = writer.finish().reshape(-1, count), ArrayWriter(np.float32, folder)
    for start in range(0, len(sums_of_all), _SLICE):
        weights.append(np.minimum(_MAX_WEIGHT, sums_of_all[start : start + _SLICE] @ labels))
    return InverseLabelFrequency(labels.astype(np.float32), weights.finish())


def agreement_dev_size(sentences: int) -> int:
    """Return how many of the unlabeled ``sentences`` become dev: 2 %, at most 2,000.

    Raises:
        InputError: there is too little text.
    """
    if sentences < _DEV_FRACTION:
        raise InputError(
            f"not set, and {sentences:,} unlabeled sentences are too few to take 2 % of them",
            location=Setting("data.dev"),
            hint=("add text to ", Setting("data.unlabeled"), ", or set ", Setting("data.dev"), " to gold sentences"),
        )
    return min(_MAX_DEV, sentences // _DEV_FRACTION)


class AgreementDev:
    """The unlabeled sentences that become dev where there is no gold dev set: those with the smallest hashes.

    A hash of the words decides which ones, so that neither seed nor order changes the choice.
    """

    def __init__(self) -> None:
        """Start without sentences."""
        self.count = 0
        self._seen = HashSet()
        self._smallest: dict[bytes, Sentence] = {}
        self._limit = b"\xff" * 16

    def recorded(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Yield ``sentences``, and keep those that may become dev."""
        rest = iter(sentences)
        while block := list(islice(rest, _BLOCK)):
            hashes = {sentence.hash(): sentence for sentence in block}
            array = hash_array(list(hashes))
            new = ~self._seen.has(array)
            self._seen.add(array[new])
            self.count += int(new.sum())
            self._smallest |= {key: sentence for key, sentence in hashes.items() if key <= self._limit}
            if len(self._smallest) > 2 * _MAX_DEV:
                self._smallest = {key: self._smallest[key] for key in sorted(self._smallest)[:_MAX_DEV]}
                self._limit = max(self._smallest)
            yield from block

    def sentences(self) -> list[Sentence]:
        """Return the sentences that become dev, after all have been read: 2 %, at most 2,000.

        Raises:
            InputError: there is too little text.
        """
        size = agreement_dev_size(self.count)
        return [self._smallest[key] for key in sorted(self._smallest)[:size]]


def agreement_splits(
    splits: Splits, labeled: TeacherLogitsDataset, unlabeled: int, *, log: Callable[[str], None]
) -> Splits:
    """Return ``splits`` with the sentences of ``labeled`` as dev, with the teacher's tags.

    Args:
        splits: without a dev set.
        labeled: the sentences that become dev.
        unlabeled: the number of unlabeled sentences that they were taken from.
        log: receives a line about them.
    """
    names, scheme = labeled.ensemble.labels.names, labeled.ensemble.labels.scheme
    dev = []
    for row, sentence in enumerate(labeled.sentences()):
        tags = [names[label_id] for label_id in labeled.prediction(row).label_ids]
        dev.append(Sentence(sentence.words, tuple(to_scheme(tags, scheme))))
    log(
        f"dev: {len(dev):,} of {unlabeled:,} unlabeled sentences, with the teacher's tags; dev scores are agreement "
        "with the teacher (no data.dev)"
    )
    return replace(splits, dev=dev, dev_metric=AGREEMENT)
