"""Windows: how a sentence of any length goes through a model that reads so many pieces at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOW_RULE = "quarter-overlap-deepest-1"  # a part of the transfer set's key: change it when the rule changes


@dataclass(frozen=True, slots=True)
class Window:
    """One sequence of pieces, and the words that are read in it.

    Attributes:
        pieces: ids, special ones included.
        starts: place of the first piece of each word read here; the words are neighbours.
        first_word: number of the first of these words in its sentence.
        closes: the last of them ends the sentence.
    """

    pieces: Sequence[int] | NDArray[np.integer[Any]]
    starts: Sequence[int] | NDArray[np.integer[Any]]
    first_word: int
    closes: bool = True


def cut_windows(
    words: Sequence[tuple[int, ...]], *, max_pieces: int, prefix: Sequence[int], suffix: Sequence[int]
) -> list[Window]:
    """The windows of a sentence: whole words, a quarter shared by neighbours, each word read where it stands deepest.

    A word of more pieces than a window holds keeps its first ones: the first piece speaks for it.

    Args:
        words: the pieces of each word.
        max_pieces: what the model reads at once, special pieces included.
        prefix: special pieces in front.
        suffix: special pieces behind.
    """
    room = max_pieces - len(prefix) - len(suffix)
    if room < 1:
        raise ValueError(f"max_pieces is {max_pieces}; it must leave room for a piece beside the special ones")
    words = [pieces[:room] for pieces in words]
    bounds = _bounds([len(pieces) for pieces in words], room)
    windows = []
    for (start, end), (first, last) in zip(bounds, _owned([len(p) for p in words], bounds), strict=True):
        ids = list(prefix)
        starts = []
        for number in range(start, end):
            if first <= number < last:
                starts.append(len(ids))
            ids.extend(words[number])
        ids.extend(suffix)
        windows.append(Window(ids, starts, first, last == len(words)))
    return windows


def _bounds(sizes: list[int], room: int) -> list[tuple[int, int]]:
    """First and last-plus-one word of each window."""
    bounds = []
    start = 0
    while True:
        end, held = start, 0
        while end < len(sizes) and held + sizes[end] <= room:
            held += sizes[end]
            end += 1
        bounds.append((start, end))
        if end == len(sizes):
            return bounds
        next_start, shared = end, 0
        while next_start - 1 > start and shared + sizes[next_start - 1] <= room // 4:
            if shared + sizes[next_start - 1] + sizes[end] > room:
                break
            next_start -= 1
            shared += sizes[next_start]
        start = next_start


def _owned(sizes: list[int], bounds: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The words read in each window: an overlap is parted where both windows are equally deep."""
    edges = [0]
    for (_, end), (start, _) in zip(bounds, bounds[1:], strict=False):
        shared = sum(sizes[start:end])
        before, edge = 0, start
        while edge < end and 2 * before + sizes[edge] < shared:
            before += sizes[edge]
            edge += 1
        edges.append(edge)
    edges.append(len(sizes))
    return list(zip(edges, edges[1:], strict=False))
