"""The labels that words of partial sentences may have, by window; nothing is stored of other sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptrain.data.labels import Labels
from nlptrain.data.partial_annotation import Masks, PossibleLabels
from nlptrain.data.sentence import Sentence
from nlptrain.models.heads import RejectedSpan
from nlptrain_runtime.windows import Window


class PartialTargets:
    """What is known of the words of the windows of partial sentences.

    A word has the index of its row in a table of the distinct rows; rejected spans share their masks.
    """

    def __init__(self, labels: Labels) -> None:
        """Start without windows."""
        self._possible = PossibleLabels(labels)
        self._rows: dict[bytes, int] = {}
        self._table = np.empty((0, len(labels)), dtype=bool)
        self._row_ids: dict[int, NDArray[np.int32]] = {}
        self._known_words: dict[int, int] = {}
        self._rejected: dict[int, list[tuple[int, Masks]]] = {}
        self._masks: dict[tuple[tuple[int, ...], bytes], Masks] = {}

    def add(self, sentence: Sentence, windows: Iterable[tuple[int, Window]]) -> None:
        """Store what is known of a partial sentence, for its ``windows``, which come with their indices.

        A rejected span counts if all words that decide it are in one window.
        """
        allowed = self._possible.of_words(sentence.tags or (), sentence.asked)
        ids = np.array([self._row_id(row) for row in allowed], dtype=np.int32)
        is_known: Masks = ~np.all(allowed, axis=1)
        spans = [self._possible.without_span(span, allowed) for span in dict.fromkeys(sentence.rejected)]
        for index, window in windows:
            first = window.first_word
            end = first + len(window.word_starts)
            inside = [span for span in spans if span and first <= span[0] and span[0] + span[1].shape[1] <= end]
            decided = is_known[first:end].copy()
            for start, masks in inside:
                decided[start - first : start - first + masks.shape[1]] = True
            self._row_ids[index] = ids[first:end]
            self._known_words[index] = int(decided.sum())
            if inside:
                self._rejected[index] = [(start - first, self._shared(masks)) for start, masks in inside]

    def known_words(self, window: int) -> int:
        """Return the number of words of a window of which anything is known; 0 unless its sentence is partial."""
        return self._known_words.get(window, 0)

    def targets(
        self, windows: Sequence[int] | NDArray[np.integer], counts: Sequence[int]
    ) -> tuple[Tensor | None, list[RejectedSpan]]:
        """Return the allowed labels of the words of ``windows``, [W, C], and their rejected spans.

        Args:
            windows: their indices.
            counts: the words of each.

        Returns:
            None instead of the labels if there is no partial sentence in the whole set.
        """
        if not self._row_ids:
            return None, []
        allowed = np.ones((sum(counts), self._table.shape[1]), dtype=bool)
        rejected = []
        start = 0
        for index, count in zip(windows, counts, strict=True):
            if (ids := self._row_ids.get(int(index))) is not None:
                allowed[start : start + count] = self._table[ids]
                for first, masks in self._rejected.get(int(index), ()):
                    rejected.append(RejectedSpan(start + first, torch.from_numpy(masks)))
            start += count
        return torch.from_numpy(allowed), rejected

    def _row_id(self, row: Masks) -> int:
        key = row.tobytes()
        if key not in self._rows:
            self._rows[key] = len(self._rows)
            self._table = np.concatenate([self._table, row[None]])
        return self._rows[key]

    def _shared(self, masks: Masks) -> Masks:
        return self._masks.setdefault((masks.shape, masks.tobytes()), masks)
