"""Text with labeled spans of characters, as annotation tools hold it: conversion to sentences and back."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter

from nlptrain.data.formats.fields import check_utf8
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Scheme, Span, spans_to_tags, tags_to_spans
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError, Setting


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A labeled span of a text, in code points from 0; ``end`` is exclusive.

    Attributes:
        start: first character.
        end: the character after the last one.
        label: the entity type.
        score: its confidence from 0 to 1, if it has one.
    """

    start: int
    end: int
    label: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class AnnotatedText:
    """A text with labeled spans.

    Attributes:
        text: the text.
        spans: its entities or, of plain tags, its words.
        where: ``path:line``, for messages.
        offsets: start and end of each word, or None: those of the word splitter.
        id: its id in its file, or None.
    """

    text: str
    spans: Sequence[TextSpan]
    where: str
    offsets: Sequence[tuple[int, int]] | None = None
    id: str | None = None

    def sentence(self, scheme: Scheme) -> Sentence | None:
        """Return the words with their tags in ``scheme``; None if there is no word.

        Raises:
            InputError: a span is outside of the text, cuts a word or overlaps another one; or the scheme is plain and
                a word is not exactly one span.
        """
        check_utf8(self.text, f"{self.where}: 'text'")
        offsets = self._word_offsets()
        word_spans = sorted((self._to_words(span, offsets) for span in self.spans), key=lambda span: span.start)
        for span, following in zip(word_spans, word_spans[1:], strict=False):
            if following.start < span.end:
                raise InputError(
                    f"{self._quote(offsets, span)} and {self._quote(offsets, following)} overlap",
                    location=self.where,
                    expected="one tag for each word",
                )
        if not offsets:
            return None
        words = tuple(self.text[start:end] for start, end in offsets)
        tags = (
            self._plain_tags(offsets, word_spans)
            if scheme == "plain"
            else spans_to_tags(word_spans, len(words), scheme)
        )
        return Sentence(words, tuple(tags), self.where, id=self.id, text=self.text)

    def _word_offsets(self) -> Sequence[tuple[int, int]]:
        if self.offsets is None:
            return [(word.start, word.end) for word in _splitter().split(self.text)]
        previous_end = 0
        for start, end in self.offsets:
            if not previous_end <= start < end <= len(self.text):
                raise InputError(
                    f"found a token from {start} to {end}",
                    location=self.where,
                    expected=f"a start of at least {previous_end} and an end of at most {len(self.text)}",
                )
            previous_end = end
        return self.offsets

    def _to_words(self, span: TextSpan, offsets: Sequence[tuple[int, int]]) -> Span:
        """Return ``span`` in words."""
        text, start, end = self.text, span.start, span.end
        if not 0 <= start < end <= len(text):
            raise InputError(
                f"found an entity {span.label!r} from {start} to {end}",
                location=self.where,
                expected=f"a start before the end, both from 0 to {len(text)}, the length of the text",
            )
        part = text[start:end]
        stripped = part.strip()
        entity = f"entity {part!r} ({start}-{end})"
        if part != stripped:
            first = start + len(part) - len(part.lstrip())
            raise InputError(
                f"{entity} begins or ends with white space",
                location=self.where,
                expected=f"{stripped!r} ({first}-{first + len(stripped)})" if stripped else "",
                hint="" if stripped else "remove it",
            )
        first_word = bisect_right(offsets, start, key=itemgetter(1))  # the first word that ends after the start
        last_word = bisect_left(offsets, end, key=itemgetter(0)) - 1  # the last one that begins before the end
        if first_word > last_word:
            raise InputError(f"{entity} has no word", location=self.where, hint="remove it")
        for word_start, word_end in (offsets[first_word], offsets[last_word]):
            if word_start < start or end < word_end:
                first, last = offsets[first_word][0], offsets[last_word][1]
                raise InputError(
                    f"{entity} cuts the word {text[word_start:word_end]!r} ({word_start}-{word_end})",
                    location=self.where,
                    expected=f"whole words, e.g. {text[first:last]!r} ({first}-{last})",
                )
        return Span(span.label, first_word, last_word + 1)

    def _plain_tags(self, offsets: Sequence[tuple[int, int]], word_spans: Sequence[Span]) -> list[str]:
        """Return the label of each word."""
        for index, (start, end) in enumerate(offsets):
            if index >= len(word_spans) or (word_spans[index].start, word_spans[index].end) != (index, index + 1):
                raise InputError(
                    f"{self.text[start:end]!r} ({start}-{end}) is not a span of its own",
                    location=self.where,
                    expected=("a span for each word, as ", Setting("data.scheme"), " is plain"),
                )
        return [span.label for span in word_spans]

    def _quote(self, offsets: Sequence[tuple[int, int]], span: Span) -> str:
        start, end = offsets[span.start][0], offsets[span.end - 1][1]
        return f"{span.label} {self.text[start:end]!r} ({start}-{end})"


def to_annotated_text(sentence: Sentence, scheme: Scheme) -> AnnotatedText:
    """Return the text of ``sentence`` with its entities as spans or, if ``scheme`` is plain, its words.

    If its text is unknown, or does not consist of its words, the words are joined by spaces.
    """
    text, offsets = sentence.text, sentence.offsets
    if text is None or not offsets:
        text = " ".join(sentence.words)
        starts = [0]
        for word in sentence.words:
            starts.append(starts[-1] + len(word) + 1)
        offsets = tuple((start, following - 1) for start, following in zip(starts, starts[1:], strict=False))
    tags = sentence.tags or ()
    word_spans = (
        [Span(tag, index, index + 1) for index, tag in enumerate(tags)] if scheme == "plain" else tags_to_spans(tags)
    )
    text_spans = [TextSpan(offsets[span.start][0], offsets[span.end - 1][1], span.label) for span in word_spans]
    return AnnotatedText(text, text_spans, sentence.where, offsets, sentence.id)


@cache
def _splitter() -> WordSplitter:
    return WordSplitter.default()
