"""Rows: what the net reads at once, sorted by length and cut into batches with little padding.

Legend: S sentences, W words of all of them, R rows, U units of all rows: pieces, or words where a word is one unit.
A sentence is one row, or several windows where it is longer than the net reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nlptrain_runtime.arrays import ranges
from nlptrain_runtime.windows import window_bounds

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import BoolArray, IntArray


# A net of 8 bits gains little by more rows than a few, so little padding is worth more: once a batch has these, rows
# that are much shorter than its longest one begin the next.
_FEW, _ALIKE = 12, 0.9


@dataclass(frozen=True)
class Rows:
    """The rows of some sentences.

    Attributes:
        units: of all rows, one row behind the other, [U].
        sizes: units of each row, [R].
        words: the words that are read in the rows, in the order of the rows, [W].
        places: the unit of its row that speaks for each of these words, [W].
        held: words of each row, [R].
    """

    units: IntArray
    sizes: IntArray
    words: IntArray
    places: IntArray
    held: IntArray


@dataclass(frozen=True)
class Batch:
    """Rows that are read together.

    Attributes:
        units: [B, T], ``padding`` behind the end of each row.
        sizes: [B].
        places: where the words stand in the flattened B * T units, [w].
        words: which words these are, [w].
    """

    units: IntArray
    sizes: IntArray
    places: IntArray
    words: IntArray


def rows_of(
    units: IntArray,
    spans: IntArray,
    counts: IntArray,
    *,
    max_units: int,
    prefix: Sequence[int],
    suffix: Sequence[int],
    overlap: int | None = 128,
) -> Rows:
    """The rows of sentences.

    Args:
        units: of all words, one word behind the other, [u].
        spans: units of each word, at least 1, [W].
        counts: words of each sentence, [S]; those without a word have no row.
        max_units: the most that a row holds, prefix and suffix included.
        prefix: special units in front of a row.
        suffix: special units behind it.
        overlap: as for ``cut_windows``.
    """
    bounds = np.concatenate([[0], np.cumsum(spans)])
    edges = np.concatenate([[0], np.cumsum(counts)])
    sizes = bounds[edges[1:]] - bounds[edges[:-1]]
    room = max_units - len(prefix) - len(suffix)
    short = np.flatnonzero((counts > 0) & (sizes <= room))
    rows = _one_each(units, bounds, edges[short], counts[short], len(prefix), len(suffix))
    starts = np.cumsum(rows.sizes) - rows.sizes
    for place, unit in enumerate(prefix):
        rows.units[starts + place] = unit
    for place, unit in enumerate(suffix):
        rows.units[starts + rows.sizes - len(suffix) + place] = unit
    parts = [rows]
    for sentence in np.flatnonzero(sizes > room):
        words = slice(edges[sentence], edges[sentence + 1])
        pieces, held = units[bounds[words.start] : bounds[words.stop]], spans[words]
        if held.max() > room:  # a word of more keeps its first ones
            pieces = pieces[ranges(np.cumsum(held) - held, np.minimum(held, room))]
            held = np.minimum(held, room)
        ends = np.concatenate([[0], np.cumsum(held)])
        for start, end, first, last in window_bounds(held, room, overlap):
            window = np.concatenate([prefix, pieces[ends[start] : ends[end]], suffix]).astype(np.int64)
            read = words.start + np.arange(first, last)
            places = ends[first:last] - ends[start] + len(prefix)
            parts.append(Rows(window, np.array([len(window)]), read, places, np.array([last - first])))
    return _joined(parts)


def _one_each(units: IntArray, bounds: IntArray, firsts: IntArray, held: IntArray, before: int, behind: int) -> Rows:
    """A row for each sentence that begins with a word of ``firsts``, with room for special units."""
    words = ranges(firsts, held)
    bare = bounds[firsts + held] - bounds[firsts]
    sizes = bare + before + behind
    starts = np.cumsum(sizes) - sizes
    filled = np.empty(int(sizes.sum()), dtype=np.int64)
    filled[ranges(starts + before, bare)] = units[ranges(bounds[firsts], bare)]
    places = bounds[words] - np.repeat(bounds[firsts] - before, held)
    return Rows(filled, sizes, words, places, held)


def _joined(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    fields = ("units", "sizes", "words", "places", "held")
    return Rows(*(np.concatenate([getattr(part, field) for part in parts]) for field in fields))


def laid(sizes: IntArray, longest: int, *, left: bool) -> BoolArray:
    """True where the units of rows of ``sizes`` lie in a batch, [B, longest]; ``left``: the padding is in front."""
    places = np.arange(longest)
    mask: BoolArray = places >= longest - sizes[:, None] if left else places < sizes[:, None]
    return mask


def batches_of(rows: Rows, *, most: int, padding: int, left: bool = False) -> Iterator[Batch]:
    """``rows``, the longest first, in batches of at most ``most`` units, padding included, or of one row."""
    order = np.argsort(-rows.sizes, kind="stable")
    sizes, held = rows.sizes[order], rows.held[order]
    units = rows.units[ranges((np.cumsum(rows.sizes) - rows.sizes)[order], sizes)]
    chosen = ranges((np.cumsum(rows.held) - rows.held)[order], held)
    words, places = rows.words[chosen], rows.places[chosen]
    ends, word_ends = np.concatenate([[0], np.cumsum(sizes)]), np.concatenate([[0], np.cumsum(held)])
    start = 0
    while start < len(order):
        longest = int(sizes[start])
        alike = int(np.searchsorted(-sizes, -_ALIKE * longest, side="right"))
        end = min(len(order), start + max(1, most // longest), max(alike, start + _FEW))
        size = sizes[start:end]
        filled = np.full((end - start, longest), padding, dtype=np.int64)
        filled[laid(size, longest, left=left)] = units[ends[start] : ends[end]]
        here = slice(word_ends[start], word_ends[end])
        begins = np.arange(end - start) * longest + (longest - size if left else 0)
        yield Batch(filled, size, places[here] + np.repeat(begins, held[start:end]), words[here])
        start = end
