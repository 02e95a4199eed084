"""Find the offsets of spans in a text: of those whose offsets are wrong, and of mentions, which have none."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from html import unescape
from itertools import accumulate
from unicodedata import normalize

from rapidfuzz import fuzz

from nlptrain.data.read_report import ReadReport
from nlptrain.data.text_spans import ZERO_WIDTH, Offsets, TextSpan, is_blank

SIMILARITY = 0.8  # of a mention and the words that it is found in, at least
_MIN_FUZZY = 4  # characters: one more or less makes a shorter word another one, as `us` and `bus`
_BLANKS = rf"[\s{ZERO_WIDTH}]+"
_CAUSES = {
    "moved": "span with wrong offsets, found again by its text",
    "case": "span whose text has other upper and lower case, found",
    "fuzzy": "span whose text is only similar, found",
}
_INCLUSIVE = "span whose end is the offset of its last character, converted"
_OF_WORDS = "span with offsets of words, converted"
_LOST = "span whose text was not found, left out"
_OUTSIDE = "span outside of the text, left out"
_EMPTY = "span without characters, left out"
_CLIPPED = "span that ends one character after the text, clipped"


def _left_out(span: TextSpan) -> str:
    """Return why a span is left out."""
    if span.text:
        return _LOST
    return _EMPTY if span.start is not None and span.end is not None and span.end <= span.start else _OUTSIDE


def locate_spans(
    text: str, spans: Sequence[TextSpan], words: Callable[[], Sequence[Offsets]], report: ReadReport, where: str
) -> list[TextSpan]:
    """Return the spans that occur in ``text``, each with valid offsets and its placement, in the given order.

    A span with valid offsets, and with the text there that it quotes, if any, stays as it is (``exact``). If most
    quoted texts of a row are right when the offsets count UTF-16 code units, UTF-8 bytes or words, or when ends are
    inclusive, they are converted (``moved``). Other spans with a text are searched, longer texts first, where no other
    span is:

    1. the text itself, of whole words (``exact`` without offsets, else ``moved``);
    2. ignoring case (``case``);
    3. both within words; an occurrence that begins after a letter, inside of a word, does not count;
    4. an occurrence that another span has already;
    5. the most similar words, at least 0.8 by the normalized Indel similarity, twice the characters of the longest
       common subsequence by those of both texts, ignoring case (``fuzzy``), for texts of at least 4 characters.

    Mentions, without offsets, take the first such occurrence; the same mention once more is a duplicate if whole words
    do not have it again, or only in lower case, as ``us`` after ``US``. Spans with wrong offsets take the nearest
    occurrence, and are left out if two are equally near. Of spans without a text, those that end one character after
    the text are clipped: this is a line break that the row does not have. Others outside of the text are left out, as
    an end that is far away does not show where the entity ends. What is left out is counted in ``report`` (``lost``).

    Args:
        text: the text.
        spans: its spans.
        words: returns the offsets of its words; is not called if all spans are exact.
        report: receives what was repaired.
        where: ``path:line``.
    """
    if all(_is_exact(text, span) for span in spans):
        return list(spans)
    spans = _convert_units(text, spans, words, report, where)
    placed: dict[int, TextSpan] = {index: span for index, span in enumerate(spans) if _is_exact(text, span)}
    search = _Search(text, words(), [(span.start or 0, span.end or 0) for span in placed.values()])
    others = [(index, span) for index, span in enumerate(spans) if index not in placed]
    others.sort(key=lambda item: -len(item[1].text or ""))
    for index, span in others:
        result = search.place(span) if span.text and span.text.strip() else _clip(text, span)
        if result is None:
            report.mentions["lost"] += 1
            report.repaired(_left_out(span), span.where or where, span.describe(text))
            continue
        placed[index] = result
        if result.placement != "exact":
            cause, expected = _CAUSES.get(result.placement, _CLIPPED), replace(result, text=None).describe(text)
            report.repaired(cause, span.where or where, span.describe(text), expected=expected)
    return [placed[index] for index in sorted(placed)]


def _is_exact(text: str, span: TextSpan) -> bool:
    """Return whether the offsets are in the text, and the text there is the quoted one, but for blanks."""
    if span.start is None or span.end is None or not 0 <= span.start < span.end <= len(text):
        return False
    if span.text is None:
        return True
    actual = text[span.start : span.end]
    return actual == span.text or actual.split() == span.text.split() or _is_same(actual, span.text)


def _is_same(actual: str, quoted: str) -> bool:
    """Return whether a quoted text is only written differently: composed letters, or HTML."""
    if "&" in quoted or "&" in actual:
        actual, quoted = unescape(actual), unescape(quoted)
    return normalize("NFKC", actual) == normalize("NFKC", quoted)


def _gained_blank(text: str, span: TextSpan) -> bool:
    """Return whether a span ends with a blank that its quoted text does not have: its end was right before."""
    return span.end is not None and is_blank(text[span.end - 1]) and not is_blank((span.text or " ")[-1])


def _clip(text: str, span: TextSpan) -> TextSpan | None:
    is_clipped = span.start is not None and 0 <= span.start < len(text) and span.end == len(text) + 1
    return replace(span, end=len(text), placement="trimmed") if is_clipped else None


def _convert_units(
    text: str, spans: Sequence[TextSpan], words: Callable[[], Sequence[Offsets]], report: ReadReport, where: str
) -> Sequence[TextSpan]:
    """Return ``spans`` with offsets in code points, if they are in other units."""
    quoted = [span for span in spans if span.text is not None and span.start is not None]
    matches = sum(_is_exact(text, span) for span in quoted)
    for cause, convert in _conversions(text, words) if matches < len(quoted) else ():
        count = sum(_is_exact(text, moved) and not _gained_blank(text, moved) for moved in map(convert, quoted))
        if count > max(matches, len(quoted) / 2):
            converted = [convert(span) for span in spans]
            changed = [span for span in converted if span.placement == "moved"]
            report.repaired(cause, changed[0].where or where, count=len(changed))
            return converted
    return spans


def _conversions(
    text: str, words: Callable[[], Sequence[Offsets]]
) -> Iterator[tuple[str, Callable[[TextSpan], TextSpan]]]:
    """Yield other ways to count offsets, each as the cause in the report and what converts a span."""
    yield _INCLUSIVE, _include_end
    for unit, lengths in _units(text):
        yield f"span with offsets in {unit}, converted", partial(_convert, starts=[0, *accumulate(lengths)])
    for offsets in ([match.span() for match in re.finditer(r"\S+", text)], words()):
        for is_inclusive in (False, True):
            yield _OF_WORDS, partial(_from_words, words=offsets, is_inclusive=is_inclusive)


def _from_words(span: TextSpan, words: Sequence[Offsets], is_inclusive: bool) -> TextSpan:
    """Return ``span`` with offsets in characters, if they count words."""
    if span.start is None or span.end is None or not 0 <= span.start < span.end + is_inclusive <= len(words):
        return span
    start, end = words[span.start][0], words[span.end - 1 + is_inclusive][1]
    return replace(span, start=start, end=end, placement="moved")


def _include_end(span: TextSpan) -> TextSpan:
    return span if span.end is None else replace(span, end=span.end + 1, placement="moved")


def _units(text: str) -> Iterator[tuple[str, list[int]]]:
    """Yield other units of offsets, with the length of each character of ``text`` in them."""
    if not text.isascii():
        yield "UTF-16 code units", [2 if character > "\uffff" else 1 for character in text]
        yield "UTF-8 bytes", [len(character.encode("utf-8", "surrogatepass")) for character in text]
    if "\r\n" in text:
        yield "characters with line ends of one", [character != "\r" for character in text]
    elif "\n" in text:
        yield "characters with line ends of two", [1 + (character == "\n") for character in text]


def _convert(span: TextSpan, starts: Sequence[int]) -> TextSpan:
    """Return ``span`` with offsets in code points, whose starts in the other unit are given."""
    if span.start is None or span.end is None or span.start < 0:
        return span
    start, end = bisect_left(starts, span.start), bisect_left(starts, span.end)
    return span if (start, end) == (span.start, span.end) else replace(span, start=start, end=end, placement="moved")


class _Search:
    """Occurrences spans in a text, one after the other."""

    def __init__(self, text: str, words: Sequence[Offsets], taken: list[Offsets]) -> None:
        """Search ``text``, whose occurrences ``taken`` have a span already."""
        self._text = text
        self._words = words
        self._starts = {start for start, _ in words}
        self._ends = {end for _, end in words}
        self._taken = taken
        self._mentions: dict[tuple[str, str], Offsets] = {}  # text and label of those found exactly

    def place(self, span: TextSpan) -> TextSpan | None:
        """Return ``span`` with its offsets, or None if it is not found, or at two occurrences equally near."""
        mention = span.text or ""
        same, any_case = (self._occurrences(mention, flags) for flags in (0, re.IGNORECASE))
        free_same, free_any_case = list(filter(self._is_free, same)), list(filter(self._is_free, any_case))
        exact = "exact" if span.start is None else "moved"
        first = self._mentions.get((mention, span.label)) if span.start is None else None
        others = free_same if mention == mention.lower() else [*free_same, *filter(self._has_capitals, free_any_case)]
        if first is not None and not any(map(self._is_whole, others)):  # the same once more
            return replace(span, start=first[0], end=first[1], placement=exact)
        for placement, occurrences in (
            (exact, list(filter(self._is_whole, free_same))),
            ("case", list(filter(self._is_whole, free_any_case))),
            (exact, free_same),
            ("case", free_any_case),
            (exact, same),
            ("case", any_case),
            ("fuzzy", self._similar(mention, span.start) if not any_case else []),
        ):
            if occurrences:
                chosen = _choose(occurrences, span.start)
                if chosen is None:
                    return None
                self._taken.append(chosen)
                if placement == exact:
                    self._mentions.setdefault((mention, span.label), chosen)
                return replace(span, start=chosen[0], end=chosen[1], placement=placement)
        return None

    def _occurrences(self, mention: str, flags: int) -> list[Offsets]:
        """Return the occurrences of ``mention``, but for blanks, that do not begin after a letter inside of a word."""
        pattern = _BLANKS.join(map(re.escape, mention.split()))
        matches = (match.span() for match in re.finditer(pattern, self._text, flags))
        return [(start, end) for start, end in matches if start in self._starts or not self._is_inside(start)]

    def _is_inside(self, index: int) -> bool:
        return index > 0 and self._text[index - 1].isalpha() and self._text[index].isalpha()

    def _is_whole(self, occurrence: Offsets) -> bool:
        return occurrence[0] in self._starts and occurrence[1] in self._ends

    def _has_capitals(self, occurrence: Offsets) -> bool:
        words = self._text[slice(*occurrence)]
        return words != words.lower()

    def _is_free(self, occurrence: Offsets) -> bool:
        return all(occurrence[1] <= start or end <= occurrence[0] for start, end in self._taken)

    def _similar(self, mention: str, start: int | None) -> list[Offsets]:
        """Return the offsets of the most similar words in a list, of the nearest or first of several; or no offsets."""
        mention = " ".join(mention.lower().split())
        if len(mention) < _MIN_FUZZY:
            return []
        shortest, longest = len(mention) * 2 / 3, len(mention) * 3 / 2  # outside, the similarity is below 0.8
        best: tuple[float, int, Offsets] | None = None
        for first, (words_start, _) in enumerate(self._words):
            for _, words_end in self._words[first:]:
                if words_end - words_start > longest:
                    break
                if words_end - words_start < shortest or not self._is_free((words_start, words_end)):
                    continue
                words = self._text[words_start:words_end].lower()
                ratio = fuzz.ratio(mention, words, score_cutoff=100 * SIMILARITY)
                rank = (-ratio, words_start if start is None else abs(words_start - start), (words_start, words_end))
                if ratio and (best is None or rank < best):
                    best = rank
        return [best[2]] if best else []


def _choose(occurrences: Sequence[Offsets], start: int | None) -> Offsets | None:
    """Return the occurrence nearest to ``start``, or None if two are; the first occurrence without ``start``."""
    if start is None:
        return occurrences[0]
    nearest = sorted(occurrences, key=lambda occurrence: abs(occurrence[0] - start))
    is_tie = len(nearest) > 1 and abs(nearest[0][0] - start) == abs(nearest[1][0] - start)
    return None if is_tie else nearest[0]
