"""Texts split part by part have the words that the splitter finds in the whole text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptrain.data.word_splitter import WordSplitter
from nlptrain_runtime.arrays import GrowableArray, GrowableLists, pad_lists, ranges
from nlptrain_runtime.token_cache import _WORD_AND_MARK, TokenCache
from tests.helpers.exports import ODD
from tests.helpers.splitter_cases import CASES, FRAGMENTS

SPLITTER = WordSplitter.default()
MORE = [
    "A.",
    "B. ",
    "X.a",
    "\x00",
    "\x01 ",
    "\x85",
    "\x1f",
    "_",
    "Q. \x02",
    "@a_b",
    "http://a.b/c",
    "https://t.co/x.",
    "U.S.",
    " ",
    " ",
    ".",
]
TEXTS = st.one_of(st.lists(st.sampled_from(FRAGMENTS + MORE), max_size=15).map("".join), st.text(max_size=30))


class Words:
    """Features that are the words themselves."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def __len__(self) -> int:
        return len(self.words)

    def extend(self, words):
        self.words += words


class Spelling:
    """What reads words as they are."""

    batch_words = 3

    def empty(self) -> Words:
        return Words()

    def extract(self, words):
        return (words,)


def token_cache(splitter: WordSplitter = SPLITTER, max_words: int = 1000) -> TokenCache:
    return TokenCache(splitter, Spelling(), max_words=max_words)


def check(reader: TokenCache, texts: list[str], splitter: WordSplitter = SPLITTER) -> None:
    read = reader.encode_texts(texts)
    wanted = [splitter.split(text) for text in texts]
    assert read.counts.tolist() == [len(words) for words in wanted]
    assert [read.features.words[index] for index in read.words] == [word.text for words in wanted for word in words]
    offsets = read.offsets(texts, np.ones(len(texts), dtype=bool))
    assert offsets.tolist() == [[word.start, word.end] for words in wanted for word in words]


@pytest.mark.slow
@settings(max_examples=400)
@given(st.lists(st.lists(TEXTS, max_size=4), min_size=1, max_size=3))
def test_words_and_offsets_equal_those_of_the_whole_text(blocks):
    reader = token_cache(max_words=10)  # it forgets all, again and again
    for texts in blocks:
        check(reader, texts)


@pytest.mark.slow
@settings(max_examples=400)
@given(st.from_regex(r"\A(?:[A-Za-z0-9]+|[@#][A-Za-z0-9_]+|https?://[!#-;=?-~]*[A-Za-z0-9])\Z"))
def test_what_is_taken_for_one_word_is_one(part):
    assert SPLITTER.words(part) == (part,)


@pytest.mark.slow
@given(st.from_regex(_WORD_AND_MARK, fullmatch=True))
def test_what_is_taken_for_a_word_and_a_mark_is_that(part):
    cut = len(part) - 1
    assert SPLITTER.split_tuples(part) == [(part[:cut], (0, cut)), (part[cut], (cut, cut + 1))]


def test_every_case_of_the_splitter_and_what_is_odd():
    reader = token_cache()
    texts = [*(case["text"] for case in CASES), *ODD]
    for _ in range(2):
        check(reader, texts)
    check(reader, [" ".join(texts)])


@pytest.mark.parametrize("splitter", [WordSplitter.pretokenized(), WordSplitter(7, r"[a-z ]+|\S", "words with blanks")])
def test_other_splitters_are_followed_to_the_letter(splitter):
    reader = token_cache(splitter)
    check(reader, ["a b c, d", "", "A. Smith x.com", "  a"], splitter)


def test_halves_of_surrogate_pairs_are_read_as_what_is_not_known():
    reader = token_cache()
    text = "Ada \ud83d lives"
    read = reader.encode_texts([text])
    assert [read.features.words[index] for index in read.words] == ["Ada", "\ufffd", "lives"]
    assert read.offsets([text], np.array([True])).tolist() == [[0, 3], [4, 5], [6, 11]]
    read = reader.encode_words([["a\udc00"]])
    assert read.features.words[read.words[0]] == "a\ufffd"


def test_given_words_have_the_same_ids_as_those_of_texts():
    reader = token_cache()
    first = reader.encode_texts(["Ada lives"])
    read = reader.encode_words([["lives", "x y"], [], ["Ada"]])
    assert read.counts.tolist() == [2, 0, 1]
    assert [read.features.words[index] for index in read.words] == ["lives", "x y", "Ada"]
    assert read.words[2] == first.words[0]


def test_memory_is_bounded():
    reader = token_cache(max_words=100)
    for start in range(0, 5_000, 50):
        read = reader.encode_texts([f"word{start + index}" for index in range(50)])
        assert len(read.features) <= 150


def test_enormous_words_are_forgotten_sooner():
    reader = token_cache(max_words=100)
    for index in range(20):
        read = reader.encode_texts([f"{index}-" + "x" * 4_000])
        assert sum(map(len, read.features.words)) < 20_000


def test_arrays_grow_and_what_was_taken_stays():
    rows = GrowableArray((2,), np.float32)
    rows.extend(np.ones((1000, 2)))
    taken = rows.values
    rows.extend(np.zeros((3000, 2)))
    assert taken.shape == (1000, 2)
    assert taken.all()
    assert rows.values.sum() == 2000
    pairs = GrowableLists((2,))
    pairs.extend(np.array([[1, 2], [3, 4], [5, 6]]), np.array([1, 2]))
    assert pairs.concatenate(np.array([1, 0]))[0].tolist() == [[3, 4], [5, 6], [1, 2]]
    lists = GrowableLists()
    lists.extend([1, 2, 3], np.array([2, 0, 1]))
    lists.extend([4], np.array([1]))
    flat, sizes = lists.concatenate(np.array([3, 0, 1, 0]))
    assert (flat.tolist(), sizes.tolist()) == ([4, 1, 2, 1, 2], [1, 2, 0, 2])
    assert lists.total == 4
    assert pad_lists(np.array([1, 2, 3, 4]), np.array([3, 0, 1]), max_length=2).tolist() == [[1, 2], [-1, -1], [4, -1]]
    assert pad_lists(np.array([1, 2, 3, 4]), np.array([3, 1]), max_length=5).tolist() == [[1, 2, 3], [4, -1, -1]]
    assert ranges(np.array([5, 0, 9]), np.array([2, 0, 1])).tolist() == [5, 6, 9]
