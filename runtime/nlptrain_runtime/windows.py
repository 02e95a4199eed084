"""Windows: cut a sentence of any length into overlapping sequences that fit the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nlptrain_runtime.arrays import IntArray

# The maximum number of subwords that neighboring windows share, by rule; None: a quarter of a window, which also limits
# the others. The name of a rule is part of transfer sets and exported folders, so a changed rule needs a new name.
OVERLAPS: dict[str, int | None] = {"quarter-overlap-deepest-1": None, "overlap-128-deepest-1": 128}


def window_rule(max_subwords: int) -> str:
    """Return the rule by which new models cut long texts; the older rule where both give the same windows."""
    return "overlap-128-deepest-1" if max_subwords // 4 > 128 else "quarter-overlap-deepest-1"


@dataclass(frozen=True, slots=True)
class Window:
    """A sequence of subwords, and the words that are predicted from it.

    Attributes:
        subwords: ids, special tokens included.
        word_starts: position of the first subword of each word that is predicted here; the words are consecutive.
        first_word: index of the first of these words in its sentence.
        ends_sentence: whether the last of these words is the last one of the sentence.
    """

    subwords: Sequence[int] | NDArray[np.integer[Any]]
    word_starts: Sequence[int] | NDArray[np.integer[Any]]
    first_word: int
    ends_sentence: bool = True


def cut_windows(
    words: Sequence[tuple[int, ...]],
    *,
    max_subwords: int,
    prefix: Sequence[int],
    suffix: Sequence[int],
    overlap: int | None = 128,
) -> list[Window]:
    """Cut a sentence into windows of whole words.

    Neighboring windows share words; each word is predicted where it is farthest from the edges of a window. A word with
    more subwords than fit into a window is cut to its first ones: the first subword speaks for the word.

    Args:
        words: the subwords of each word.
        max_subwords: the length of a window, special tokens included.
        prefix: special tokens at the start of a window.
        suffix: special tokens at its end.
        overlap: the maximum number of subwords that neighbors share, at most a quarter of a window; None: a quarter.

    Raises:
        ValueError: the special tokens fill the window.
    """
    capacity = max_subwords - len(prefix) - len(suffix)
    if capacity < 1:
        raise ValueError(f"max_subwords: found {max_subwords}; expected more than the special tokens")
    sizes = [len(subwords) for subwords in words]
    if sum(sizes) <= capacity:  # most sentences
        starts = list(accumulate(sizes[:-1], initial=len(prefix))) if sizes else []
        return [Window([*prefix, *chain.from_iterable(words), *suffix], starts, 0)]
    words = [subwords[:capacity] for subwords in words]
    bounds = window_bounds(np.minimum(sizes, capacity), capacity, overlap)
    windows = []
    for start, end, first, last in bounds:
        ids = list(prefix)
        word_starts = []
        for index in range(start, end):
            if first <= index < last:
                word_starts.append(len(ids))
            ids.extend(words[index])
        ids.extend(suffix)
        windows.append(Window(ids, word_starts, first, last == len(words)))
    return windows


def window_bounds(sizes: IntArray, capacity: int, overlap: int | None) -> list[tuple[int, int, int, int]]:
    """Return four word indices per window: its first word, its end, and the same of the words that are predicted in it.

    Args:
        sizes: subwords of each word, 1 to ``capacity``, [words].
        capacity: subwords that fit into a window.
        overlap: as for ``cut_windows``.
    """
    ends = np.concatenate([[0], np.cumsum(sizes)])
    if ends[-1] <= capacity:
        return [(0, len(sizes), 0, len(sizes))]
    middles = ends[:-1] + ends[1:]  # twice the middle of each word
    max_shared = capacity // 4 if overlap is None else min(capacity // 4, overlap)
    bounds: list[tuple[int, int, int, int]] = []
    start = first = 0
    while True:
        end = int(np.searchsorted(ends, ends[start] + capacity, side="right")) - 1
        if end == len(sizes):
            bounds.append((start, end, first, end))
            return bounds
        shared = min(max_shared, capacity - int(sizes[end]))
        next_start = min(end, max(start + 1, int(np.searchsorted(ends, ends[end] - shared))))
        last = min(end, int(np.searchsorted(middles, ends[end] + ends[next_start])))  # the middle of the overlap
        bounds.append((start, end, first, last))
        start, first = next_start, last
