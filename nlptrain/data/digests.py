"""Which of very many sentences have been seen: their digests in a few bytes each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Digests = NDArray[np.bytes_]  # of 16 bytes each


def packed(digests: Sequence[bytes]) -> Digests:
    """``digests``, of 16 bytes each, as one array; those that end in zeros stay apart, as all are of one length."""
    return np.frombuffer(b"".join(digests), dtype="S16")


class DigestNumbers:
    """The number of each digest that was added, from 0: a map of 24 bytes an entry, where a dict takes some 150.

    Sorted runs, of which each is at least twice as long as the one behind it: a search looks into one run for each
    doubling of what is there, and adding merges as rarely.

    Example:
        >>> numbers = DigestNumbers()
        >>> numbers.add(packed([b"a" * 16, b"b" * 16]))
        >>> numbers.find(packed([b"b" * 16, b"c" * 16])).tolist()
        [1, -1]
    """

    def __init__(self) -> None:
        """No digest yet."""
        self._runs: list[tuple[Digests, NDArray[np.int64]]] = []
        self._count = 0

    def __len__(self) -> int:
        """How many were added."""
        return self._count

    def add(self, digests: Digests) -> None:
        """Number ``digests``, in this order, behind those that are there; each is new, and no two are equal."""
        if not len(digests):
            return
        numbers = np.arange(self._count, self._count + len(digests))
        self._count += len(digests)
        while self._runs and len(self._runs[-1][0]) < 2 * len(digests):
            before, theirs = self._runs.pop()
            digests, numbers = np.concatenate([before, digests]), np.concatenate([theirs, numbers])
        order = np.argsort(digests, kind="stable")
        self._runs.append((digests[order], numbers[order]))

    def find(self, digests: Digests) -> NDArray[np.int64]:
        """The number of each of ``digests``, -1 where it was never added."""
        found = np.full(len(digests), -1)
        for known, numbers in self._runs:
            places = np.minimum(np.searchsorted(known, digests), len(known) - 1)
            found = np.where(known[places] == digests, numbers[places], found)
        return found
