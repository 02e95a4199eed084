"""Words to subwords: the one module that decides how a tokenizer encodes words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature

from transformers import PreTrainedTokenizerBase

from nlptrain.errors import InputError

_MAX_CACHED = 100_000  # words: some 30 MB, and nearly all repeated words of running text


class WordEncoder:
    """Encodes words one by one, with a cache; the logits of a word are those of its first subword.

    A word that the tokenizer encodes as nothing (a lone variation selector) becomes the unknown token, so that every
    word has a position in the sequence. Every word, the first one included, is encoded as after another word: if a
    tokenizer adds no space before words that are given one by one (ModernBERT's), the space is added here.

    Attributes:
        prefix: special tokens before a sequence.
        suffix: special tokens after it.
        space: what precedes each word when it is encoded: nothing, or a space.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Create an encoder; the tokenizer's own truncation and padding are not used.

        Args:
            tokenizer: a fast or a slow tokenizer that has an unknown token or encodes every word.

        Raises:
            InputError: the tokenizer's language needs a package that is not installed.
        """
        self.tokenizer = tokenizer
        self.space = _space_between_words(tokenizer) if tokenizer.is_fast else ""
        self._encode = _fast_encoder(tokenizer, self.space) if tokenizer.is_fast else _slow_encoder(tokenizer)
        try:
            (subwords,) = self._encode(["a"])
        except ImportError as error:  # XLM with zh, ja and th
            raise InputError(
                f"words of {tokenizer.init_kwargs.get('language')!r} need another package: {error}",
                location="language",
                hint="install it, or name another language",
            ) from error
        self.prefix, self.suffix = _special_tokens(tokenizer, self.space + "a", subwords)
        self._cache: dict[str, tuple[int, ...]] = {}
        model = tokenizer.backend_tokenizer.model if tokenizer.is_fast else None
        self._continuing: str | None = getattr(model, "continuing_subword_prefix", None) or None
        self._starts_word: dict[int, bool] = {}

    def __call__(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the subwords of each of ``words``, at least one per word, without special tokens."""
        cache = self._cache
        new = [word for word in dict.fromkeys(words) if word not in cache]
        if new:
            if len(cache) + len(new) > _MAX_CACHED:
                cache.clear()
                new = list(dict.fromkeys(words))
            unknown = self.tokenizer.unk_token_id
            for word, subwords in zip(new, self._encode(new), strict=True):
                if not subwords and unknown is None:
                    raise ValueError(f"{word!r} has no subword, and the tokenizer has no unknown token")
                cache[word] = tuple(subwords) if subwords else (int(unknown or 0),)
        return [cache[word] for word in words]

    def unencodable(self, words: Sequence[str]) -> list[str]:
        """Return those of ``words`` that the tokenizer encodes as nothing."""
        distinct = list(dict.fromkeys(words))
        return [word for word, subwords in zip(distinct, self._encode(distinct), strict=True) if not subwords]

    def pipeline_word_starts(self, word: str) -> list[int]:
        """Return the positions, from 1, of the subwords inside ``word`` that start a word by the tokenizer's own rule.

        WordPiece marks subwords that continue a word (``##``); the pipeline of transformers takes every other subword
        for the start of a word, so that ``@ada`` is two words. Tokenizers without such a mark have no such positions.
        """
        (subwords,) = self([word])
        return [position for position in range(1, len(subwords)) if self._is_word_start(subwords[position])]

    def _is_word_start(self, subword: int) -> bool:
        known = self._starts_word.get(subword)
        if known is None:
            prefix = self._continuing
            known = prefix is not None and not str(self.tokenizer.convert_ids_to_tokens(subword)).startswith(prefix)
            self._starts_word[subword] = known
        return known


Encode = Callable[[list[str]], list[list[int]]]


def _space_between_words(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return what must precede a word so that it is encoded as after another word: a space, or nothing."""
    text = list(tokenizer("a a", add_special_tokens=False, truncation=False, padding=False)["input_ids"])
    alone, spaced = _fast_encoder(tokenizer)(["a", " a"])
    return " " if text != alone + alone and text[-len(spaced) :] == spaced else ""


def _fast_encoder(tokenizer: PreTrainedTokenizerBase, space: str = "") -> Encode:
    """Return a function that encodes many words at once, each as a sentence of its own.

    It calls the library below ``tokenizer``, whose own call takes twice as long for many single words.
    """
    backend = tokenizer.backend_tokenizer

    def encode(words: list[str]) -> list[list[int]]:
        backend.no_truncation()
        backend.no_padding()
        backend.encode_special_tokens = tokenizer.split_special_tokens
        pretokenized = [[space + word] for word in words]
        encodings = backend.encode_batch_fast(pretokenized, is_pretokenized=True, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    return encode


def _slow_encoder(tokenizer: PreTrainedTokenizerBase) -> Encode:
    """Return a function that encodes word by word, with the tokenizer's language if it has one (XLM)."""
    language = tokenizer.init_kwargs.get("language")
    tokenize = tokenizer._tokenize
    # ``tokenize(word, lang=...)`` does not pass the language on (transformers 5.23), so ``_tokenize`` gets it directly.
    has_language = language and "lang" in signature(tokenize).parameters
    patched = {"_tokenize": partial(tokenize, lang=language)} if has_language else {}

    def encode(words: list[str]) -> list[list[int]]:
        vars(tokenizer).update(patched)
        try:
            encoded = [tokenizer.convert_tokens_to_ids(tokenizer.tokenize(word)) for word in words]
        finally:
            for name in patched:
                vars(tokenizer).pop(name)
        return [ids if isinstance(ids, list) else [ids] for ids in encoded]

    return encode


def _special_tokens(tokenizer: PreTrainedTokenizerBase, word: str, subwords: list[int]) -> tuple[list[int], list[int]]:
    """Return the special tokens before and after a sentence, found around the ``subwords`` of ``word``."""
    if tokenizer.is_fast:
        encoded = list(tokenizer([word], is_split_into_words=True, truncation=False, padding=False)["input_ids"])
    else:
        encoded = list(tokenizer.build_inputs_with_special_tokens(subwords))
    start = next(i for i in range(len(encoded)) if encoded[i : i + len(subwords)] == subwords)
    return encoded[:start], encoded[start + len(subwords) :]
