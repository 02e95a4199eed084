"""What readers share that number the words they read: one place of a window for each word."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from nlptrain_runtime.arrays import padded
from nlptrain_runtime.windows import Window

REMEMBERED = 500_000  # words, before all numbers are forgotten


class Numbering:
    """Numbers that are given to words as they come, and forgotten once there are many, unless they are pinned."""

    _pinned = False

    @abstractmethod
    def _count(self) -> int:
        """How many numbers were given."""

    @abstractmethod
    def _forget(self) -> None:
        """Begin anew."""

    def parts(self, word: str) -> list[int]:
        """None: a word has one number."""
        return []

    def renew(self) -> None:
        """Forget all numbers, once there are many, unless they are pinned."""
        if self._count() > REMEMBERED and not self._pinned:
            self._forget()

    def pin(self) -> None:
        """Never forget a number from now on."""
        self._pinned = True


def laid_out(windows: Sequence[Window]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers in ``windows``, 0 behind the end of each, and 1 where there is one, [B, T] each."""
    longest = max(len(window.pieces) for window in windows)
    numbers = np.zeros((len(windows), longest), dtype=np.int64)
    mask = np.zeros((len(windows), longest), dtype=np.int64)
    for row, window in enumerate(windows):
        numbers[row, : len(window.pieces)] = window.pieces
        mask[row, : len(window.pieces)] = 1
    return numbers, mask


def spelled_out(lists: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """``lists`` as rows, -1 behind the end of each, at least one column."""
    sizes = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    flat = np.fromiter(chain.from_iterable(lists), dtype=np.int64, count=int(sizes.sum()))
    return padded(flat, sizes, most=int(sizes.max(initial=1)))
