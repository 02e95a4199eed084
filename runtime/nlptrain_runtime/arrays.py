"""Array types, growable arrays for the features of distinct words, and padding.

Rows never change after they are added: a view that was taken earlier stays valid while other threads add more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # importing numpy.typing takes a tenth of a cold start
    from typing import Any

    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.floating]
    BoolArray = NDArray[np.bool_]
    Array = NDArray[Any]


class GrowableArray:
    """An array with rows added at the end; its capacity doubles."""

    def __init__(self, width: tuple[int, ...] = (), dtype: type[np.generic] = np.int64) -> None:
        """Create an empty array; each row has the shape ``width``, () for numbers."""
        self._buffer: Array = np.empty((1024, *width), dtype=dtype)
        self._size = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._size

    def extend(self, rows: Sequence[int] | Array) -> None:
        """Add ``rows``."""
        needed = self._size + len(rows)
        if needed > len(self._buffer):
            more = np.empty((max(len(self._buffer), needed), *self._buffer.shape[1:]), dtype=self._buffer.dtype)
            self._buffer = np.concatenate([self._buffer, more])
        self._buffer[self._size : needed] = rows
        self._size = needed

    @property
    def values(self) -> Array:
        """All rows, [n, ...]."""
        return self._buffer[: self._size]


class GrowableLists:
    """Lists of numbers or rows of different lengths, stored in one array."""

    def __init__(self, width: tuple[int, ...] = ()) -> None:
        """Create no list; the elements of the lists have the shape ``width``, () for numbers."""
        self._flat, self._begins, self._sizes = GrowableArray(width), GrowableArray(), GrowableArray()

    def __len__(self) -> int:
        """Return the number of lists."""
        return len(self._sizes)

    @property
    def total(self) -> int:
        """Number of elements of all lists."""
        return len(self._flat)

    def extend(self, flat: Sequence[int] | IntArray, sizes: IntArray) -> None:
        """Add lists of ``sizes`` elements, concatenated in ``flat``."""
        self._begins.extend(len(self._flat) + np.cumsum(sizes) - sizes)
        self._sizes.extend(sizes)
        self._flat.extend(flat)

    def concatenate(self, indices: IntArray) -> tuple[IntArray, IntArray]:
        """Return the lists at ``indices``, concatenated, and their lengths."""
        sizes = self._sizes.values[indices]
        elements: IntArray = self._flat.values[ranges(self._begins.values[indices], sizes)]
        return elements, sizes


def pad_lists(flat: IntArray, sizes: IntArray, *, max_length: int, padding: int = -1) -> IntArray:
    """Return lists of ``sizes``, concatenated in ``flat``, as padded rows, [lists, longest], cut to ``max_length``."""
    longest = int(sizes.max(initial=1))
    if longest > max_length:
        flat = flat[ranges(np.cumsum(sizes) - sizes, np.minimum(sizes, max_length))]
        sizes, longest = np.minimum(sizes, max_length), max_length
    rows = np.full((len(sizes), longest), padding, dtype=np.int64)
    rows[np.arange(longest) < sizes[:, None]] = flat
    return rows


def ranges(begins: IntArray, sizes: IntArray) -> IntArray:
    """Return the ranges that start at ``begins`` and have ``sizes`` numbers, concatenated.

    Example:
        >>> ranges(np.array([5, 0]), np.array([2, 3])).tolist()
        [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(begins - ends + sizes, sizes)
