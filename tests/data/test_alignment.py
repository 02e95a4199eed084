"""Words and subwords: one alignment for all tokenizers, compared with their own."""

import builtins
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from nlptrain.data.alignment import WordEncoder
from nlptrain.errors import InputError
from tests.helpers.architectures import ARCHITECTURES, FAST, SLOW

ODD = [
    "\ufe0f",
    "x" * 500,
    "a\x00b",
    "\U0001f642",
    "e\u0301",
    "\u200f\u05d0",
    "\u6771\u4eac",
    "\u2581",
    "<s>",
    "\u00a0",
]
WORD = st.one_of(st.sampled_from(ODD + ["Ada", "lives", "in", "Oslo", "don't"]), st.text(min_size=1, max_size=8))
Load = Callable[[str], PreTrainedTokenizerBase]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Return a function that loads the tokenizer of an architecture."""
    folder = tmp_path_factory.mktemp("families")
    loaded: dict[str, PreTrainedTokenizerBase] = {}

    def by_name(name: str) -> PreTrainedTokenizerBase:
        if name not in loaded:
            ARCHITECTURES[name](folder / name)
            options = {"language": "fr"} if name == "xlm-multilingual" else {}
            loaded[name] = AutoTokenizer.from_pretrained(folder / name, add_prefix_space=True, **options)
        return loaded[name]

    return by_name


@pytest.mark.slow
@pytest.mark.parametrize("name", FAST)
@settings(max_examples=60, deadline=None)
@given(words=st.lists(WORD, min_size=1, max_size=8))
def test_words_have_the_subwords_of_a_fast_tokenizer(load: Load, name: str, words: list[str]) -> None:
    tokenizer = load(name)
    encoder = WordEncoder(tokenizer)
    encoded = tokenizer([encoder.space + word for word in words], is_split_into_words=True, truncation=False)
    ids, word_ids = encoded["input_ids"], encoded.word_ids()
    expected = [tuple(ids[i] for i, of in enumerate(word_ids) if of == word_id) for word_id in range(len(words))]
    assert encoder(words) == [subwords or (tokenizer.unk_token_id,) for subwords in expected]
    inside = [i for i, word_id in enumerate(word_ids) if word_id is not None]
    if inside:
        assert encoder.prefix == ids[: inside[0]]
        assert encoder.suffix == ids[inside[-1] + 1 :]


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
@settings(max_examples=40, deadline=None)
@given(words=st.lists(WORD, min_size=1, max_size=6))
def test_words_have_the_subwords_of_a_slow_tokenizer(load: Load, name: str, words: list[str]) -> None:
    tokenizer = load(name)
    encoder = WordEncoder(tokenizer)
    french = name == "xlm-multilingual"
    for word, subwords in zip(words, encoder(words), strict=True):
        special = word in tokenizer.all_special_tokens
        tokens = tokenizer._tokenize(word, lang="fr") if french and not special else tokenizer.tokenize(word)
        alone = tokenizer.convert_tokens_to_ids(tokens)
        assert list(subwords) == (alone or [tokenizer.unk_token_id])
    whole = [subword for subwords in encoder(words) for subword in subwords]
    assert encoder.prefix + whole + encoder.suffix == tokenizer.build_inputs_with_special_tokens(whole)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_word_has_a_subword_and_is_encoded_once(load: Load, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = WordEncoder(load(name))
    first = encoder(ODD)
    assert all(first)
    monkeypatch.setattr(encoder, "_encode", lambda words: pytest.fail(f"{words} again"))
    assert encoder(ODD[::-1]) == first[::-1]


def test_special_tokens_are_placed_by_the_architecture(load: Load) -> None:
    encoders = {name: WordEncoder(load(name)) for name in ("bert", "xlnet", "xlm")}
    tokens = {
        name: [load(name).convert_ids_to_tokens(part) for part in (encoder.prefix, encoder.suffix)]
        for name, encoder in encoders.items()
    }
    assert tokens == {"bert": [["[CLS]"], ["[SEP]"]], "xlnet": [[], ["<sep>", "<cls>"]], "xlm": [["<s>"], ["</s>"]]}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_words_have_the_subwords_that_follow_a_space(load: Load, name: str) -> None:
    tokenizer = load(name)
    encoder = WordEncoder(tokenizer)
    words = ["Ada", "lives", "in", "Paris", ",", "says", "Boris", "Smith", "!"]
    text = tokenizer.convert_tokens_to_ids(tokenizer.tokenize(" ".join(["in", *words])))
    after_a_word = text[len(tokenizer.tokenize("in")) :]  # at its start, ModernBERT's has no space
    assert [subword for subwords in encoder(words) for subword in subwords] == after_a_word
    assert encoder(["lives"]) == encoder(words)[1:2]


def test_a_space_is_added_if_the_tokenizer_adds_none(load: Load) -> None:
    spaces = {name: WordEncoder(load(name)).space for name in ARCHITECTURES}
    assert [name for name, space in spaces.items() if space] == ["modernbert"]
    tokenizer = load("modernbert")
    (subwords,) = WordEncoder(tokenizer)(["lives"])
    assert tokenizer.convert_ids_to_tokens(subwords) == ["\u0120liv", "es"]
    bare = tokenizer(["lives"], is_split_into_words=True, add_special_tokens=False)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(bare) == ["l", "i", "v", "es"]


@pytest.mark.parametrize("scheme", ["always", "first", "never"])
def test_a_word_does_not_depend_on_its_position(scheme: str) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.Unigram([("<unk>", 0.0), ("\u2581", -2.0), ("\u2581a", -3.0), ("a", -3.0)], unk_id=0))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>")
    # The text "a a" ends in "\u2581a" (id 2) whatever the scheme; alone, "never" would make it "a" (id 3).
    assert tokenizer("a a")["input_ids"][-1] == 2
    assert WordEncoder(tokenizer)(["a", "a", "a"]) == [(2,), (2,), (2,)]


def test_words_are_split_by_the_rules_of_the_language(tmp_path: Path) -> None:
    ARCHITECTURES["xlm-multilingual"](tmp_path)
    tokens = {}
    for language in (None, "en", "fr"):
        tokenizer = AutoTokenizer.from_pretrained(tmp_path, **({"language": language} if language else {}))
        (subwords,) = WordEncoder(tokenizer)(["l'ami"])
        tokens[language] = tokenizer.convert_ids_to_tokens(list(subwords))
        assert "_tokenize" not in vars(tokenizer)  # it is unchanged
    # Moses joins the apostrophe with the next letter in English, and with the letter before in French.
    english = ["l</w>", "'", "a", "m", "i</w>"]
    assert tokens == {None: english, "en": english, "fr": ["l", "'</w>", "a", "m", "i</w>"]}


def test_a_language_that_needs_a_missing_package_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ARCHITECTURES["xlm-multilingual"](tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, language="zh")
    real = builtins.__import__

    def without_jieba(name: str, *arguments: object, **keywords: object) -> object:
        if name == "rjieba":
            raise ModuleNotFoundError("No module named 'rjieba'")
        return real(name, *arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.delitem(sys.modules, "rjieba", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_jieba)
    with pytest.raises(InputError, match="language: words of 'zh' need another package: .*rjieba.* name another"):
        WordEncoder(tokenizer)
