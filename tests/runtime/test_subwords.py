"""ASCII words that skip the tokenizer have the subwords of the tokenizer."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from nlptrain_runtime.subwords import SubwordTokenizer, ascii_subwords
from tests.helpers.exports import ODD
from tests.helpers.splitter_cases import CASES

LETTERS = [chr(code) for code in range(ord("!"), ord("~") + 1)]
SPECIALS = ["[UNK]", "[SEP]", "<mask>"]


def bert_like(*, lowercase: bool = True, specials: list[str] = SPECIALS, most: int = 100) -> Tokenizer:
    vocabulary = [*SPECIALS, *LETTERS, *(f"##{letter}" for letter in LETTERS if letter not in "xyz7")]
    vocabulary += ["ada", "Ada", "##ing", "lond", "##on", "st", "##st", "\u00e9", "\ufe0f\u200d"]
    model = models.WordPiece(
        vocab={token: index for index, token in enumerate(dict.fromkeys(vocabulary))},
        unk_token="[UNK]",
        max_input_chars_per_word=most,
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens([AddedToken(special, special=True) for special in specials])
    return tokenizer


TOKENIZERS = [bert_like(), bert_like(lowercase=False, most=6)]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(
    st.lists(st.one_of(st.text("aAdolsting.@#-_[]<>SEP7x", min_size=1, max_size=12), st.text(min_size=1, max_size=6)))
)
def test_they_are_those_of_the_tokenizer(tokenizer, words):
    short, long = (
        SubwordTokenizer(tokenizer, space="", unknown=0, together=True, shortcut=first_item)
        for first_item in (True, False)
    )
    for actual, wanted in zip(short(words), long(words), strict=True):
        assert np.array_equal(actual, wanted)


def test_words_of_real_text_and_what_is_odd():
    words = [
        *(word for text in ODD for word in text.split()),
        *(word for case in CASES for word in case["text"].split()),
        *SPECIALS,
    ]
    for tokenizer in TOKENIZERS:
        bare = ascii_subwords(tokenizer)
        assert bare is not None
        assert bare("London,") is not None
        assert bare("[SEP]") is None
        short, long = (
            SubwordTokenizer(tokenizer, space="", unknown=0, together=False, shortcut=first_item)
            for first_item in (True, False)
        )
        for actual, wanted in zip(short(words), long(words), strict=True):
            assert np.array_equal(actual, wanted)


def test_tokenizers_of_which_less_is_known_are_always_asked(tmp_path: Path):
    assert ascii_subwords(bert_like(specials=[*SPECIALS, "mask"])) is None  # "masked" contains it
    other = bert_like()
    other.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    assert ascii_subwords(other) is None
    other = bert_like()
    other.pre_tokenizer = pre_tokenizers.Whitespace()
    assert ascii_subwords(other) is None
    assert ascii_subwords(Tokenizer(models.BPE())) is None
