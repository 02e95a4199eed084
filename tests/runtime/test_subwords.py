"""The shortcut for ASCII words returns the subwords of the tokenizer."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from nlptrain_runtime.subwords import SubwordTokenizer, ascii_subwords
from tests.helpers.small_models import DIFFICULT_TEXTS
from tests.helpers.splitter_cases import CASES

LETTERS = [chr(code) for code in range(ord("!"), ord("~") + 1)]
SPECIALS = ["[UNK]", "[SEP]", "<mask>"]


def bert_like(*, lowercase: bool = True, specials: list[str] = SPECIALS, max_characters: int = 100) -> Tokenizer:
    vocabulary = [*SPECIALS, *LETTERS, *(f"##{letter}" for letter in LETTERS if letter not in "xyz7")]
    vocabulary += ["ada", "Ada", "##ing", "lond", "##on", "st", "##st", "\u00e9", "\ufe0f\u200d"]
    model = models.WordPiece(
        vocab={token: index for index, token in enumerate(dict.fromkeys(vocabulary))},
        unk_token="[UNK]",
        max_input_chars_per_word=max_characters,
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens([AddedToken(special, special=True) for special in specials])
    return tokenizer


TOKENIZERS = [bert_like(), bert_like(lowercase=False, max_characters=6)]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(
    st.lists(st.one_of(st.text("aAdolsting.@#-_[]<>SEP7x", min_size=1, max_size=12), st.text(min_size=1, max_size=6)))
)
def test_ascii_words_have_the_subwords_of_the_tokenizer(tokenizer, words):
    shortcut_tokenizer, full_tokenizer = (
        SubwordTokenizer(tokenizer, space="", unknown=0, encodes_together=True, has_shortcut=has_shortcut)
        for has_shortcut in (True, False)
    )
    for subwords, expected in zip(shortcut_tokenizer(words), full_tokenizer(words), strict=True):
        assert np.array_equal(subwords, expected)


def test_example_words_have_the_subwords_of_the_tokenizer():
    words = [
        *(word for text in DIFFICULT_TEXTS for word in text.split()),
        *(word for case in CASES for word in case["text"].split()),
        *SPECIALS,
    ]
    for tokenizer in TOKENIZERS:
        ascii_tokenizer = ascii_subwords(tokenizer)
        assert ascii_tokenizer is not None
        assert ascii_tokenizer("London,") is not None
        assert ascii_tokenizer("[SEP]") is None
        shortcut_tokenizer, full_tokenizer = (
            SubwordTokenizer(tokenizer, space="", unknown=0, encodes_together=False, has_shortcut=has_shortcut)
            for has_shortcut in (True, False)
        )
        for subwords, expected in zip(shortcut_tokenizer(words), full_tokenizer(words), strict=True):
            assert np.array_equal(subwords, expected)


def test_no_shortcut_for_other_tokenizers(tmp_path: Path):
    assert ascii_subwords(bert_like(specials=[*SPECIALS, "mask"])) is None  # "masked" contains it
    tokenizer = bert_like()
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    assert ascii_subwords(tokenizer) is None
    tokenizer = bert_like()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    assert ascii_subwords(tokenizer) is None
    assert ascii_subwords(Tokenizer(models.BPE())) is None
