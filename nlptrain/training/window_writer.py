"""WindowWriter: writes the windows of sentences to flat arrays in temporary files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.mapped_arrays import ArrayWriter
from nlptrain.training.objective import NO_LABEL
from nlptrain.training.windows import CLOSES, HAS_GOLD, SLICE, MappedWindows
from nlptrain_runtime.windows import Window

_FLUSH = 1024  # windows that are written at once


@dataclass(frozen=True)
class WholeSentences:
    """Sentences that fit into a window each.

    Attributes:
        counts: words of each sentence, [S].
        sizes: subwords of each word, [W].
        subwords: of all words, one after the other.
        gold: label id of each word, or ``NO_LABEL``, [W].
        has_gold: whether a sentence has gold labels, [S].
    """

    counts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    subwords: NDArray[np.int32]
    gold: NDArray[np.int16]
    has_gold: NDArray[np.bool_]

    @cached_property
    def subword_counts(self) -> NDArray[np.int64]:
        """The subwords of each sentence, [S]."""
        sums, ends = np.append(0, np.cumsum(self.sizes)), np.cumsum(self.counts)
        return np.asarray(sums[ends] - sums[ends - self.counts])


class WindowWriter:
    """Writes the windows of sentences, one sentence after the other.

    Attributes:
        sentences: that were added.
        words: of these sentences.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Start without windows; ``folder`` is that of the temporary files, None: the system's."""
        self.sentences = 0
        self.words = 0
        self._folder = folder
        self._windows = 0
        self._has_parts = False
        self._subwords, self._starts = ArrayWriter(np.int32, folder), ArrayWriter(np.int32, folder)
        self._gold, self._rows = ArrayWriter(np.int16, folder), ArrayWriter(np.int32, folder)
        self._firsts, self._flags = ArrayWriter(np.int32, folder), ArrayWriter(np.uint8, folder)
        self._parts = ArrayWriter(np.int32, folder)
        self._lengths, self._counts = ArrayWriter(np.int32, folder), ArrayWriter(np.int32, folder)
        self._part_counts = ArrayWriter(np.int32, folder)
        self._buffers: tuple[list[int], ...] = tuple([] for _ in range(10))

    def __len__(self) -> int:
        """Return the number of windows."""
        return self._windows

    def add(
        self,
        windows: Sequence[Window],
        parts: Sequence[Sequence[tuple[int, int]]],
        gold: Sequence[int] | None,
        words: int,
    ) -> None:
        """Add a sentence.

        Args:
            windows: of the sentence.
            parts: of the words of each window, position and word.
            gold: label id of each word; None: it has no gold labels.
            words: the number of its words.
        """
        subwords, starts, labels, rows, firsts, flags, all_parts, lengths, counts, part_counts = self._buffers
        for window, window_parts in zip(windows, parts, strict=True):
            subwords.extend(window.subwords)
            starts.extend(window.word_starts)
            count, first = len(window.word_starts), window.first_word
            labels.extend([NO_LABEL] * count if gold is None else gold[first : first + count])
            rows.append(self.sentences)
            firsts.append(first)
            flags.append(CLOSES * window.ends_sentence + HAS_GOLD * (gold is not None))
            for part in window_parts:
                all_parts.extend(part)
            lengths.append(len(window.subwords))
            counts.append(count)
            part_counts.append(len(window_parts))
        self._has_parts = self._has_parts or any(map(len, parts))
        self._windows += len(windows)
        self.sentences += 1
        self.words += words
        if len(rows) >= _FLUSH:
            self._flush()

    def add_whole(self, sentences: WholeSentences, prefix: Sequence[int], suffix: Sequence[int]) -> None:
        """Add sentences of one window each, without parts of words.

        Args:
            sentences: all of them.
            prefix: special tokens at the start of each window.
            suffix: special tokens at its end.
        """
        self._flush()
        counts, frame = sentences.counts, len(prefix) + len(suffix)
        lengths = sentences.subword_counts + frame
        ends = np.cumsum(lengths)
        subwords, is_special = np.empty(int(lengths.sum()), np.int32), np.zeros(int(lengths.sum()), bool)
        for position, subword in enumerate(prefix):
            subwords[ends - lengths + position] = subword
            is_special[ends - lengths + position] = True
        for position, subword in enumerate(suffix):
            subwords[ends - len(suffix) + position] = subword
            is_special[ends - len(suffix) + position] = True
        subwords[~is_special] = sentences.subwords
        starts = np.cumsum(sentences.sizes) - sentences.sizes
        starts -= np.repeat(np.cumsum(sentences.subword_counts) - sentences.subword_counts, counts)
        rows = np.arange(self.sentences, self.sentences + len(counts))
        zeros = np.zeros(len(counts))
        self._append(
            *(subwords, starts + len(prefix), sentences.gold, rows, zeros),
            *(CLOSES + HAS_GOLD * sentences.has_gold, (), lengths, counts, zeros),
        )
        self._windows += len(counts)
        self.sentences += len(counts)
        self.words += len(sentences.sizes)

    def _flush(self) -> None:
        self._append(*self._buffers)
        for buffer in self._buffers:
            buffer.clear()

    def _append(self, *arrays: Sequence[int] | NDArray[Any]) -> None:
        writers: tuple[ArrayWriter[Any], ...] = (
            *(self._subwords, self._starts, self._gold, self._rows, self._firsts),
            *(self._flags, self._parts, self._lengths, self._counts, self._part_counts),
        )
        for writer, values in zip(writers, arrays, strict=True):
            writer.append(values)

    def finish(self) -> MappedWindows:
        """Return all windows."""
        self._flush()
        lengths = self._lengths.finish()
        return MappedWindows(
            subwords=self._subwords.finish(),
            subword_offsets=self._offsets(lengths),
            starts=self._starts.finish(),
            word_offsets=self._offsets(self._counts.finish()),
            gold=self._gold.finish(),
            rows=self._rows.finish(),
            firsts=self._firsts.finish(),
            flags=self._flags.finish(),
            all_parts=self._parts.finish(),
            part_offsets=self._offsets(self._part_counts.finish()) if self._has_parts else np.empty(0, np.int64),
            lengths=lengths,
        )

    def _offsets(self, counts: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the cumulative sums of ``counts``, from 0."""
        writer, total = ArrayWriter(np.int64, self._folder), 0
        writer.append([0])
        for start in range(0, len(counts), SLICE):
            sums = total + np.cumsum(counts[start : start + SLICE], dtype=np.int64)
            writer.append(sums)
            total = int(sums[-1])
        return writer.finish()
