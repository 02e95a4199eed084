"""Sampling from the training text: oversampling of sentences with rare labels, and a dev set where there is no gold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.sentence import Hashes, Sentence
from nlptrain.data.splits import Splits
from nlptrain.data.tag_schemes import to_scheme
from nlptrain.distillation.transfer_set import TeacherLogitsDataset
from nlptrain.errors import InputError, Setting

AGREEMENT = "agreement"
_BLOCK = 1024  # sentences that are read at once
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
    sentences: NDArray[np.float64]

    def sampling_weights(self, gold: int) -> NDArray[np.float64]:
        """Return the weight of each sentence, [N]; 0 for the first ``gold`` ones, which every epoch has once."""
        weights = self.sentences.copy()
        weights[:gold] = 0.0
        return weights


def inverse_label_frequency(transfer_set: TeacherLogitsDataset) -> InverseLabelFrequency:
    """Compute the inverse label frequency of the labels and sentences of ``transfer_set``, in one pass."""
    sums = np.zeros((len(transfer_set), len(transfer_set.ensemble.labels)))
    words = 0
    for start in range(0, len(transfer_set), _BLOCK):
        counts = [
            len(transfer_set.sets[0].teacher_logits(row))
            for row in range(start, min(start + _BLOCK, len(transfer_set)))
        ]
        owners = np.repeat(np.arange(len(counts)), counts)
        logits = transfer_set.gather([(start + offset, 0, count) for offset, count in enumerate(counts)])
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        np.add.at(sums, start + owners, exponentials / exponentials.sum(axis=1, keepdims=True))
        words += len(owners)
    labels = 1.0 - sums.sum(axis=0) / max(1, words)
    return InverseLabelFrequency(labels.astype(np.float32), np.minimum(_MAX_WEIGHT, sums @ labels))


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


def agreement_dev_rows(hashes: Hashes) -> NDArray[np.int64]:
    """Return the rows of the unlabeled sentences that become dev: those with the smallest ``hashes``."""
    return np.argsort(hashes, kind="stable")[: min(_MAX_DEV, len(hashes) // _DEV_FRACTION)]


def take_agreement_dev(
    splits: Splits, transfer_set: TeacherLogitsDataset, *, log: Callable[[str], None]
) -> tuple[Splits, TeacherLogitsDataset]:
    """Move 2 % of the unlabeled sentences (at most 2,000) from ``transfer_set`` to dev, with the teacher's tags.

    A hash of the words decides which ones, so that neither seed nor order changes the choice.

    Returns:
        The splits with this dev set, and the rest of ``transfer_set``.

    Raises:
        InputError: there is too little text.
    """
    gold = len(splits.train)
    unlabeled = len(transfer_set) - gold
    agreement_dev_size(unlabeled)
    rows = gold + agreement_dev_rows(transfer_set.hashes()[gold:])
    names, scheme = transfer_set.ensemble.labels.names, transfer_set.ensemble.labels.scheme
    dev = []
    for row in sorted(rows.tolist()):
        tags = [names[label_id] for label_id in transfer_set.prediction(row).label_ids]
        dev.append(Sentence(transfer_set.sentence(row).words, tuple(to_scheme(tags, scheme))))
    log(
        f"dev: {len(dev):,} of {unlabeled:,} unlabeled sentences, with the teacher's tags; dev scores are agreement "
        "with the teacher (no data.dev)"
    )
    return replace(splits, dev=dev, dev_metric=AGREEMENT), transfer_set.select(
        np.setdiff1d(np.arange(len(transfer_set)), rows)
    )
