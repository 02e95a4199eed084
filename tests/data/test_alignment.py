"""Words and pieces: one alignment for all tokenizers, held against their own."""

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
from tests.helpers.architectures import FAMILIES, FAST, SLOW

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
    """Tokenizers as they are loaded from the folder of each family."""
    folder = tmp_path_factory.mktemp("families")
    loaded: dict[str, PreTrainedTokenizerBase] = {}

    def by_name(name: str) -> PreTrainedTokenizerBase:
        if name not in loaded:
            FAMILIES[name](folder / name)
            told = {"language": "fr"} if name == "xlm-multilingual" else {}
            loaded[name] = AutoTokenizer.from_pretrained(folder / name, add_prefix_space=True, **told)
        return loaded[name]

    return by_name


@pytest.mark.parametrize("name", FAST)
@settings(max_examples=60, deadline=None)
@given(words=st.lists(WORD, min_size=1, max_size=8))
def test_words_have_the_pieces_that_a_fast_tokenizer_gives_them_in_a_sentence(
    load: Load, name: str, words: list[str]
) -> None:
    tokenizer = load(name)
    encoder = WordEncoder(tokenizer)
    encoded = tokenizer([encoder.space + word for word in words], is_split_into_words=True, truncation=False)
    ids, numbers = encoded["input_ids"], encoded.word_ids()
    theirs = [tuple(ids[at] for at, of in enumerate(numbers) if of == number) for number in range(len(words))]
    assert encoder(words) == [pieces or (tokenizer.unk_token_id,) for pieces in theirs]
    inside = [at for at, of in enumerate(numbers) if of is not None]
    if inside:
        assert encoder.prefix == ids[: inside[0]]
        assert encoder.suffix == ids[inside[-1] + 1 :]


@pytest.mark.parametrize("name", SLOW)
@settings(max_examples=40, deadline=None)
@given(words=st.lists(WORD, min_size=1, max_size=6))
def test_words_have_the_pieces_that_a_slow_tokenizer_gives_them(load: Load, name: str, words: list[str]) -> None:
    tokenizer = load(name)
    encoder = WordEncoder(tokenizer)
    french = name == "xlm-multilingual"
    for word, pieces in zip(words, encoder(words), strict=True):
        special = word in tokenizer.all_special_tokens
        cut = tokenizer._tokenize(word, lang="fr") if french and not special else tokenizer.tokenize(word)
        alone = tokenizer.convert_tokens_to_ids(cut)
        assert list(pieces) == (alone or [tokenizer.unk_token_id])
    whole = [piece for pieces in encoder(words) for piece in pieces]
    assert encoder.prefix + whole + encoder.suffix == tokenizer.build_inputs_with_special_tokens(whole)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_word_has_a_piece_and_is_encoded_once(load: Load, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = WordEncoder(load(name))
    first = encoder(ODD)
    assert all(first)
    monkeypatch.setattr(encoder, "_encode", lambda words: pytest.fail(f"{words} again"))
    assert encoder(ODD[::-1]) == first[::-1]


def test_the_special_pieces_stand_where_the_family_wants_them(load: Load) -> None:
    framed = {name: WordEncoder(load(name)) for name in ("bert", "xlnet", "xlm")}
    shown = {
        name: [load(name).convert_ids_to_tokens(part) for part in (encoder.prefix, encoder.suffix)]
        for name, encoder in framed.items()
    }
    assert shown == {"bert": [["[CLS]"], ["[SEP]"]], "xlnet": [[], ["<sep>", "<cls>"]], "xlm": [["<s>"], ["</s>"]]}


@pytest.mark.parametrize("name", FAMILIES)
def test_words_have_the_pieces_of_a_text_in_its_middle_and_at_its_start(load: Load, name: str) -> None:
    tokenizer = load(name)
    encoder = WordEncoder(tokenizer)
    words = ["Ada", "lives", "in", "Paris", ",", "says", "Boris", "Smith", "!"]
    text = tokenizer.convert_tokens_to_ids(tokenizer.tokenize(" ".join(["in", *words])))
    behind_a_word = text[len(tokenizer.tokenize("in")) :]  # at its start, ModernBERT's has no space
    assert [piece for pieces in encoder(words) for piece in pieces] == behind_a_word
    assert encoder(["lives"]) == encoder(words)[1:2]


def test_a_space_is_given_where_the_tokenizer_gives_none(load: Load) -> None:
    given = {name: WordEncoder(load(name)).space for name in FAMILIES}
    assert [name for name, space in given.items() if space] == ["modernbert"]
    tokenizer = load("modernbert")
    (pieces,) = WordEncoder(tokenizer)(["lives"])
    assert tokenizer.convert_ids_to_tokens(pieces) == ["\u0120liv", "es"]
    bare = tokenizer(["lives"], is_split_into_words=True, add_special_tokens=False)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(bare) == ["l", "i", "v", "es"]


@pytest.mark.parametrize("scheme", ["always", "first", "never"])
def test_a_word_does_not_depend_on_its_place(scheme: str) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.Unigram([("<unk>", 0.0), ("\u2581", -2.0), ("\u2581a", -3.0), ("a", -3.0)], unk_id=0))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>")
    # The text "a a" ends in "\u2581a" (id 2) whatever the scheme; alone, "never" would make it "a" (id 3).
    assert tokenizer("a a")["input_ids"][-1] == 2
    assert WordEncoder(tokenizer)(["a", "a", "a"]) == [(2,), (2,), (2,)]


def test_words_are_cut_by_the_rules_of_the_language(tmp_path: Path) -> None:
    FAMILIES["xlm-multilingual"](tmp_path)
    shown = {}
    for language in (None, "en", "fr"):
        tokenizer = AutoTokenizer.from_pretrained(tmp_path, **({"language": language} if language else {}))
        (pieces,) = WordEncoder(tokenizer)(["l'ami"])
        shown[language] = tokenizer.convert_ids_to_tokens(list(pieces))
        assert "_tokenize" not in vars(tokenizer)  # it is as it was
    # Moses leaves the apostrophe to what follows in English, and to what stands before it in French.
    english = ["l</w>", "'", "a", "m", "i</w>"]
    assert shown == {None: english, "en": english, "fr": ["l", "'</w>", "a", "m", "i</w>"]}


def test_a_language_whose_words_nothing_here_can_cut_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FAMILIES["xlm-multilingual"](tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, language="zh")
    real = builtins.__import__

    def without_jieba(name: str, *arguments: object, **named: object) -> object:
        if name == "rjieba":
            raise ModuleNotFoundError("No module named 'rjieba'")
        return real(name, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.delitem(sys.modules, "rjieba", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_jieba)
    with pytest.raises(InputError, match="language: words of 'zh' need one more package: .*rjieba.* name another"):
        WordEncoder(tokenizer)
