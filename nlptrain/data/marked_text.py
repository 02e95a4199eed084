"""A text with marked spans of characters, to a sentence of tagged words and back."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter

from nlptrain.data.sentence import Sentence
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.schemes import Scheme, Span, spans, tags_of


@dataclass(frozen=True, slots=True)
class Mark:
    """A labeled part of a text, in code points from 0; ``end`` is the place behind the last one."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A text as annotation tools hold it.

    Attributes:
        text: all of it.
        marks: its entities or, of plain tags, its words.
        where: ``path:line``, for messages.
        places: where each word begins and ends, or None: the word splitter says it.
        id: its name in its file, or None.
    """

    text: str
    marks: Sequence[Mark]
    where: str
    places: Sequence[tuple[int, int]] | None = None
    id: str | None = None

    def sentence(self, scheme: Scheme) -> Sentence | None:
        """The words with their tags in ``scheme``; of ``plain``, each word is marked. None without a word.

        Raises:
            InputError: a mark stands outside of the text, cuts a word or overlaps another one, or the scheme is plain
                and a word has no mark, or one with others.
        """
        try:
            self.text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputError(f"{self.where}: 'text' holds half of a character, which UTF-8 cannot hold") from error
        places = self._places()
        found = sorted((self._in_words(mark, places) for mark in self.marks), key=lambda span: span.start)
        for one, other in zip(found, found[1:], strict=False):
            if other.start < one.end:
                raise InputError(
                    f"{self.where}: {self._shown(places, one)} and {self._shown(places, other)} overlap; "
                    "a word has one tag"
                )
        if not places:
            return None
        words = tuple(self.text[start:end] for start, end in places)
        tags = self._plain(places, found) if scheme == "plain" else tags_of(found, len(words), scheme)
        return Sentence(words, tuple(tags), self.where, id=self.id, text=self.text)

    def _places(self) -> Sequence[tuple[int, int]]:
        if self.places is None:
            return [(word.start, word.end) for word in _splitter().split(self.text)]
        before = 0
        for start, end in self.places:
            if not before <= start < end <= len(self.text):
                raise InputError(
                    f"{self.where}: found a token from {start} to {end}; the next one begins at {before} or behind, "
                    f"and the text ends at {len(self.text)}"
                )
            before = end
        return self.places

    def _in_words(self, mark: Mark, places: Sequence[tuple[int, int]]) -> Span:
        """The mark in words."""
        text, start, end = self.text, mark.start, mark.end
        if not 0 <= start < end <= len(text):
            raise InputError(
                f"{self.where}: found an entity {mark.label!r} from {start} to {end}; the text has places 0 to "
                f"{len(text)}, and an entity ends behind its start"
            )
        part = text[start:end]
        inner = part.strip()
        if part != inner:
            first = start + len(part) - len(part.lstrip())
            raise InputError(
                f"{self.where}: entity {part!r} ({start}-{end}) begins or ends with white space; "
                + (f"{first}-{first + len(inner)} is {inner!r}" if inner else "leave it out")
            )
        opening = bisect_right(places, start, key=itemgetter(1))  # the first word that ends after the start
        closing = bisect_left(places, end, key=itemgetter(0)) - 1  # the last one that begins before the end
        if opening > closing:
            raise InputError(f"{self.where}: entity {part!r} ({start}-{end}) holds no word; leave it out")
        for begins, ends in (places[opening], places[closing]):
            if begins < start or end < ends:
                first, last = places[opening][0], places[closing][1]
                raise InputError(
                    f"{self.where}: entity {part!r} ({start}-{end}) cuts the word {text[begins:ends]!r} "
                    f"({begins}-{ends}); {text[first:last]!r} ({first}-{last}) has whole words"
                )
        return Span(mark.label, opening, closing + 1)

    def _plain(self, places: Sequence[tuple[int, int]], found: Sequence[Span]) -> list[str]:
        """The label of each word."""
        for number, (start, end) in enumerate(places):
            if number >= len(found) or (found[number].start, found[number].end) != (number, number + 1):
                raise InputError(
                    f"{self.where}: {self.text[start:end]!r} ({start}-{end}) is not marked by itself; "
                    "where data.scheme is plain, each word is"
                )
        return [span.label for span in found]

    def _shown(self, places: Sequence[tuple[int, int]], span: Span) -> str:
        start, end = places[span.start][0], places[span.end - 1][1]
        return f"{span.label} {self.text[start:end]!r} ({start}-{end})"


def marked_text(sentence: Sentence, scheme: Scheme) -> MarkedText:
    """The text of ``sentence`` with its entities or, where ``scheme`` is plain, its words marked.

    Where its text is not known, or its words do not stand in it, they are joined by blanks.
    """
    text, places = sentence.text, sentence.places
    if text is None or not places:
        text = " ".join(sentence.words)
        ends = [0]
        for word in sentence.words:
            ends.append(ends[-1] + len(word) + 1)
        places = tuple((start, end - 1) for start, end in zip(ends, ends[1:], strict=False))
    tags = sentence.tags or ()
    found = [Span(tag, at, at + 1) for at, tag in enumerate(tags)] if scheme == "plain" else spans(tags)
    marks = [Mark(places[span.start][0], places[span.end - 1][1], span.label) for span in found]
    return MarkedText(text, marks, sentence.where, places, sentence.id)


@cache
def _splitter() -> WordSplitter:
    return WordSplitter.default()
