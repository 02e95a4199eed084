"""The batches of a training run: a function of seed and step, so that a resumed run needs no replay.

Legend of shapes, in all modules: B sequences, T subwords of the longest one, W words of the batch, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_ROUND = 2**32  # distinguishes the seeds of rounds from those of epochs
_SLICE = 2**16  # sequences whose weights are summed at once
_POOL = 64  # batches that are sorted by length together: little padding, and still well mixed


Sequences = NDArray[np.uint32]  # their numbers


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

    weights: NDArray[np.floating]
    share: float
    sources: NDArray[np.floating] | None = None


@dataclass(frozen=True)
class Batches:
    """The batches of an epoch.

    Attributes:
        sequences: of all batches.
        ends: of each batch in ``sequences``, after a 0.
        order: of the batches.
    """

    sequences: Sequences
    ends: NDArray[np.int64]
    order: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.order)

    def __getitem__(self, step: int) -> Sequences:
        """Return the sequence numbers of a batch."""
        if step >= len(self.order):
            raise IndexError(step)
        batch = self.order[step]
        return self.sequences[self.ends[batch] : self.ends[batch + 1]]


_NO_BATCHES = Batches(np.empty(0, np.uint32), np.zeros(1, np.int64), np.empty(0, np.int64))


class BatchPlan:
    """The batches of every epoch, limited by padded subwords or by number of sequences, and grouped by length.

    An epoch takes 4 bytes of memory per sequence, and 24 at most while it is planned.
    """

    def __init__(
        self,
        lengths: NDArray[np.integer],
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
        self._batches: Batches = _NO_BATCHES

    def batch(self, step: int) -> tuple[int, Sequences]:
        """Return the epoch and the sequence numbers of ``step``, all counted from 0."""
        if step < self._first_step:
            self._epoch, self._first_step, self._batches = -1, 0, _NO_BATCHES
        while step >= self._first_step + len(self._batches):
            self._first_step += len(self._batches)
            self._epoch += 1
            self._batches = _NO_BATCHES  # frees the memory of one epoch before the next one is planned
            self._batches = self.epoch(self._epoch)
        return self._epoch, self._batches[step - self._first_step]

    @cached_property
    def steps_of_every(self) -> int:
        """Return the number of steps that read every sequence once, whatever the seed and the oversampling."""
        plain = BatchPlan(self.lengths, subwords=self.subwords, sentences=self.sentences, seed=0)
        return len(plain.epoch(0))

    def steps_of(self, epochs: int) -> int:
        """Return the number of steps in the first ``epochs`` epochs."""
        return sum(len(self.epoch(epoch)) for epoch in range(epochs))

    def epoch(self, epoch: int) -> Batches:
        """Return all batches of one epoch: each sequence in exactly one of them, unless there is oversampling."""
        random = np.random.default_rng((self.seed, epoch))
        order = self._sample(epoch, random)
        random.shuffle(order)
        mean = max(1.0, float(self.lengths.mean()))
        size = self.sentences or max(1, int((self.subwords or 1) / mean))
        ends: list[int] = []
        for start in range(0, len(order), size * _POOL):
            pool = order[start : start + size * _POOL]
            lengths = self.lengths[pool]
            by_length = np.argsort(lengths, kind="stable")
            order[start : start + size * _POOL] = pool[by_length]
            cuts = batch_ends(lengths[by_length], subwords=self.subwords, sentences=self.sentences)
            ends.extend(start + end for end in cuts)
        return Batches(order, np.array([0, *ends], np.int64), random.permutation(len(ends)))

    def _sample(self, epoch: int, random: np.random.Generator) -> Sequences:
        """Return the sequences of an epoch, N of them."""
        every: Sequences = np.arange(len(self.lengths), dtype=np.uint32)
        if self.oversampling is None or not self.oversampling.weights.any():
            return every
        weights = self.oversampling.weights
        once, weighted = every[weights <= 0], every[weights > 0]
        del every
        count = round(self.oversampling.share * len(weighted))
        sampled = _sample_by_weight(weighted, weights, count, random)
        if self.oversampling.sources is None:
            evenly = self._next_of(weighted, epoch, len(weighted) - count)
        else:
            sources, rest = self.oversampling.sources, len(weighted) - count
            evenly = _sample_systematically(weighted, sources, rest, random)
        return np.concatenate([once, sampled, evenly])

    def _next_of(self, sequences: Sequences, epoch: int, count: int) -> Sequences:
        """Return the ``count`` of ``sequences`` that ``epoch`` has: all have been read before one is read again."""
        first = epoch * count
        rounds = range(first // len(sequences), -(-(first + count) // len(sequences)))
        parts = [sequences[:0]]
        for index in rounds:
            start = first - index * len(sequences)
            order = np.random.default_rng((self.seed, _ROUND, index)).permutation(sequences)
            parts.append(order[max(0, start) : max(0, start + count)].copy())
        return np.concatenate(parts)


def _sample_by_weight(
    sequences: Sequences, weights: NDArray[np.floating], count: int, random: np.random.Generator
) -> Sequences:
    """Sample ``count`` of ``sequences`` with replacement, in proportion to their ``weights``, in ascending order.

    ``Generator.choice`` would take 24 bytes per sequence.
    """
    slices = range(0, len(sequences), _SLICE)
    sums = [float(weights[sequences[start : start + _SLICE]].sum(dtype=np.float64)) for start in slices]
    ends = np.cumsum(sums)
    points = random.random(count)
    points.sort()
    points *= ends[-1]
    limits = np.searchsorted(points, ends)
    limits[-1] = count
    sampled = np.empty(count, dtype=np.uint32)
    first = 0
    for start, end, total, limit in zip(slices, ends, sums, limits.tolist(), strict=True):
        part = sequences[start : start + _SLICE]
        cumulative = np.cumsum(weights[part], dtype=np.float64)
        positions = np.searchsorted(cumulative, points[first:limit] - (end - total), side="right")
        sampled[first:limit] = part[np.minimum(positions, len(part) - 1)]
        first = limit
    return sampled


def _sample_systematically(
    sequences: Sequences, weights: NDArray[np.floating], count: int, random: np.random.Generator
) -> Sequences:
    """Sample ``count`` of ``sequences``, each in proportion to its weight in ``weights``, rounded up or down."""
    order = random.permutation(sequences)
    slices = [order[start : start + _SLICE] for start in range(0, len(order), _SLICE)]
    totals = [0.0]
    for part in slices:
        totals.append(float(_cumulative(weights[part], totals[-1])[-1]))
    points = np.arange(count, dtype=np.float64)
    points += random.random()
    points *= totals[-1] / max(1, count)
    limits = np.searchsorted(points, totals)
    limits[-1] = count
    sampled = np.empty(count, dtype=np.uint32)
    for part, total, first, limit in zip(slices, totals, limits[:-1], limits[1:], strict=False):
        positions = np.searchsorted(_cumulative(weights[part], total), points[first:limit], side="right")
        sampled[first:limit] = part[np.minimum(positions, len(part) - 1)]
    return sampled


def _cumulative(values: NDArray[np.floating], start: float) -> NDArray[np.float64]:
    """Return the cumulative sums of ``values`` from ``start`` on."""
    return np.asarray(np.cumsum(np.append(start, values.astype(np.float64)))[1:])


def batch_ends(lengths: NDArray[np.integer], *, subwords: int | None, sentences: int | None) -> list[int]:
    """Return where batches of at most ``subwords`` padded subwords, or of ``sentences`` sequences, end.

    Args:
        lengths: of the sequences in their order, [N].
        subwords: the most subwords of a batch, padding included.
        sentences: the sequences of a batch, instead.
    """
    if sentences is not None:
        return [min(len(lengths), start + sentences) for start in range(0, len(lengths), sentences)]
    limit = subwords or 1
    ends: list[int] = []
    start = longest = 0
    for index, length in enumerate(lengths.tolist()):
        longest = max(longest, length)
        if index > start and longest * (index - start + 1) > limit:
            ends.append(index)
            start, longest = index, length
    return [*ends, len(lengths)] if len(lengths) else []
