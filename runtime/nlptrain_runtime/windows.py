"""Windows: how a sentence of any length goes through a model that reads so many pieces at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nlptrain_runtime.arrays import IntArray

# The pieces that neighboring windows share at most, by rule; always at most a quarter of a window. A rule's name is a
# part of the transfer set's key and of exported folders: a changed rule needs a new one.
OVERLAPS: dict[str, int | None] = {"quarter-overlap-deepest-1": None, "overlap-128-deepest-1": 128}


def window_rule(max_pieces: int) -> str:
    """Return the rule that new models cut long texts by; where both rules cut alike, it is the older one."""
    return "overlap-128-deepest-1" if max_pieces // 4 > 128 else "quarter-overlap-deepest-1"


@dataclass(frozen=True, slots=True)
class Window:
    """One sequence of pieces, and the words that are read in it.

    Attributes:
        pieces: ids, special ones included.
        starts: place of the first piece of each word read here; the words are neighbors.
        first_word: number of the first of these words in its sentence.
        closes: the last of them ends the sentence.
    """

    pieces: Sequence[int] | NDArray[np.integer[Any]]
    starts: Sequence[int] | NDArray[np.integer[Any]]
    first_word: int
    closes: bool = True


def cut_windows(
    words: Sequence[tuple[int, ...]],
    *,
    max_pieces: int,
    prefix: Sequence[int],
    suffix: Sequence[int],
    overlap: int | None = 128,
) -> list[Window]:
    """The windows of a sentence: whole words, some shared by neighbors, each word read where it stands deepest.

    A word of more pieces than a window holds keeps its first ones: the first piece speaks for it.

    Args:
        words: the pieces of each word.
        max_pieces: what the model reads at once, special pieces included.
        prefix: special pieces in front.
        suffix: special pieces behind.
        overlap: the most pieces that neighbors share, at most a quarter of a window; None: a quarter.
    """
    room = max_pieces - len(prefix) - len(suffix)
    if room < 1:
        raise ValueError(f"max_pieces is {max_pieces}; it must leave room for a piece beside the special ones")
    words = [pieces[:room] for pieces in words]
    sizes = [len(pieces) for pieces in words]
    bounds = [(0, len(words), 0, len(words))]  # of most sentences
    if sum(sizes) > room:
        bounds = window_bounds(np.array(sizes, dtype=np.int64), room, overlap)
    windows = []
    for start, end, first, last in bounds:
        ids = list(prefix)
        starts = []
        for number in range(start, end):
            if first <= number < last:
                starts.append(len(ids))
            ids.extend(words[number])
        ids.extend(suffix)
        windows.append(Window(ids, starts, first, last == len(words)))
    return windows


def window_bounds(sizes: IntArray, room: int, overlap: int | None) -> list[tuple[int, int, int, int]]:
    """Return the first word of each window, the word after its last one, and the same of the words read in it.

    An overlap is parted where both windows are equally deep.

    Args:
        sizes: pieces of each word, 1 to ``room``, [words].
        room: pieces that a window holds.
        overlap: as for ``cut_windows``.
    """
    ends = np.concatenate([[0], np.cumsum(sizes)])
    if ends[-1] <= room:
        return [(0, len(sizes), 0, len(sizes))]
    middles = ends[:-1] + ends[1:]  # twice the middle of each word
    most = room // 4 if overlap is None else min(room // 4, overlap)
    bounds: list[tuple[int, int, int, int]] = []
    start = first = 0
    while True:
        end = int(np.searchsorted(ends, ends[start] + room, side="right")) - 1
        if end == len(sizes):
            bounds.append((start, end, first, end))
            return bounds
        shared = min(most, room - int(sizes[end]))
        following = min(end, max(start + 1, int(np.searchsorted(ends, ends[end] - shared))))
        last = min(end, int(np.searchsorted(middles, ends[end] + ends[following])))
        bounds.append((start, end, first, last))
        start, first = following, last
