"""Arrays that grow: what was read of each distinct word, one word behind the other.

What was added never changes and never moves: an array that was taken once stays right while others add more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import Array, Numbers


class Growing:
    """Rows that are added at the end, in room that doubles."""

    def __init__(self, width: tuple[int, ...] = (), dtype: type[np.generic] = np.int64) -> None:
        """Start empty; each row has the shape ``width``, none for a number."""
        self._room: Array = np.empty((1024, *width), dtype=dtype)
        self._used = 0

    def __len__(self) -> int:
        """How many there are."""
        return self._used

    def extend(self, rows: Sequence[int] | Array) -> None:
        """Add ``rows``."""
        needed = self._used + len(rows)
        if needed > len(self._room):
            more = np.empty((max(len(self._room), needed), *self._room.shape[1:]), dtype=self._room.dtype)
            self._room = np.concatenate([self._room, more])
        self._room[self._used : needed] = rows
        self._used = needed

    @property
    def values(self) -> Array:
        """All of them."""
        return self._room[: self._used]


class Lists:
    """Lists of numbers, or of rows of numbers, read as one array."""

    def __init__(self, width: tuple[int, ...] = ()) -> None:
        """Start empty; what the lists hold has the shape ``width``, none for a number."""
        self._flat, self._begins, self._sizes = Growing(width), Growing(), Growing()

    def __len__(self) -> int:
        """How many lists there are."""
        return len(self._sizes)

    @property
    def held(self) -> int:
        """How many numbers or rows stand in all lists together."""
        return len(self._flat)

    def extend(self, flat: Sequence[int] | Numbers, sizes: Numbers) -> None:
        """Add lists of ``sizes`` numbers or rows, which stand one behind the other in ``flat``."""
        self._begins.extend(len(self._flat) + np.cumsum(sizes) - sizes)
        self._sizes.extend(sizes)
        self._flat.extend(flat)

    def joined(self, chosen: Numbers) -> tuple[Numbers, Numbers]:
        """The ``chosen`` lists, one behind the other, and their lengths."""
        sizes = self._sizes.values[chosen]
        found: Numbers = self._flat.values[ranges(self._begins.values[chosen], sizes)]
        return found, sizes


def padded(flat: Numbers, sizes: Numbers, *, most: int, padding: int = -1) -> Numbers:
    """The first ``most`` numbers of lists of ``sizes``, which stand in ``flat``, as rows, [lists, longest]."""
    longest = int(sizes.max(initial=1))
    if longest > most:
        flat = flat[ranges(np.cumsum(sizes) - sizes, np.minimum(sizes, most))]
        sizes, longest = np.minimum(sizes, most), most
    rows = np.full((len(sizes), longest), padding, dtype=np.int64)
    rows[np.arange(longest) < sizes[:, None]] = flat
    return rows


def ranges(begins: Numbers, sizes: Numbers) -> Numbers:
    """The numbers from each of ``begins`` on, as many as ``sizes`` says, one range behind the other.

    Example:
        >>> ranges(np.array([5, 0]), np.array([2, 3])).tolist()
        [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(begins - ends + sizes, sizes)
