"""The batches of a training run: a function of seed and step, so that a resumed run needs no replay.

Legend of shapes, in all modules: B sequences, T subwords of the longest one, W words of the batch, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ROUND = 2**32  # distinguishes the seeds of rounds from those of epochs
_POOL = 64  # batches that are sorted by length together: little padding, and still well mixed


@dataclass(frozen=True)
class Oversampling:
    """Sampling weights of the sequences of an epoch.

    Attributes:
        weights: the sampling weight of each sequence, [N]; sequences of weight 0 occur once in every epoch.
        share: share of the other sequences' slots that are filled by sampling with replacement in proportion to
            ``weights``; the rest is filled evenly, each sequence once before one comes again, or in proportion to
            ``sources``.
        sources: how often each sequence is read, relative to one of weight 1, [N]; None: all alike.
    """

    weights: NDArray[np.float64]
    share: float
    sources: NDArray[np.float64] | None = None


class BatchPlan:
    """The batches of every epoch, limited by padded subwords or by number of sequences, and grouped by length."""

    def __init__(
        self,
        lengths: NDArray[np.int64],
        *,
        subwords: int | None,
        sentences: int | None,
        seed: int,
        oversampling: Oversampling | None = None,
    ) -> None:
        """Plan batches of sequences with ``lengths`` subwords.

        Args:
            lengths: subwords of each sequence, special tokens included, [N].
            subwords: the most subwords of a batch, padding included (a longer sequence is a batch of its own).
            sentences: the sequences of a batch; exactly one of the two limits is given.
            seed: decides the order of all epochs.
            oversampling: which sequences an epoch holds; None: every sequence once.
        """
        self.lengths = lengths
        self.subwords = subwords
        self.sentences = sentences
        self.seed = seed
        self.oversampling = oversampling
        self._epoch = -1
        self._first_step = 0
        self._batches: list[NDArray[np.int64]] = []

    def batch(self, step: int) -> tuple[int, NDArray[np.int64]]:
        """Return the epoch and the sequence numbers of ``step``, all counted from 0."""
        if step < self._first_step:
            self._epoch, self._first_step, self._batches = -1, 0, []
        while step >= self._first_step + len(self._batches):
            self._first_step += len(self._batches)
            self._epoch += 1
            self._batches = self.epoch(self._epoch)
        return self._epoch, self._batches[step - self._first_step]

    def steps_of_every(self) -> int:
        """Return the number of steps that read every sequence once, whatever the seed and the oversampling."""
        plain = BatchPlan(self.lengths, subwords=self.subwords, sentences=self.sentences, seed=0)
        return len(plain.epoch(0))

    def steps_of(self, epochs: int) -> int:
        """Return the number of steps in the first ``epochs`` epochs."""
        return sum(len(self.epoch(epoch)) for epoch in range(epochs))

    def epoch(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return all batches of one epoch: each sequence in exactly one of them, unless there is oversampling."""
        random = np.random.default_rng((self.seed, epoch))
        order = random.permutation(self._sample(epoch, random))
        mean = max(1.0, float(self.lengths.mean()))
        size = self.sentences or max(1, int((self.subwords or 1) / mean))
        batches: list[NDArray[np.int64]] = []
        for start in range(0, len(order), size * _POOL):
            pool = order[start : start + size * _POOL]
            pool = pool[np.argsort(self.lengths[pool], kind="stable")]
            batches.extend(cut_batches(pool, self.lengths, subwords=self.subwords, sentences=self.sentences))
        return [batches[index] for index in random.permutation(len(batches))]

    def _sample(self, epoch: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Return the sequences of an epoch, N of them."""
        every = np.arange(len(self.lengths))
        if self.oversampling is None or not self.oversampling.weights.any():
            return every
        weighted = every[self.oversampling.weights > 0]
        weights = self.oversampling.weights[weighted]
        count = round(self.oversampling.share * len(weighted))
        chosen = random.choice(weighted, size=count, p=weights / weights.sum())
        if self.oversampling.sources is None:
            evenly = self._next_of(weighted, epoch, len(weighted) - count)
        else:
            evenly = _sample_systematically(
                weighted, self.oversampling.sources[weighted], len(weighted) - count, random
            )
        return np.concatenate([every[self.oversampling.weights <= 0], chosen, evenly])

    def _next_of(self, sequences: NDArray[np.int64], epoch: int, count: int) -> NDArray[np.int64]:
        """Return the ``count`` of ``sequences`` that ``epoch`` has: all have been read before one is read again."""
        first = epoch * count
        rounds = range(first // len(sequences), -(-(first + count) // len(sequences)))
        orders = [np.random.default_rng((self.seed, _ROUND, index)).permutation(sequences) for index in rounds]
        start = first - rounds.start * len(sequences)
        return np.concatenate(orders)[start : start + count] if orders else sequences[:0]


def _sample_systematically(
    sequences: NDArray[np.int64], weights: NDArray[np.float64], count: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Sample ``count`` of ``sequences``, each in proportion to its weight, rounded up or down."""
    order = random.permutation(len(sequences))
    cumulative = np.cumsum(weights[order])
    points = (np.arange(count) + random.random()) * (cumulative[-1] / max(1, count))
    sampled: NDArray[np.int64] = sequences[
        order[np.minimum(np.searchsorted(cumulative, points, side="right"), len(sequences) - 1)]
    ]
    return sampled


def cut_batches(
    order: NDArray[np.int64], lengths: NDArray[np.int64], *, subwords: int | None, sentences: int | None
) -> list[NDArray[np.int64]]:
    """Cut ``order`` into batches of at most ``subwords`` padded subwords, or of ``sentences`` sequences."""
    if sentences is not None:
        return [order[start : start + sentences] for start in range(0, len(order), sentences)]
    limit = subwords or 1
    batches: list[NDArray[np.int64]] = []
    start, longest = 0, 0
    for index, sequence in enumerate(order):
        new_longest = max(longest, int(lengths[sequence]))
        if index > start and new_longest * (index - start + 1) > limit:
            batches.append(order[start:index])
            start, new_longest = index, int(lengths[sequence])
        longest = new_longest
    if start < len(order):
        batches.append(order[start:])
    return batches
