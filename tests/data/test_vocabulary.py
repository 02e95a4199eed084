"""Vocabularies: rows, shapes and characters of words."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptrain.data.vocabulary import PADDING, SHAPES, UNKNOWN, Vocabulary, word_shape
from nlptrain.errors import InputError

COUNTS = Counter({"the": 5, "The": 2, "Oslo": 3, "oslo": 1, "rare": 1, "b": 3, "a": 3})


def test_words_are_sorted_by_decreasing_count_and_then_by_name() -> None:
    cased = Vocabulary.collect(COUNTS, min_count=2, lowercase=False)
    assert cased.words == ("the", "Oslo", "a", "b", "The")
    assert [cased.id_of(word) for word in ("the", "The", "oslo", "rare")] == [2, 6, UNKNOWN, UNKNOWN]
    assert len(cased) == 7
    assert PADDING == 0


def test_case_variants_are_counted_together() -> None:
    lower = Vocabulary.collect(COUNTS, min_count=4, lowercase=True)
    assert lower.words == ("the", "oslo")
    assert lower.id_of("OSLO") == lower.id_of("oslo") == 3
    assert Vocabulary.collect(COUNTS, min_count=1, max_size=1, lowercase=True).words == ("the",)


@given(st.text(max_size=12))
def test_every_word_has_a_shape_a_row_and_characters(word: str) -> None:
    vocabulary = Vocabulary.collect({word: 2}, min_count=1, lowercase=True)
    assert 0 <= vocabulary.word_shape(word) < len(SHAPES)
    assert vocabulary.id_of(word) == 2  # also where lower() has more code points, as of a capital I with a dot
    assert vocabulary.characters(word, 12) == [ord(character) for character in word]


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("sings", "lower case"),
        ("Ada", "Initial upper"),
        ("I", "Initial upper"),
        ("NATO", "ALL UPPER"),
        ("iPhone", "miXed case"),
        ("\u6771\u4eac", "letters without case"),
        ("2026", "digits"),
        ("\u0664\u0662", "digits"),
        ("4th", "digits and letters"),
        ("3.5", "digits and marks"),
        ("@ada", "letters and marks"),
        ("e\u0301", "lower case"),
        ("!?", "marks"),
        ("\U0001f642", "marks"),
        ("\ufe0f", "other"),
        ("\x00", "other"),
        ("", "other"),
    ],
)
def test_word_shapes(word: str, shape: str) -> None:
    assert SHAPES[word_shape(word)] == shape


def test_the_middle_of_a_long_word_is_omitted() -> None:
    vocabulary = Vocabulary((), lowercase=False)
    assert "".join(map(chr, vocabulary.characters("abcdefghij", 5))) == "abcij"
    assert "".join(map(chr, vocabulary.characters("abcdefghij", 4))) == "abij"


def test_a_saved_vocabulary_is_the_same_after_loading(tmp_path: Path) -> None:
    vocabulary = Vocabulary(("a b", "\u2028", "\U0001f642", '"'), lowercase=True)
    vocabulary.save(tmp_path)
    assert Vocabulary.load(tmp_path) == vocabulary
    assert Vocabulary.load(tmp_path).describe() == vocabulary.describe()
    assert Vocabulary(("a b",), lowercase=True).describe() != vocabulary.describe()
    path = tmp_path / "words.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(InputError, match=r"words\.json: found version 2; expected 1"):
        Vocabulary.load(tmp_path)
    path.write_text("{}")
    with pytest.raises(InputError, match=r"words\.json: damaged"):
        Vocabulary.load(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"words\.json: missing"):
        Vocabulary.load(tmp_path)
