"""The token cache, which splits texts part by part, returns the words of the splitter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptrain.data.word_splitter import WordSplitter
from nlptrain_runtime.arrays import GrowableArray, GrowableLists, pad_lists, ranges
from nlptrain_runtime.token_cache import _WORD_AND_MARK, TokenCache
from tests.helpers.small_models import DIFFICULT_TEXTS
from tests.helpers.splitter_cases import CASES, FRAGMENTS

SPLITTER = WordSplitter.default()
MORE_FRAGMENTS = [
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
TEXTS = st.one_of(st.lists(st.sampled_from(FRAGMENTS + MORE_FRAGMENTS), max_size=15).map("".join), st.text(max_size=30))


class WordList:
    """Feature store that keeps the words."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def __len__(self) -> int:
        return len(self.words)

    def extend(self, words):
        self.words += words


class WordsAsFeatures:
    """Featurizer that returns the words themselves."""

    batch_words = 3

    def empty(self) -> WordList:
        return WordList()

    def extract(self, words):
        return (words,)


def token_cache(splitter: WordSplitter = SPLITTER, max_words: int = 1000) -> TokenCache:
    return TokenCache(splitter, WordsAsFeatures(), max_words=max_words)


def check(cache: TokenCache, texts: list[str], splitter: WordSplitter = SPLITTER) -> None:
    encoded = cache.encode_texts(texts)
    expected = [splitter.split(text) for text in texts]
    assert encoded.counts.tolist() == [len(words) for words in expected]
    assert [encoded.features.words[index] for index in encoded.words] == [
        word.text for words in expected for word in words
    ]
    offsets = encoded.offsets(texts, np.ones(len(texts), dtype=bool))
    assert offsets.tolist() == [[word.start, word.end] for words in expected for word in words]


@pytest.mark.slow
@settings(max_examples=400)
@given(st.lists(st.lists(TEXTS, max_size=4), min_size=1, max_size=3))
def test_words_and_offsets_equal_those_of_the_splitter(blocks):
    cache = token_cache(max_words=10)  # small, so that it is emptied often
    for texts in blocks:
        check(cache, texts)


@pytest.mark.slow
@settings(max_examples=400)
@given(st.from_regex(r"\A(?:[A-Za-z0-9]+|[@#][A-Za-z0-9_]+|https?://[!#-;=?-~]*[A-Za-z0-9])\Z"))
def test_the_single_word_pattern_matches_single_words(part):
    assert SPLITTER.words(part) == (part,)


@pytest.mark.slow
@given(st.from_regex(_WORD_AND_MARK, fullmatch=True))
def test_the_word_and_mark_pattern_matches_a_word_and_a_mark(part):
    cut = len(part) - 1
    assert SPLITTER.split_tuples(part) == [(part[:cut], (0, cut)), (part[cut], (cut, cut + 1))]


def test_example_texts_equal_those_of_the_splitter():
    cache = token_cache()
    texts = [*(case["text"] for case in CASES), *DIFFICULT_TEXTS]
    for _ in range(2):
        check(cache, texts)
    check(cache, [" ".join(texts)])


@pytest.mark.parametrize("splitter", [WordSplitter.pretokenized(), WordSplitter(7, r"[a-z ]+|\S", "words with blanks")])
def test_other_splitters_are_used_as_they_are(splitter):
    cache = token_cache(splitter)
    check(cache, ["a b c, d", "", "A. Smith x.com", "  a"], splitter)


def test_lone_surrogates_become_replacement_characters():
    cache = token_cache()
    text = "Ada \ud83d lives"
    encoded = cache.encode_texts([text])
    assert [encoded.features.words[index] for index in encoded.words] == ["Ada", "\ufffd", "lives"]
    assert encoded.offsets([text], np.array([True])).tolist() == [[0, 3], [4, 5], [6, 11]]
    encoded = cache.encode_words([["a\udc00"]])
    assert encoded.features.words[encoded.words[0]] == "a\ufffd"


def test_words_have_the_same_ids_in_texts_and_in_lists():
    cache = token_cache()
    first = cache.encode_texts(["Ada lives"])
    encoded = cache.encode_words([["lives", "x y"], [], ["Ada"]])
    assert encoded.counts.tolist() == [2, 0, 1]
    assert [encoded.features.words[index] for index in encoded.words] == ["lives", "x y", "Ada"]
    assert encoded.words[2] == first.words[0]


def test_the_number_of_cached_words_is_limited():
    cache = token_cache(max_words=100)
    for start in range(0, 5_000, 50):
        encoded = cache.encode_texts([f"word{start + index}" for index in range(50)])
        assert len(encoded.features) <= 150


def test_the_size_of_cached_words_is_limited():
    cache = token_cache(max_words=100)
    for index in range(20):
        encoded = cache.encode_texts([f"{index}-" + "x" * 4_000])
        assert sum(map(len, encoded.features.words)) < 20_000


def test_growable_arrays_keep_earlier_values():
    rows = GrowableArray((2,), np.float32)
    rows.extend(np.ones((1000, 2)))
    earlier_values = rows.values
    rows.extend(np.zeros((3000, 2)))
    assert earlier_values.shape == (1000, 2)
    assert earlier_values.all()
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
