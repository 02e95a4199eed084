"""Text with labeled spans of characters, as annotation tools hold it: conversion to sentences and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from operator import le, lt

from nlptrain.data.formats import ReadContext
from nlptrain.data.sentence import Sentence
from nlptrain.data.span_alignment import CUTS, SpanAligner
from nlptrain.data.span_search import locate_spans
from nlptrain.data.tag_schemes import Scheme, Span, spans_to_tags, tags_to_spans
from nlptrain.data.text_spans import Offsets, TextSpan
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError, Setting
from nlptrain_runtime.word_splitter import replace_surrogates

__all__ = ["BAD_TOKENS", "AnnotatedText", "TextSpan", "to_annotated_text", "word_offsets"]

BAD_TOKENS = "tokens that are not in the text one after the other, ignored"
_NOT_A_WORD = "word that is not exactly one span, though the tags are plain"
_HALF_CHARACTERS = "text with half of a character, replaced by U+FFFD"
_NOT_WHOLE = "rejected span that is not whole words, left out"


@dataclass(frozen=True, slots=True)
class AnnotatedText:
    """A text with labeled spans.

    Attributes:
        text: the text.
        spans: its entities or, of plain tags, its words.
        where: ``path:line``, for messages.
        offsets: start and end of each word, or None: those of the word splitter.
        id: its id in its file, or None.
        asked: the entity types that were looked for; None: all.
        rejected: spans that are known not to be entities.
    """

    text: str
    spans: Sequence[TextSpan]
    where: str
    offsets: Sequence[Offsets] | None = None
    id: str | None = None
    asked: frozenset[str] | None = None
    rejected: Sequence[TextSpan] = ()

    def sentence(self, context: ReadContext) -> Sentence | None:
        """Return the words with their tags, IOB2 or plain; None if there is no word, or the text has to be skipped.

        The spans are located by ``locate_spans`` and aligned by ``SpanAligner``; ``context.report`` has what was
        repaired. A text is skipped if ``context.align`` is strict and a span cuts a word, or if the scheme is plain and
        a word is not exactly one span.
        """
        text, report = replace_surrogates(self.text), context.report
        if text != self.text:
            report.repaired(_HALF_CHARACTERS, self.where)
        offsets = self._word_offsets(text, context)
        if not offsets and not self.spans:
            return None
        aligner = SpanAligner(text, offsets, context.align, report, self.where)
        try:
            entities = aligner.align(locate_spans(text, self.spans, lambda: offsets, report, self.where))
        except InputError as error:
            report.skip(CUTS, error)
            return None
        offsets = aligner.offsets
        words = tuple([text[start:end] for start, end in offsets])
        if not words:
            return None
        spans = [entity.span for entity in entities]
        if context.scheme == "plain":
            if fault := self._not_plain(words, spans, offsets):
                report.skip(_NOT_A_WORD, fault)
                return None
            tags = [span.label for span in spans]
        else:
            tags = spans_to_tags(spans, len(words), "iob2")
        rejected = self._rejected(aligner, text) if self.rejected else ()
        scores = {entity.span: entity.score for entity in entities if entity.score is not None}
        return Sentence(
            words, tuple(tags), self.where, id=self.id, text=text, scores=scores, asked=self.asked, rejected=rejected
        )

    def _word_offsets(self, text: str, context: ReadContext) -> Sequence[Offsets]:
        if self.offsets is not None:
            limits = [0, *chain.from_iterable(self.offsets), len(text)]
            if all(map(le, limits, limits[1:])) and all(map(lt, limits[1:-1:2], limits[2:-1:2])):
                return self.offsets
            context.report.repaired(BAD_TOKENS, self.where)
        return word_offsets(text, context)

    def _rejected(self, aligner: SpanAligner, text: str) -> tuple[Span, ...]:
        """Return the rejected spans that are whole words."""
        located = locate_spans(text, self.rejected, lambda: aligner.offsets, aligner.report, self.where)
        rejected = []
        for span in located:
            if words := aligner.whole_words(span):
                rejected.append(words)
            else:
                aligner.report.repaired(_NOT_WHOLE, self.where, span.describe(text))
        return tuple(rejected)

    def _not_plain(self, words: Sequence[str], spans: Sequence[Span], offsets: Sequence[Offsets]) -> InputError | None:
        """Return an error if a word is not exactly one span."""
        for index, (word, (start, end)) in enumerate(zip(words, offsets, strict=True)):
            if index >= len(spans) or spans[index][1:] != (index, index + 1):
                return InputError(
                    f"{word!r} ({start}-{end}) is not a span of its own",
                    location=self.where,
                    expected=("a span for each word, as ", Setting("data.scheme"), " is plain"),
                )
        return None


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
    spans = (
        [Span(tag, index, index + 1) for index, tag in enumerate(tags)] if scheme == "plain" else tags_to_spans(tags)
    )

    def in_characters(span: Span) -> TextSpan:
        start, end = offsets[span.start][0], offsets[span.end - 1][1]
        return TextSpan(start, end, span.label, sentence.scores.get(span), text[start:end])

    entities, rejected = (
        list(map(in_characters, spans)),
        list(map(in_characters, sentence.rejected)),
    )
    return AnnotatedText(text, entities, sentence.where, offsets, sentence.id, sentence.asked, rejected)


def word_offsets(text: str, context: ReadContext) -> list[Offsets]:
    """Return start and end of each word of ``text``, by the word splitter or the segmenter of ``context``.

    Raises:
        InputError: the segmenter is not installed.
    """
    return [offsets for _, offsets in _splitter(context.segmenter).split_tuples(text)]


@cache
def _splitter(segmenter: str | None) -> WordSplitter:
    return WordSplitter.default() if segmenter is None else WordSplitter.segmented(segmenter)
