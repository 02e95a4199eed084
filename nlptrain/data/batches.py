"""Which sequences a step reads: a function of seed and step, so that a resumed run needs no replay.

Legend of shapes, here and everywhere: B sequences, T pieces of the longest one, W words of the batch, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_POOL = 64  # batches that are sorted by length together: little padding, and still a good mix


@dataclass(frozen=True)
class Focus:
    """Which sequences an epoch has more than once, and which not at all.

    Attributes:
        weights: of each sequence, [N]; 0 for those that every epoch has once.
        share: of the others, how many of an epoch's are drawn by weight, again and again if it so happens; the rest of
            them are drawn evenly, each at most once, or as ``sources`` says.
        sources: how often each sequence is read beside one of weight 1, [N]; None: all alike.
    """

    weights: NDArray[np.float64]
    share: float
    sources: NDArray[np.float64] | None = None


class BatchPlan:
    """The batches of every epoch, cut by padded pieces or by number of sequences, and grouped by length."""

    def __init__(
        self,
        lengths: NDArray[np.int64],
        *,
        pieces: int | None,
        sentences: int | None,
        seed: int,
        focus: Focus | None = None,
    ) -> None:
        """Plan over sequences of ``lengths`` pieces.

        Args:
            lengths: pieces of each sequence, special ones included, [N].
            pieces: the most a batch may hold, padding included (one longer sequence makes a batch of its own).
            sentences: the sequences of a batch; exactly one of the two is given.
            seed: decides the order of all epochs.
            focus: what an epoch holds; None: every sequence once.
        """
        self.lengths = lengths
        self.pieces = pieces
        self.sentences = sentences
        self.seed = seed
        self.focus = focus
        self._epoch = -1
        self._first_step = 0
        self._batches: list[NDArray[np.int64]] = []

    def batch(self, step: int) -> tuple[int, NDArray[np.int64]]:
        """The epoch and the sequence numbers of ``step``, both counted from 0."""
        if step < self._first_step:
            self._epoch, self._first_step, self._batches = -1, 0, []
        while step >= self._first_step + len(self._batches):
            self._first_step += len(self._batches)
            self._epoch += 1
            self._batches = self.epoch(self._epoch)
        return self._epoch, self._batches[step - self._first_step]

    def steps_of_every(self) -> int:
        """The steps in which every sequence is read once, whatever the seed and whatever is drawn."""
        plain = BatchPlan(self.lengths, pieces=self.pieces, sentences=self.sentences, seed=0)
        return len(plain.epoch(0))

    def steps_of(self, epochs: int) -> int:
        """The number of steps in the first ``epochs`` epochs."""
        return sum(len(self.epoch(epoch)) for epoch in range(epochs))

    def epoch(self, epoch: int) -> list[NDArray[np.int64]]:
        """All batches of one epoch, each sequence in exactly one of them, or as ``focus`` says."""
        random = np.random.default_rng((self.seed, epoch))
        order = random.permutation(self._members(random))
        mean = max(1.0, float(self.lengths.mean()))
        size = self.sentences or max(1, int((self.pieces or 1) / mean))
        batches: list[NDArray[np.int64]] = []
        for start in range(0, len(order), size * _POOL):
            pool = order[start : start + size * _POOL]
            pool = pool[np.argsort(self.lengths[pool], kind="stable")]
            batches.extend(cut(pool, self.lengths, pieces=self.pieces, sentences=self.sentences))
        return [batches[index] for index in random.permutation(len(batches))]

    def _members(self, random: np.random.Generator) -> NDArray[np.int64]:
        """The sequences of an epoch, as many as there are."""
        every = np.arange(len(self.lengths))
        if self.focus is None or not self.focus.weights.any():
            return every
        drawn = every[self.focus.weights > 0]
        weights = self.focus.weights[drawn]
        count = round(self.focus.share * len(drawn))
        chosen = random.choice(drawn, size=count, p=weights / weights.sum())
        if self.focus.sources is None:
            evenly = random.choice(drawn, size=len(drawn) - count, replace=False)
        else:
            evenly = _in_proportion(drawn, self.focus.sources[drawn], len(drawn) - count, random)
        return np.concatenate([every[self.focus.weights <= 0], chosen, evenly])


def _in_proportion(
    numbers: NDArray[np.int64], weights: NDArray[np.float64], count: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """``count`` of ``numbers``, each as often as its weight says, rounded up or down (systematic sampling)."""
    order = random.permutation(len(numbers))
    upto = np.cumsum(weights[order])
    places = (np.arange(count) + random.random()) * (upto[-1] / max(1, count))
    chosen: NDArray[np.int64] = numbers[
        order[np.minimum(np.searchsorted(upto, places, side="right"), len(numbers) - 1)]
    ]
    return chosen


def cut(
    order: NDArray[np.int64], lengths: NDArray[np.int64], *, pieces: int | None, sentences: int | None
) -> list[NDArray[np.int64]]:
    """``order`` cut into batches of at most ``pieces`` padded pieces, or of ``sentences`` sequences."""
    if sentences is not None:
        return [order[start : start + sentences] for start in range(0, len(order), sentences)]
    most = pieces or 1
    batches: list[NDArray[np.int64]] = []
    start, longest = 0, 0
    for index, number in enumerate(order):
        longest_now = max(longest, int(lengths[number]))
        if index > start and longest_now * (index - start + 1) > most:
            batches.append(order[start:index])
            start, longest_now = index, int(lengths[number])
        longest = longest_now
    if start < len(order):
        batches.append(order[start:])
    return batches
