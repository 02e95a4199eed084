"""Labels and confidences to what is shown: entities or tagged words with character offsets.

Legend: S texts, W words of all of them, one text behind the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nlptrain_runtime.schemes import CLOSING, OPENING, Scheme, Span, spans, split_tag

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import BoolArray, FloatArray, IntArray


_SHORT = 64  # words


class Tagged(NamedTuple):
    """The tags of one sentence with their confidences.

    Attributes:
        tags: of each word.
        confidences: the probability of each of them, [words].
    """

    tags: list[str]
    confidences: FloatArray

    def parts(self, scheme: Scheme) -> list[tuple[Span, float]]:
        """The entities, each with the least confidence of its words; of plain tags, each word with its own.

        Example:
            >>> Tagged(["B-x", "I-x", "O"], np.array([0.75, 0.5, 1.0], dtype=np.float32)).parts("iob2")
            [(Span(label='x', start=0, end=2), 0.5)]
        """
        if scheme == "plain":
            found = [Span(tag, index, index + 1) for index, tag in enumerate(self.tags)]
        else:
            found = spans(self.tags)
        return [(span, float(self.confidences[span.start : span.end].min())) for span in found]


@dataclass
class Tally:
    """How many entities, or tags of words, were sure enough to be told, and how many were not."""

    kept: int = 0
    left_out: int = 0

    def add(self, kept: int, found: int) -> None:
        """Count that of ``found`` so many were ``kept``."""
        self.kept += kept
        self.left_out += found - kept


def shown(confidence: float) -> float:
    """A confidence as it is shown, to four digits; it is compared as it is shown."""
    return round(confidence, 4)


class Answers:
    """From the labels of words to one answer a text, without a step for each word."""

    def __init__(
        self,
        labels: Sequence[str],
        scheme: Scheme,
        min_confidence: float | Mapping[str, float],
        tally: Tally | None = None,
    ) -> None:
        """Answer with ``labels`` of ``scheme``.

        Args:
            labels: their names, by number.
            scheme: how they are written.
            min_confidence: entities of a lower one are left out, and plain tags become None; for each type (of plain
                tags, tag) another one, and "" for all others, which is 0 if it is not there.
            tally: counts what is told and what is left out.
        """
        self._tally = tally
        self._names = list(labels)
        self._plain = scheme == "plain"
        by_type = min_confidence if isinstance(min_confidence, Mapping) else {"": min_confidence}
        self._least: defaultdict[str, float] = defaultdict(lambda: by_type.get("", 0.0), by_type)
        parts = [None if self._plain else split_tag(name) for name in labels]
        types = list(dict.fromkeys(part[1] for part in parts if part))
        self._types = types
        self._type = np.array([types.index(part[1]) if part else -1 for part in parts])
        self._inside = self._type >= 0
        self._opening = np.array([part is not None and part[0] in OPENING for part in parts])
        self._closing = np.array([part is None or part[0] in CLOSING for part in parts])

    def told(self, best: IntArray, counts: IntArray) -> BoolArray:
        """True at the texts that have something to tell, [S]: those with an entity; of plain tags, all.

        Args:
            best: the label of each word, [W].
            counts: words of each text, [S].
        """
        if self._plain:
            return np.ones(len(counts), dtype=bool)
        if len(counts) == 1:
            return np.array([self._inside[best].any()])
        inside = np.concatenate([[0], np.cumsum(self._inside[best])])
        ends = np.cumsum(counts)
        found: BoolArray = inside[ends] > inside[ends - counts]
        return found

    def of(
        self, texts: Sequence[str], counts: IntArray, best: IntArray, confidences: FloatArray, places: IntArray
    ) -> Iterator[dict[str, Any]]:
        """``{"text", "entities"}`` of each text, or ``{"text", "words"}`` for plain tags.

        Args:
            texts: what was read, [S].
            counts: words of each, [S].
            best: the label of each word, [W].
            confidences: the probability of that label, [W]; anything at words that have nothing to tell.
            places: where each word begins and ends in its text, in code points, [W, 2].
        """
        if not len(best):
            yield from (self._answer(text, []) for text in texts)
            return
        if len(texts) == 1 and len(best) <= _SHORT and not self._plain:  # a fraction of the time, of a short text
            yield self._answer(texts[0], self._rows(best, confidences, places))
            return
        starts = np.cumsum(counts) - counts
        if self._plain:
            first, last, sure = np.arange(len(best)), np.arange(len(best)), confidences
            names = [self._names[label] for label in best.tolist()]
        else:
            first, last = self._entities(best, starts[counts > 0])
            sure = _least(confidences, first, last)
            names = [self._types[kind] for kind in self._type[best[first]].tolist()]
        owners = np.searchsorted(starts + counts, first, side="right")
        ends = np.cumsum(np.bincount(owners, minlength=len(texts))).tolist()
        rows = list(zip(names, places[first, 0].tolist(), places[last, 1].tolist(), sure.tolist(), strict=True))
        begin = 0
        for text, end in zip(texts, ends, strict=True):
            yield self._answer(text, rows[begin:end])
            begin = end

    def _rows(self, best: IntArray, confidences: FloatArray, places: IntArray) -> list[tuple[str, int, int, float]]:
        """The entities of one text."""
        found = spans([self._names[label] for label in best.tolist()])
        return [
            (label, int(places[start, 0]), int(places[end - 1, 1]), float(confidences[start:end].min()))
            for label, start, end in found
        ]

    def _entities(self, best: IntArray, starts: IntArray) -> tuple[IntArray, IntArray]:
        """The first and the last word of each entity, as ``schemes.spans`` reads them."""
        kinds = self._type[best]
        inside = kinds >= 0
        goes_on = np.zeros(len(best), dtype=bool)
        goes_on[1:] = inside[1:] & ~self._closing[best[:-1]] & ~self._opening[best[1:]] & (kinds[1:] == kinds[:-1])
        goes_on[starts] = False
        first = np.flatnonzero(inside & ~goes_on)
        edges = np.append(np.flatnonzero(~goes_on), len(best))
        return first, edges[np.searchsorted(edges, first, side="right")] - 1

    def _answer(self, text: str, rows: list[tuple[str, int, int, float]]) -> dict[str, Any]:
        found: list[dict[str, Any]] = []
        for name, start, end, confidence in rows:
            sure = shown(confidence)
            if self._plain:
                tag = name if sure >= self._least[name] else None
                found.append({"start": start, "end": end, "text": text[start:end], "tag": tag, "confidence": sure})
            elif sure >= self._least[name]:
                found.append({"start": start, "end": end, "label": name, "text": text[start:end], "confidence": sure})
        if self._tally is not None:
            kept = sum(one["tag"] is not None for one in found) if self._plain else len(found)
            self._tally.add(kept, len(rows))
        return {"text": text, "words" if self._plain else "entities": found}


def _least(confidences: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    """The least confidence from each of ``first`` to ``last``."""
    if not len(first):
        return confidences[:0]
    edges = np.stack([first, last + 1], axis=1).ravel()
    found: FloatArray = np.minimum.reduceat(np.append(confidences, np.inf), edges)[::2]
    return found
