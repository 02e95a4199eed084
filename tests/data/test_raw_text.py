"""Raw text: what is used, what is cut, what is left out, and that all of it is counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptrain.data.raw_text import RawCounts, cut, read_raw
from nlptrain.data.sentence import Sentence, digest
from nlptrain.errors import InputError


class Spaces:
    """Cuts at white space, in the word splitter's place."""

    def words(self, text: str) -> tuple[str, ...]:
        """The parts between white space."""
        return tuple(text.split())


def _read(
    path: Path, text: str, min_words: int = 2, max_words: int = 8, held_out: frozenset[bytes] = frozenset()
) -> tuple[list[str], RawCounts]:
    path.write_text(text, encoding="utf-8")
    counts = RawCounts()
    limits = {"min_words": min_words, "max_words": max_words}
    sentences = list(read_raw([path], Spaces(), **limits, held_out=held_out, counts=counts))
    assert all(sentence.tags is None for sentence in sentences)
    return [" ".join(sentence.words) for sentence in sentences], counts


def test_everything_is_counted(tmp_path: Path) -> None:
    """Blank and short lines, repeats and held-out sentences are left out; the rest is used in its order."""
    text = "a b c\n\n \none\na  b c\nd e\nx y z\n1 2 3 4 . 5 6 7 8 .\n"
    sentences, counts = _read(tmp_path / "a.txt", text, held_out=frozenset({digest(("x", "y", "z"))}))
    assert sentences == ["a b c", "d e", "1 2 3 4 .", "5 6 7 8 ."]
    assert counts == RawCounts(2, 8, 8, blank=2, short=1, cut=1, parts=2, repeats=1, held_out=1, sentences=4, words=15)
    assert counts.describe() == (
        "8 lines: 4 sentences of 15 words used; left out 2 blank, 1 of fewer than 2 words, 1 repeat, "
        "1 that stand in dev or test; 1 line of more than 8 words cut in 2"
    )


def test_description_leaves_out_what_did_not_happen() -> None:
    """Thousands have a comma."""
    counts = RawCounts(4, 80, 89_843, short=3_901, repeats=842, cut=12, parts=30, sentences=85_100, words=1_160_000)
    assert counts.describe() == (
        "89,843 lines: 85,100 sentences of 1,160,000 words used; left out 3,901 of fewer than 4 words, 842 repeats; "
        "12 lines of more than 80 words cut in 30"
    )
    assert RawCounts(lines=1, sentences=1, words=4).describe() == "1 line: 1 sentence of 4 words used"


def test_sentences_know_their_lines_and_repeats_span_files(tmp_path: Path) -> None:
    """What stands in one file is a repeat in the next."""
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path in paths:
        path.write_text("short\nthe same words\n")
    assert list(read_raw(paths, Spaces(), min_words=2, max_words=8)) == [
        Sentence(("the", "same", "words"), None, f"{paths[0]}:2")
    ]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("a b c d e f g h", ["a b c d e f g h"]),  # not too long
        ("a . b c . d e f g h i", ["a . b c .", "d e f g h i"]),  # the last end in reach
        ("a b c d e f g h i j k", ["a b c d e f g h", "i j k"]),  # no end
        ("a b c d e f g h i", ["a b c d e f g", "h i"]),  # a tail of one word would be left out
        ('a b c . " ) d e f g h i', ['a b c . " )', "d e f g h i"]),  # closing marks go with their sentence
        ('a b c d." e f g h i', ['a b c d."', "e f g h i"]),  # words that were not split from their marks
        ("a b c ?! e \u3002 f g h i", ["a b c ?! e \u3002", "f g h i"]),
        ("a b c d \u2026 \u201d f g h i", ["a b c d \u2026 \u201d", "f g h i"]),
        (". a b c d e f g h i", [". a b c d e f g", "h i"]),  # an end that would leave too short a part
        ("a b . c d e f g . h", ["a b .", "c d e f g . h"]),
    ],
)
def test_long_lines_are_cut_behind_sentences(words: str, parts: list[str]) -> None:
    """In parts of 2 to 8 words."""
    assert [" ".join(part) for part in cut(tuple(words.split()), 2, 8)] == parts


@given(
    st.lists(st.sampled_from(["a", "b.", ".", '"', "!"]), max_size=60),
    st.integers(1, 8),
    st.integers(8, 20),
)
def test_cutting_loses_nothing(words: list[str], min_words: int, max_words: int) -> None:
    """The parts are the words again; none is too long, and, where twice the least fits the most, none too short."""
    parts = list(cut(tuple(words), min_words, max_words))
    assert [word for part in parts for word in part] == words
    assert all(len(part) <= max_words for part in parts)
    if 2 * min_words <= max_words + 1 and len(words) >= min_words:
        assert all(len(part) >= min_words for part in parts)


def test_limits_that_leave_nothing_are_refused(tmp_path: Path) -> None:
    """Before a line is read."""
    with pytest.raises(InputError, match=r"^data\.min_words: found 9; it cannot be more than data\.max_words, 8$"):
        _read(tmp_path / "a.txt", "a", min_words=9)
