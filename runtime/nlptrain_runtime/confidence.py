"""The confidence of entities: the smallest probability of their words' labels, its rounding and its threshold.

``decoding.Decoder.confidences`` computes the probability of each word's label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import FloatArray, IntArray


def entity_confidence(confidences: FloatArray, start: int, end: int) -> float:
    """Return the confidence of the entity of the words from ``start`` to ``end``: the smallest of its words'."""
    return float(confidences[start:end].min())


def entity_confidences(confidences: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    """Return the confidence of each entity: the smallest of its words'.

    Args:
        confidences: of each word, [W].
        first: first word of each entity, [E]; entities do not overlap, and are in order.
        last: last word of each entity, [E].
    """
    if not len(first):
        return confidences[:0]
    edges = np.stack([first, last + 1], axis=1).ravel()
    smallest: FloatArray = np.minimum.reduceat(np.append(confidences, np.inf), edges)[::2]
    return smallest


def round_confidence(confidence: float) -> float:
    """Round a confidence to the four digits that are printed; thresholds apply to the rounded value."""
    return round(confidence, 4)


class ConfidenceThresholds:
    """The minimum confidence of each type."""

    def __init__(self, min_confidence: float | Mapping[str, float]) -> None:
        """Use one minimum for all types, or one per type, with "" for all other types (default: 0)."""
        by_type = min_confidence if isinstance(min_confidence, Mapping) else {"": min_confidence}
        self._by_type = dict(by_type)
        self._default = by_type.get("", 0.0)

    def accepts(self, label: str, confidence: float) -> bool:
        """Return whether a rounded confidence reaches the minimum of the type, or of the plain tag, ``label``."""
        return confidence >= self._by_type.get(label, self._default)


@dataclass
class PredictionCounts:
    """Numbers of entities, or of words with plain tags, at or above the minimum confidence, and below it."""

    kept: int = 0
    left_out: int = 0

    def add(self, kept: int, total: int) -> None:
        """Count ``total`` predictions, ``kept`` of them at or above the minimum."""
        self.kept += kept
        self.left_out += total - kept
