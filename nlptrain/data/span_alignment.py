"""Labeled spans of characters to entities of whole words."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from nlptrain.config.data import Align
from nlptrain.data.read_report import ReadReport
from nlptrain.data.text_spans import Offsets, TextSpan, is_between_unspaced, is_blank, trim_blanks
from nlptrain.errors import InputError
from nlptrain_runtime.schemes import Span

CUTS = "span that cuts a word"
_TRIMMED = "span that begins or ends with blanks, trimmed"
_EMPTY = "span without a word, left out"
_TWICE = "span that is there twice, merged"
_OVERLAPS = "span that overlaps another entity, left out"


class _Mark(NamedTuple):
    """A span with valid offsets, on its way to the words."""

    start: int
    end: int
    label: str
    score: float | None
    placement: str
    where: str

    def placed(self, placement: str) -> _Mark:
        """Return the mark with another placement, unless its text had to be searched."""
        return self._replace(placement=placement) if self.placement in ("exact", "trimmed") else self


class Entity(NamedTuple):
    """An entity of whole words, with its score if it has one."""

    span: Span
    score: float | None


@dataclass
class SpanAligner:
    """Aligns the spans of one text with its words.

    Attributes:
        text: the text.
        offsets: start and end of each word; ``align`` may cut words in two.
        rule: what happens to a span that cuts a word. expand: the entity has the whole word. contract: it has the words
            that are whole; none: it is left out. split: the word is cut there. skip: the span is left out. strict: it
            is a fault. Between two letters of a script without spaces the word is always cut.
        report: receives what is repaired, and counts the spans by their placement.
        where: ``path:line``.
    """

    text: str
    offsets: Sequence[Offsets]
    rule: Align
    report: ReadReport
    where: str

    def align(self, spans: Iterable[TextSpan]) -> list[Entity]:
        """Return the entities in the order of the text, without overlaps.

        Spans are trimmed, equal ones are merged, and they are aligned by ``rule``. Of entities that then share a word,
        nested ones too, the one with the higher score stays, else the one whose span is longer, else the first; spans
        without a score rank as if it were 1. Entities that expansion made equal are merged.

        Args:
            spans: spans with valid offsets.

        Raises:
            InputError: ``rule`` is strict, and a span cuts a word.
        """
        spans = list(spans)
        if (exact := self._exact(spans)) is not None:
            self.report.mentions.update(span.placement for span in spans)
            return exact
        marks = self._distinct(self._trimmed(spans))
        aligned = [pair for mark in self._split_words(marks) if (pair := self._fit(mark))]
        kept = self._without_overlaps(aligned)
        self.report.mentions.update(mark.placement for mark, _ in kept)
        return [Entity(span, mark.score) for mark, span in kept]

    def whole_words(self, span: TextSpan) -> Span | None:
        """Return the words of a span with valid offsets, or None if it cuts one or has none."""
        mark = _Mark(*trim_blanks(self.text, span.start or 0, span.end or 0), span.label, None, "exact", self.where)
        first, last = self._word_range(mark)
        is_whole = first <= last and not any(self._cut_words(mark, first, last))
        return Span(span.label, first, last + 1) if is_whole else None

    def _exact(self, spans: Sequence[TextSpan]) -> list[Entity] | None:
        """Return the entities if all spans are whole words without overlaps, which is the most frequent case."""
        if not spans:
            return []
        firsts: dict[int | None, int] = {start: index for index, (start, _) in enumerate(self.offsets)}
        lasts: dict[int | None, int] = {end: index for index, (_, end) in enumerate(self.offsets)}
        entities = []
        for span in spans:
            first, last = firsts.get(span.start), lasts.get(span.end)
            if first is None or last is None or last < first:
                return None
            entities.append(Entity(Span(span.label, first, last + 1), span.score))
        entities.sort(key=lambda entity: entity.span.start)
        overlap = any(entity.span.end > later.span.start for entity, later in pairwise(entities))
        return None if overlap else entities

    def _trimmed(self, spans: Iterable[TextSpan]) -> Iterator[_Mark]:
        for span in spans:
            start, end = trim_blanks(self.text, span.start or 0, span.end or 0)
            mark = _Mark(start, end, span.label, span.score, span.placement, span.where or self.where)
            first, last = self._word_range(mark)
            if start == end or first > last:
                self._count(_EMPTY, "lost", mark, span.describe(self.text))
                continue
            if (start, end) != (span.start, span.end):
                self.report.repaired(_TRIMMED, mark.where, span.describe(self.text), expected=f"{start}-{end}")
                mark = mark.placed("trimmed")
            yield mark

    def _distinct(self, marks: Iterable[_Mark]) -> list[_Mark]:
        """Return the marks without repeats; the higher score of two stays."""
        distinct: dict[tuple[int, int, str], _Mark] = {}
        for mark in marks:
            first = distinct.setdefault(mark[:3], mark)
            if first is not mark:
                self._count(_TWICE, "duplicate", mark, self._quote(mark))
                scores = [score for score in (first.score, mark.score) if score is not None]
                distinct[mark[:3]] = first._replace(score=max(scores, default=None))
        return list(distinct.values())

    def _split_words(self, marks: list[_Mark]) -> list[_Mark]:
        """Cut words where marks cut them: by the rule ``split``, and between letters of scripts without spaces."""
        cuts: set[int] = set()
        result = []
        for mark in marks:
            inner = [index for index in mark[:2] if self._is_inside_word(index)]
            unspaced = [index for index in inner if is_between_unspaced(self.text, index)]
            cuts.update(inner if self.rule == "split" else unspaced)
            if self.rule == "split" and len(unspaced) < len(inner):
                self.report.repaired("word that a span cuts, split", mark.where, self._quote(mark))
                mark = mark.placed("split")
            result.append(mark)
        if cuts:
            self.offsets = [part for offsets in self.offsets for part in _parts(offsets, cuts)]
        return result

    def _fit(self, mark: _Mark) -> tuple[_Mark, Span] | None:
        """Return the mark with its words, or None if it is left out."""
        first, last = self._word_range(mark)
        cuts_first, cuts_last = self._cut_words(mark, first, last)
        if not (cuts_first or cuts_last):
            return mark, Span(mark.label, first, last + 1)
        cut_start, cut_end = self.offsets[first if cuts_first else last]
        fault = f"{self._quote(mark)} cuts the word {self.text[cut_start:cut_end]!r} ({cut_start}-{cut_end})"
        whole = self._quote(mark._replace(start=self.offsets[first][0], end=self.offsets[last][1]))
        if self.rule == "strict":
            raise InputError(fault, location=mark.where, expected=f"whole words, e.g. {whole}")
        if self.rule == "expand":
            self.report.repaired(f"{CUTS}, expanded", mark.where, fault, expected=whole)
            return mark.placed("expanded"), Span(mark.label, first, last + 1)
        first, last = first + cuts_first, last - cuts_last
        if self.rule == "skip" or first > last:
            self._count(f"{CUTS}, left out", "lost", mark, fault)
            return None
        whole = self._quote(mark._replace(start=self.offsets[first][0], end=self.offsets[last][1]))
        self.report.repaired(f"{CUTS}, contracted", mark.where, fault, expected=whole)
        return mark.placed("contracted"), Span(mark.label, first, last + 1)

    def _without_overlaps(self, aligned: list[tuple[_Mark, Span]]) -> list[tuple[_Mark, Span]]:
        """Return the entities in the order of the text, of those that share a word the one that ranks highest."""
        kept: list[tuple[_Mark, Span]] = []
        for mark, span in sorted(aligned, key=_rank):  # equal ranks stay in their order
            index = bisect_right(kept, span.start, key=lambda pair: pair[1].start)
            neighbors = kept[max(index - 1, 0) : index + 1]
            winner = next((pair for pair in neighbors if pair[1].start < span.end and span.start < pair[1].end), None)
            if winner is None:
                kept.insert(index, (mark, span))
            elif winner[1] == span:
                self._count(_TWICE, "duplicate", mark, self._quote(mark))
            else:
                self._count(_OVERLAPS, "overlap", mark, self._quote(mark), f"{self._quote(winner[0])} alone")
        return kept

    def _word_range(self, mark: _Mark) -> tuple[int, int]:
        """Return the first word that ends after the start of ``mark``, and the last one that begins before its end."""
        first = bisect_right(self.offsets, mark.start, key=itemgetter(1))
        return first, bisect_left(self.offsets, mark.end, key=itemgetter(0)) - 1

    def _cut_words(self, mark: _Mark, first: int, last: int) -> tuple[bool, bool]:
        """Return whether ``mark`` cuts its first word, and its last one; characters of no width do not count."""
        start, end = self.offsets[first][0], self.offsets[last][1]
        cuts_first = start < mark.start and not is_blank(self.text[start : mark.start])
        return cuts_first, mark.end < end and not is_blank(self.text[mark.end : end])

    def _is_inside_word(self, index: int) -> bool:
        word = bisect_right(self.offsets, index, key=itemgetter(1))
        if word == len(self.offsets) or index <= self.offsets[word][0]:
            return False
        start, end = self.offsets[word]
        return not (is_blank(self.text[start:index]) or is_blank(self.text[index:end]))

    def _count(self, cause: str, mention: str, mark: _Mark, detail: str, expected: str = "") -> None:
        """Count a span that is left out."""
        self.report.mentions[mention] += 1
        self.report.repaired(cause, mark.where, detail, expected=expected)

    def _quote(self, mark: _Mark) -> str:
        return f"{mark.label} {self.text[mark.start : mark.end]!r} ({mark.start}-{mark.end})"


def _rank(pair: tuple[_Mark, Span]) -> tuple[float, int]:
    mark, _ = pair
    return (-1.0 if mark.score is None else -mark.score), mark.start - mark.end


def _parts(offsets: Offsets, cuts: set[int]) -> Iterator[Offsets]:
    """Yield the parts of a word between ``cuts``."""
    start, end = offsets
    inner = [index for index in range(start + 1, end) if index in cuts]
    yield from zip([start, *inner], [*inner, end], strict=True)
