"""Spans with wrong offsets, and mentions without offsets, are found in their text."""

from __future__ import annotations

import pytest

from nlptrain.data.read_report import ReadReport
from nlptrain.data.span_search import locate_spans
from nlptrain.data.text_spans import TextSpan
from nlptrain.data.word_splitter import WordSplitter

Found = list[tuple[int | None, int | None, str]]


def locate(text: str, *spans: TextSpan) -> tuple[Found, ReadReport]:
    """Return the offsets and placements, in the order of the spans, and the report."""
    report = ReadReport()

    def words() -> list[tuple[int, int]]:
        return [(word.start, word.end) for word in WordSplitter.default().split(text)]

    located = locate_spans(text, spans, words, report, "a:1")
    return [(span.start, span.end, span.placement) for span in located], report


def mention(text: str) -> TextSpan:
    return TextSpan(None, None, "p", text=text)


def quoted(start: int, end: int, text: str) -> TextSpan:
    return TextSpan(start, end, "p", text=text)


def test_longer_mentions_are_placed_first() -> None:
    located, report = locate("Kofi Annan met Kofi.", mention("Kofi"), mention("Kofi Annan"))
    assert located == [(15, 19, "exact"), (0, 10, "exact")]
    assert not report.causes


@pytest.mark.parametrize(
    ("text", "mentions", "expected"),
    [
        ("Ama, Ama, Ama", ["Ama", "Ama"], [(0, 3, "exact"), (5, 8, "exact")]),  # the first unused one
        ("Amanda met Ama", ["Ama"], [(11, 14, "exact")]),  # whole words first
        ("ACCRA and Accra", ["Accra", "Accra"], [(10, 15, "exact"), (0, 5, "case")]),
        ("the Harbour  \n Board", ["Harbour Board"], [(4, 20, "exact")]),  # blanks do not count
        ("200mg", ["200"], [(0, 3, "exact")]),  # within a word, where no whole word is like it
        ("200mg", ["mg"], [(3, 5, "exact")]),  # begins after a digit
        ("a bus left", ["us"], []),  # begins after a letter
        ("Ama Mensa left", ["Ama Mensah"], [(0, 9, "fuzzy")]),
        ("they saw O\u2019Brien", ["O'Brien"], [(9, 16, "fuzzy")]),
        ("Ama Mensah left", ["Kofi"], []),
        ("Kofi Annan", ["Kofi Annan", "Annan"], [(0, 10, "exact"), (5, 10, "exact")]),  # a position that is taken
        ("Ama", ["Ama", "Ama"], [(0, 3, "exact"), (0, 3, "exact")]),
    ],
)
def test_mentions_without_offsets(text: str, mentions: list[str], expected: Found) -> None:
    located, report = locate(text, *map(mention, mentions))
    assert located == expected
    assert report.mentions["lost"] == len(mentions) - len(expected)


def test_the_most_similar_words_win_and_are_at_least_0_8_similar() -> None:
    # 2 * 4 / 10 characters in common are 0.8; 2 * 3 / 8 are 0.75.
    assert locate("Jhon met Johns", mention("Jonhs"))[0] == [(9, 14, "fuzzy")]
    assert locate("them", mention("then"))[0] == []
    assert locate("abcdX", mention("abcdY"))[0] == [(0, 5, "fuzzy")]
    assert locate("the bus", mention("us"))[0] == []


def test_wrong_offsets_are_found_again() -> None:
    text = "Ama met Kofi and Ama"
    located, report = locate(text, quoted(16, 19, "Ama"), quoted(8, 13, "Kofi"))
    assert located == [(17, 20, "moved"), (8, 13, "exact")]
    assert report.causes[0].describe() == (
        "repaired: span with wrong offsets, found again by its text: 1 (a:1: p 'Ama' (16-19); expected p 'Ama' (17-20))"
    )
    assert locate(text, quoted(100, 103, "Kofi"))[0] == [(8, 12, "moved")]
    assert locate(text, quoted(-1, -1, "kofi"))[0] == [(8, 12, "case")]


def test_two_occurrences_equally_near_are_ambiguous() -> None:
    located, report = locate("Ama x Ama", quoted(3, 6, "Ama"))
    assert located == []
    assert report.to_json() == {
        "sentences": 0,
        "repaired": {"span whose text was not found, left out": 1},
        "mentions": {"lost": 1},
    }


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (4, 11, [(4, 10, "trimmed")]),  # one character after the text: a line break
        (4, 12, []),
        (0, 30, []),
        (11, 12, []),
        (5, 5, []),
        (6, 5, []),
        (-3, 4, []),
    ],
)
def test_spans_outside_of_the_text(start: int, end: int, expected: Found) -> None:
    located, report = locate("Ama called", TextSpan(start, end, "p"))
    assert located == expected
    assert report.mentions == ({} if expected else {"lost": 1})
    assert sum(cause.count for cause in report.causes) == 1


@pytest.mark.parametrize(
    ("offsets", "unit"), [([(3, 6), (11, 15)], "UTF-16 code units"), ([(5, 8), (15, 19)], "UTF-8 bytes")]
)
def test_offsets_in_other_units_are_converted(offsets: list[tuple[int, int]], unit: str) -> None:
    text = "\U0001f642 Ada \u00e9t\u00e9 NATO"
    first, second = offsets
    spans = [TextSpan(*first, "p", text="Ada"), TextSpan(*second, "g", text="NATO")]
    located, report = locate(text, *spans)
    assert located == [(2, 5, "moved"), (10, 14, "moved")]
    assert report.to_json()["repaired"] == {f"span with offsets in {unit}, converted": 2}


def test_inclusive_ends_are_converted_if_most_quoted_texts_match() -> None:
    text = "Ada met NATO in Oslo"
    spans = [TextSpan(0, 2, "p", text="Ada"), TextSpan(8, 11, "g", text="NATO"), TextSpan(16, 19, "c")]
    located, report = locate(text, *spans)
    assert located == [(0, 3, "moved"), (8, 12, "moved"), (16, 20, "moved")]
    assert report.to_json()["repaired"] == {"span whose end is the offset of its last character, converted": 3}


def test_one_inclusive_end_among_right_ones_is_no_rule() -> None:
    text = "Ada met NATO in Oslo"
    spans = [TextSpan(0, 3, "p", text="Ada"), TextSpan(8, 11, "g", text="NATO"), TextSpan(16, 20, "c")]
    located, report = locate(text, *spans)
    assert located == [(0, 3, "exact"), (8, 12, "moved"), (16, 20, "exact")]
    assert report.to_json()["repaired"] == {"span with wrong offsets, found again by its text": 1}
