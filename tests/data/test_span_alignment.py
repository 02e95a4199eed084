"""Labeled spans of characters become entities of whole words."""

from __future__ import annotations

import pytest

from nlptrain.config.data import Align
from nlptrain.data.read_report import ReadReport
from nlptrain.data.span_alignment import SpanAligner
from nlptrain.data.tag_schemes import Span
from nlptrain.data.text_spans import TextSpan
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError

DOSE = "Paid 200mg to Dr.Holm"
Marks = list[tuple[int, int, str] | tuple[int, int, str, float]]


def align(
    text: str, marks: Marks, rule: Align = "expand"
) -> tuple[list[str], list[tuple[str, str]], dict[str, int], dict[str, int]]:
    """Return the words, the entities with their words, the mentions and the repairs."""
    offsets = [(word.start, word.end) for word in WordSplitter.default().split(text)]
    aligner = SpanAligner(text, offsets, rule, ReadReport(), "a:1")
    entities = [entity.span for entity in aligner.align([TextSpan(*mark) for mark in marks])]
    words = [text[start:end] for start, end in aligner.offsets]
    labeled = [(span.label, " ".join(words[span.start : span.end])) for span in entities]
    report = aligner.report.to_json()
    return words, labeled, report.get("mentions", {}), report.get("repaired", {})


def test_exact_spans_are_no_faults() -> None:
    _, entities, mentions, repaired = align("Ada met Eve.", [(8, 11, "p"), (0, 3, "p")])
    assert entities == [("p", "Ada"), ("p", "Eve")]
    assert (mentions, repaired) == ({"exact": 2}, {})


@pytest.mark.parametrize("blank", [" ", "\t", "\n", "\u00a0", "\u200b", "\ufeff", "\u2060", " \u200b\u00a0"])
def test_blanks_at_the_ends_are_trimmed(blank: str) -> None:
    text, size = f"to {blank}Ada{blank} now", len(blank)
    words, entities, mentions, repaired = align(text, [(3, 6 + 2 * size, "p")])
    assert [word.strip("\u200b\ufeff\u2060") for word in words] == ["to", "Ada", "now"]
    assert entities == [("p", words[1])]
    assert mentions == {"trimmed": 1}
    assert repaired == {"span that begins or ends with blanks, trimmed": 1}


def test_characters_of_no_width_at_the_end_of_a_word_are_not_cut() -> None:
    """The word splitter has a zero-width space as part of the word before it."""
    words, entities, mentions, _ = align("Ada\u200b left", [(0, 3, "p")], "strict")
    assert (words, entities, mentions) == (["Ada\u200b", "left"], [("p", "Ada\u200b")], {"exact": 1})


@pytest.mark.parametrize("mark", [(3, 4, "p"), (2, 2, "p"), (3, 5, "p")])
def test_spans_without_a_word_are_left_out(mark: tuple[int, int, str]) -> None:
    _, entities, mentions, repaired = align("Ada  sings", [mark])
    assert entities == []
    assert (mentions, repaired) == ({"lost": 1}, {"span without a word, left out": 1})


@pytest.mark.parametrize(
    ("rule", "words", "entities", "mentions", "repaired"),
    [
        (
            "expand",
            ["Paid", "200mg", "to", "Dr", ".", "Holm"],
            [("NUM", "200mg"), ("PER", "Holm")],
            {"expanded": 1, "overlap": 1, "exact": 1},
            {"span that cuts a word, expanded": 2, "span that overlaps another entity, left out": 1},
        ),
        (
            "contract",
            ["Paid", "200mg", "to", "Dr", ".", "Holm"],
            [("PER", "Holm")],
            {"lost": 2, "exact": 1},
            {"span that cuts a word, left out": 2},
        ),
        (
            "split",
            ["Paid", "200", "mg", "to", "Dr", ".", "Holm"],
            [("NUM", "200"), ("UNIT", "mg"), ("PER", "Holm")],
            {"split": 2, "exact": 1},
            {"word that a span cuts, split": 2},
        ),
        (
            "skip",
            ["Paid", "200mg", "to", "Dr", ".", "Holm"],
            [("PER", "Holm")],
            {"lost": 2, "exact": 1},
            {"span that cuts a word, left out": 2},
        ),
    ],
)
def test_two_spans_that_cut_one_word(
    rule: Align, words: list[str], entities: list[tuple[str, str]], mentions: dict[str, int], repaired: dict[str, int]
) -> None:
    marks: Marks = [(5, 8, "NUM"), (8, 10, "UNIT"), (17, 21, "PER")]
    assert align(DOSE, marks, rule) == (words, entities, mentions, repaired)


