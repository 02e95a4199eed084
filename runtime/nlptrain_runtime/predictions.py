"""Predictions: labels and confidences of words to entities, or tagged words, with character offsets.

Legend: S texts, W words of all of them, concatenated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nlptrain_runtime.confidence import (
    ConfidenceThresholds,
    PredictionCounts,
    entity_confidence,
    entity_confidences,
    round_confidence,
)
from nlptrain_runtime.schemes import CLOSING, OPENING, Scheme, Span, spans_to_tags, split_tag, tags_to_spans

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import BoolArray, FloatArray, IntArray

UNCERTAIN = "_"  # the empty value in CoNLL-U
_MAX_SHORT_WORDS = 64  # words of a text for which plain Python is faster than arrays


class TaggedSentence(NamedTuple):
    """The tags of one sentence with their confidences.

    Attributes:
        tags: of each word.
        confidences: the probability of each tag, [words].
    """

    tags: list[str]
    confidences: FloatArray

    def spans(self, scheme: Scheme) -> list[tuple[Span, float]]:
        """Return the entities, each with the smallest confidence of its words; of plain tags, each word with its own.

        Example:
            >>> TaggedSentence(["B-x", "I-x", "O"], np.array([0.75, 0.5, 1.0], dtype=np.float32)).spans("iob2")
            [(Span(label='x', start=0, end=2), 0.5)]
        """
        if scheme == "plain":
            spans = [Span(tag, index, index + 1) for index, tag in enumerate(self.tags)]
        else:
            spans = tags_to_spans(self.tags)
        return [(span, entity_confidence(self.confidences, span.start, span.end)) for span in spans]

    def confident_tags(
        self, scheme: Scheme, min_confidence: float | Mapping[str, float], counts: PredictionCounts | None = None
    ) -> list[str]:
        """Return the tags without the entities below ``min_confidence``, in IOB2; plain tags below it are ``_``.

        Args:
            scheme: of the tags.
            min_confidence: one for all types (or plain tags), or one per type, with "" for all others.
            counts: receives the numbers of kept and omitted predictions.

        Example:
            >>> TaggedSentence(["S-x", "O", "S-y"], np.array([0.75, 1.0, 0.5])).confident_tags("iobes", 0.6)
            ['B-x', 'O', 'O']
        """
        thresholds = ConfidenceThresholds(min_confidence)
        parts = [
            (span, thresholds.accepts(span.label, round_confidence(confidence)))
            for span, confidence in self.spans(scheme)
        ]
        if counts is not None:
            counts.add(sum(kept for _, kept in parts), len(parts))
        if scheme == "plain":
            return [span.label if kept else UNCERTAIN for span, kept in parts]
        return spans_to_tags((span for span, kept in parts if kept), len(self.tags), "iob2")

    def to_row(
        self, scheme: Scheme, min_confidence: float | Mapping[str, float], counts: PredictionCounts | None = None
    ) -> dict[str, Any]:
        """Return ``{"tags", "confidences"}``, as ``nlptrain predict`` prints them; arguments as ``confident_tags``."""
        confidences = [round_confidence(float(confidence)) for confidence in self.confidences]
        return {"tags": self.confident_tags(scheme, min_confidence, counts), "confidences": confidences}


class PredictionFormatter:
    """Formats the labels of words as one prediction per text, vectorized over all words."""

    def __init__(
        self,
        labels: Sequence[str],
        scheme: Scheme,
        min_confidence: float | Mapping[str, float],
        counts: PredictionCounts | None = None,
    ) -> None:
        """Format predictions of ``labels`` in ``scheme``.

        Args:
            labels: their names, by id.
            scheme: the tag scheme of the labels.
            min_confidence: entities below it are omitted, and plain tags become None; one for all types (or plain
                tags), or one per type, with "" for all others.
            counts: receives the numbers of kept and omitted predictions.
        """
        self._counts = counts
        self._names = list(labels)
        self._is_plain = scheme == "plain"
        self._thresholds = ConfidenceThresholds(min_confidence)
        parts = [None if self._is_plain else split_tag(name) for name in labels]
        self._types = list(dict.fromkeys(part[1] for part in parts if part))
        self._type = np.array([self._types.index(part[1]) if part else -1 for part in parts])
        self._is_inside = self._type >= 0
        self._is_opening = np.array([part is not None and part[0] in OPENING for part in parts])
        self._is_closing = np.array([part is None or part[0] in CLOSING for part in parts])

    def has_predictions(self, best: IntArray, word_counts: IntArray) -> BoolArray:
        """Return which texts have an entity, [S]; with plain tags, all have predictions.

        Args:
            best: label of each word, [W].
            word_counts: words of each text, [S].
        """
        if self._is_plain:
            return np.ones(len(word_counts), dtype=bool)
        if len(word_counts) == 1:
            return np.array([self._is_inside[best].any()])
        inside = np.concatenate([[0], np.cumsum(self._is_inside[best])])
        ends = np.cumsum(word_counts)
        has_entity: BoolArray = inside[ends] > inside[ends - word_counts]
        return has_entity

    def format(
        self, texts: Sequence[str], word_counts: IntArray, best: IntArray, confidences: FloatArray, offsets: IntArray
    ) -> Iterator[dict[str, Any]]:
        """Yield ``{"text", "entities"}`` of each text, or ``{"text", "words"}`` for plain tags.

        Args:
            texts: [S].
            word_counts: words of each text, [S].
            best: label of each word, [W].
            confidences: probability of that label, [W]; any values in texts without predictions.
            offsets: start and end of each word in its text, in code points, [W, 2].
        """
        if not len(best):
            yield from (self._prediction(text, []) for text in texts)
            return
        if len(texts) == 1 and len(best) <= _MAX_SHORT_WORDS and not self._is_plain:
            yield self._prediction(texts[0], self._short_rows(best, confidences, offsets))
            return
        starts = np.cumsum(word_counts) - word_counts
        if self._is_plain:
            first, last, span_confidences = np.arange(len(best)), np.arange(len(best)), confidences
            names = [self._names[label] for label in best.tolist()]
        else:
            first, last = self._entities(best, starts[word_counts > 0])
            span_confidences = entity_confidences(confidences, first, last)
            names = [self._types[type_id] for type_id in self._type[best[first]].tolist()]
        owners = np.searchsorted(starts + word_counts, first, side="right")
        ends = np.cumsum(np.bincount(owners, minlength=len(texts))).tolist()
        columns = names, offsets[first, 0].tolist(), offsets[last, 1].tolist(), span_confidences.tolist()
        rows = list(zip(*columns, strict=True))
        begin = 0
        for text, end in zip(texts, ends, strict=True):
            yield self._prediction(text, rows[begin:end])
            begin = end

    def _short_rows(
        self, best: IntArray, confidences: FloatArray, offsets: IntArray
    ) -> list[tuple[str, int, int, float]]:
        """Return type, start, end and confidence of each entity of one short text, without the overhead of arrays."""
        spans = tags_to_spans([self._names[label] for label in best.tolist()])
        return [
            (label, int(offsets[start, 0]), int(offsets[end - 1, 1]), entity_confidence(confidences, start, end))
            for label, start, end in spans
        ]

    def _entities(self, best: IntArray, starts: IntArray) -> tuple[IntArray, IntArray]:
        """Return the first and the last word of each entity, as ``tags_to_spans`` does for one sentence."""
        types = self._type[best]
        inside = types >= 0
        continues = np.zeros(len(best), dtype=bool)
        continues[1:] = (
            inside[1:] & ~self._is_closing[best[:-1]] & ~self._is_opening[best[1:]] & (types[1:] == types[:-1])
        )
        continues[starts] = False
        first = np.flatnonzero(inside & ~continues)
        edges = np.append(np.flatnonzero(~continues), len(best))
        return first, edges[np.searchsorted(edges, first, side="right")] - 1

    def _prediction(self, text: str, rows: list[tuple[str, int, int, float]]) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        kept = 0
        for name, start, end, unrounded in rows:
            confidence = round_confidence(unrounded)
            is_kept = self._thresholds.accepts(name, confidence)
            kept += is_kept
            span = {"start": start, "end": end}
            if self._is_plain:
                tag = name if is_kept else None
                parts.append({**span, "text": text[start:end], "tag": tag, "confidence": confidence})
            elif is_kept:
                parts.append({**span, "label": name, "text": text[start:end], "confidence": confidence})
        if self._counts is not None:
            self._counts.add(kept, len(rows))
        return {"text": text, "words" if self._is_plain else "entities": parts}
