"""Sentences to sequences that fit the model, sorted by length and grouped into batches with little padding.

Legend: S sentences, W words of all of them, R sequences, U units of all sequences: subwords, or words where a word is
one unit. A sentence is one sequence, or several windows if it is longer than the model reads.
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

# An 8-bit model gains little from more than a few sequences, so little padding is worth more: once a batch has this
# many, sequences below this share of the length of its longest one start the next batch.
_FEW_SEQUENCES, _SIMILAR_LENGTH = 12, 0.9


@dataclass(frozen=True)
class Sequences:
    """The sequences of some sentences.

    Attributes:
        units: of all sequences, concatenated, [U].
        sizes: units of each sequence, [R].
        words: the words that are predicted in the sequences, in the order of the sequences, [W].
        positions: position in its sequence of the unit that speaks for each of these words, [W].
        word_counts: words of each sequence, [R].
    """

    units: IntArray
    sizes: IntArray
    words: IntArray
    positions: IntArray
    word_counts: IntArray


@dataclass(frozen=True)
class Batch:
    """Sequences that the model reads together.

    Attributes:
        units: [B, T], padded.
        sizes: units of each sequence, [B].
        positions: position of each word in the flattened B * T units, [w].
        words: which words these are, [w].
    """

    units: IntArray
    sizes: IntArray
    positions: IntArray
    words: IntArray


def build_sequences(
    units: IntArray,
    unit_counts: IntArray,
    word_counts: IntArray,
    *,
    max_units: int,
    prefix: Sequence[int],
    suffix: Sequence[int],
    overlap: int | None = 128,
) -> Sequences:
    """Return the sequences of sentences.

    Args:
        units: of all words, concatenated, [u].
        unit_counts: units of each word, at least 1, [W].
        word_counts: words of each sentence, [S]; sentences without a word have no sequence.
        max_units: maximum length of a sequence, prefix and suffix included.
        prefix: special units at the start of a sequence.
        suffix: special units at its end.
        overlap: as for ``cut_windows``.
    """
    bounds = np.concatenate([[0], np.cumsum(unit_counts)])
    edges = np.concatenate([[0], np.cumsum(word_counts)])
    sizes = bounds[edges[1:]] - bounds[edges[:-1]]
    capacity = max_units - len(prefix) - len(suffix)
    short = np.flatnonzero((word_counts > 0) & (sizes <= capacity))
    sequences = _whole_sentences(units, bounds, edges[short], word_counts[short], len(prefix), len(suffix))
    starts = np.cumsum(sequences.sizes) - sequences.sizes
    for position, unit in enumerate(prefix):
        sequences.units[starts + position] = unit
    for position, unit in enumerate(suffix):
        sequences.units[starts + sequences.sizes - len(suffix) + position] = unit
    parts = [sequences]
    for sentence in np.flatnonzero(sizes > capacity):
        words = slice(edges[sentence], edges[sentence + 1])
        sentence_units, counts = units[bounds[words.start] : bounds[words.stop]], unit_counts[words]
        if counts.max() > capacity:  # a longer word keeps its first units
            sentence_units = sentence_units[ranges(np.cumsum(counts) - counts, np.minimum(counts, capacity))]
            counts = np.minimum(counts, capacity)
        ends = np.concatenate([[0], np.cumsum(counts)])
        for start, end, first, last in window_bounds(counts, capacity, overlap):
            window = np.concatenate([prefix, sentence_units[ends[start] : ends[end]], suffix]).astype(np.int64)
            predicted = words.start + np.arange(first, last)
            positions = ends[first:last] - ends[start] + len(prefix)
            parts.append(Sequences(window, np.array([len(window)]), predicted, positions, np.array([last - first])))
    return _concatenate(parts)


def _whole_sentences(
    units: IntArray, bounds: IntArray, first_words: IntArray, word_counts: IntArray, prefix: int, suffix: int
) -> Sequences:
    """Return a sequence for each sentence that starts with one of ``first_words``, with room for special units."""
    words = ranges(first_words, word_counts)
    bare_sizes = bounds[first_words + word_counts] - bounds[first_words]
    sizes = bare_sizes + prefix + suffix
    starts = np.cumsum(sizes) - sizes
    filled = np.empty(int(sizes.sum()), dtype=np.int64)
    filled[ranges(starts + prefix, bare_sizes)] = units[ranges(bounds[first_words], bare_sizes)]
    positions = bounds[words] - np.repeat(bounds[first_words] - prefix, word_counts)
    return Sequences(filled, sizes, words, positions, word_counts)


def _concatenate(parts: list[Sequences]) -> Sequences:
    if len(parts) == 1:
        return parts[0]
    fields = ("units", "sizes", "words", "positions", "word_counts")
    return Sequences(*(np.concatenate([getattr(part, field) for part in parts]) for field in fields))


def attention_mask(sizes: IntArray, longest: int, *, pads_left: bool) -> BoolArray:
    """Return the mask of a batch, [B, longest]: True at units, False at padding."""
    positions = np.arange(longest)
    mask: BoolArray = positions >= longest - sizes[:, None] if pads_left else positions < sizes[:, None]
    return mask


def batch_by_length(sequences: Sequences, *, max_units: int, padding: int, pads_left: bool = False) -> Iterator[Batch]:
    """Yield batches, the longest sequences first, of at most ``max_units`` units with padding, or of one sequence."""
    order = np.argsort(-sequences.sizes, kind="stable")
    sizes, word_counts = sequences.sizes[order], sequences.word_counts[order]
    units = sequences.units[ranges((np.cumsum(sequences.sizes) - sequences.sizes)[order], sizes)]
    word_order = ranges((np.cumsum(sequences.word_counts) - sequences.word_counts)[order], word_counts)
    words, positions = sequences.words[word_order], sequences.positions[word_order]
    ends, word_ends = np.concatenate([[0], np.cumsum(sizes)]), np.concatenate([[0], np.cumsum(word_counts)])
    start = 0
    while start < len(order):
        longest = int(sizes[start])
        similar_end = int(np.searchsorted(-sizes, -_SIMILAR_LENGTH * longest, side="right"))
        end = min(len(order), start + max(1, max_units // longest), max(similar_end, start + _FEW_SEQUENCES))
        batch_sizes = sizes[start:end]
        filled = np.full((end - start, longest), padding, dtype=np.int64)
        filled[attention_mask(batch_sizes, longest, pads_left=pads_left)] = units[ends[start] : ends[end]]
        batch_words = slice(word_ends[start], word_ends[end])
        begins = np.arange(end - start) * longest + (longest - batch_sizes if pads_left else 0)
        flat_positions = positions[batch_words] + np.repeat(begins, word_counts[start:end])
        yield Batch(filled, batch_sizes, flat_positions, words[batch_words])
        start = end