def test_a_span_that_cuts_a_word_is_a_fault_if_the_rule_is_strict() -> None:
    with pytest.raises(
        InputError,
        match=r"a:1: NUM '200' \(5-8\) cuts the word '200mg' \(5-10\); expected whole words, e\.g\. NUM '200mg'",
    ):
        align(DOSE, [(5, 8, "NUM")], "strict")


@pytest.mark.parametrize(
    ("rule", "entities", "mentions"),
    [
        ("expand", [("p", "Ada Lovelace Byron")], {"expanded": 1}),
        ("contract", [("p", "Lovelace")], {"contracted": 1}),
        ("split", [("p", "da Lovelace By")], {"split": 1}),
        ("skip", [], {"lost": 1}),
    ],
)
def test_a_span_that_cuts_its_first_and_last_word(
    rule: Align, entities: list[tuple[str, str]], mentions: dict[str, int]
) -> None:
    _, result, counts, repaired = align("Ada Lovelace Byron", [(1, 15, "p")], rule)
    assert (result, counts) == (entities, mentions)
    assert sum(repaired.values()) == 1


def test_equal_spans_are_one_with_the_higher_score() -> None:
    offsets = [(0, 3), (4, 9)]
    aligner = SpanAligner("Ada sings", offsets, "expand", ReadReport(), "a:1")
    marks = [TextSpan(0, 3, "p", 0.4), TextSpan(0, 3, "p", 0.6), TextSpan(0, 4, "p")]
    assert aligner.align(marks) == [(Span("p", 0, 1), 0.6)]
    assert aligner.report.mentions == {"exact": 1, "duplicate": 2}
    assert aligner.report.to_json()["repaired"]["span that is there twice, merged"] == 2


@pytest.mark.parametrize(
    ("marks", "winner"),
    [
        ([(0, 8, "a"), (4, 17, "b")], ("b", "Lake Victoria")),  # longer
        ([(0, 3, "a"), (0, 8, "b")], ("b", "New Lake")),  # nested
        ([(0, 3, "a", 0.9), (0, 8, "b", 0.8)], ("a", "New")),  # higher score
        ([(0, 3, "a", 0.9), (0, 8, "b")], ("b", "New Lake")),  # no score ranks as 1
        ([(0, 3, "a", 1.0), (0, 8, "b")], ("b", "New Lake")),
        ([(0, 3, "a"), (0, 3, "b")], ("a", "New")),  # first
        ([(0, 3, "a", 0.2), (0, 3, "b", 0.3)], ("b", "New")),
    ],
)
def test_the_winner_of_an_overlap(marks: Marks, winner: tuple[str, str]) -> None:
    _, entities, mentions, repaired = align("New Lake Victoria", marks)
    assert entities == [winner]
    assert mentions["overlap"] == 1
    assert repaired["span that overlaps another entity, left out"] == 1


def test_a_chain_of_overlaps_loses_only_those_that_touch_the_winner() -> None:
    text = "a b c d e"
    _, entities, mentions, _ = align(text, [(0, 3, "x"), (2, 7, "y"), (6, 9, "z"), (8, 9, "w")])
    assert entities == [("y", "b c d"), ("w", "e")]
    assert mentions == {"exact": 2, "overlap": 2}


@pytest.mark.parametrize("rule", ["expand", "contract", "split", "skip", "strict"])
def test_words_in_scripts_without_spaces_are_always_cut(rule: Align) -> None:
    text = "\u30c8\u30e8\u30bf\u30bb\u30f3\u30bf\u30fc"  # two Katakana names without a space
    words, entities, mentions, repaired = align(text, [(0, 3, "ORG")], rule)
    assert words == ["\u30c8\u30e8\u30bf", "\u30bb\u30f3\u30bf\u30fc"]
    assert entities == [("ORG", "\u30c8\u30e8\u30bf")]
    assert (mentions, repaired) == ({"exact": 1}, {})
