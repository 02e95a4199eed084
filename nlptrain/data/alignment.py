"""Words to pieces: the one place that decides how a tokenizer's pieces stand for words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature

from transformers import PreTrainedTokenizerBase

from nlptrain.errors import InputError

_REMEMBERED = 100_000  # words: some 30 MB, and in running text nearly all that come twice


class WordEncoder:
    """Encodes words one by one and remembers them; the first piece of a word speaks for it.

    A word that the tokenizer turns into nothing (a lone variation selector) becomes its unknown piece, so that every
    word has a place in the sequence. Every word is read as it stands behind another one, the first word, too: where a
    tokenizer puts no space in front of words that it is given one by one (ModernBERT's), each is given its space.

    Attributes:
        prefix: special pieces in front of a sequence.
        suffix: special pieces behind it.
        space: what stands in front of each word as it is encoded: nothing, or a space.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Read with ``tokenizer``; its own truncation and padding are not used.

        Args:
            tokenizer: a fast or a slow one that knows an unknown piece or turns every word into some piece.

        Raises:
            InputError: words of its language are cut by a package that is not installed.
        """
        self.tokenizer = tokenizer
        self.space = _space_between_words(tokenizer) if tokenizer.is_fast else ""
        self._encode = _in_one_go(tokenizer, self.space) if tokenizer.is_fast else _one_by_one(tokenizer)
        try:
            (bare,) = self._encode(["a"])
        except ImportError as error:  # XLM's words of zh, ja and th
            language = tokenizer.init_kwargs.get("language")
            raise InputError(
                f"language: words of {language!r} need one more package: {error}; install it, or name another language"
            ) from error
        self.prefix, self.suffix = _frame(tokenizer, self.space + "a", bare)
        self._known: dict[str, tuple[int, ...]] = {}
        model = tokenizer.backend_tokenizer.model if tokenizer.is_fast else None
        self._continuing: str | None = getattr(model, "continuing_subword_prefix", None) or None
        self._opening: dict[int, bool] = {}

    def __call__(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The pieces of each of ``words``, at least one a word, without the sequence's special pieces."""
        known = self._known
        new = [word for word in dict.fromkeys(words) if word not in known]
        if new:
            if len(known) + len(new) > _REMEMBERED:
                known.clear()
                new = list(dict.fromkeys(words))
            unknown = self.tokenizer.unk_token_id
            for word, pieces in zip(new, self._encode(new), strict=True):
                if not pieces and unknown is None:
                    raise ValueError(f"{word!r} has no piece, and the tokenizer has no unknown piece")
                known[word] = tuple(pieces) if pieces else (int(unknown or 0),)
        return [known[word] for word in words]

    def without_a_piece(self, words: Sequence[str]) -> list[str]:
        """Those of ``words`` that the tokenizer turns into nothing."""
        found = list(dict.fromkeys(words))
        return [word for word, pieces in zip(found, self._encode(found), strict=True) if not pieces]

    def parts(self, word: str) -> list[int]:
        """The places, from 1 on, of the pieces inside ``word`` that open a word by the tokenizer's own rule.

        WordPiece marks what continues a word (``##``); transformers' pipeline takes every other piece for a word, so
        that ``@ada`` is two words to it. Tokenizers without such a mark have no such parts.
        """
        (pieces,) = self([word])
        return [place for place in range(1, len(pieces)) if self._opens(pieces[place])]

    def _opens(self, piece: int) -> bool:
        known = self._opening.get(piece)
        if known is None:
            prefix = self._continuing
            known = prefix is not None and not str(self.tokenizer.convert_ids_to_tokens(piece)).startswith(prefix)
            self._opening[piece] = known
        return known


Encode = Callable[[list[str]], list[list[int]]]


def _space_between_words(tokenizer: PreTrainedTokenizerBase) -> str:
    """What a word needs in front to become what it is behind another word of a text: a space, or nothing."""
    text = list(tokenizer("a a", add_special_tokens=False, truncation=False, padding=False)["input_ids"])
    alone, spaced = _in_one_go(tokenizer)(["a", " a"])
    return " " if text != alone + alone and text[-len(spaced) :] == spaced else ""


def _in_one_go(tokenizer: PreTrainedTokenizerBase, space: str = "") -> Encode:
    """A fast tokenizer encodes many words at once, each as a sentence of its own."""

    def encode(words: list[str]) -> list[list[int]]:
        encoded = tokenizer(
            [[space + word] for word in words],
            is_split_into_words=True,
            add_special_tokens=False,
            truncation=False,
            padding=False,
        )
        return [list(pieces) for pieces in encoded["input_ids"]]

    return encode


def _one_by_one(tokenizer: PreTrainedTokenizerBase) -> Encode:
    """A slow one is asked word by word, and told the language if it cuts words by it (XLM)."""
    language = tokenizer.init_kwargs.get("language")
    cut = tokenizer._tokenize
    # ``tokenize(word, lang=...)`` loses the language on its way (transformers 5.23), so what cuts is told itself.
    told = {"_tokenize": partial(cut, lang=language)} if language and "lang" in signature(cut).parameters else {}

    def encode(words: list[str]) -> list[list[int]]:
        vars(tokenizer).update(told)
        try:
            encoded = [tokenizer.convert_tokens_to_ids(tokenizer.tokenize(word)) for word in words]
        finally:
            for name in told:
                vars(tokenizer).pop(name)
        return [ids if isinstance(ids, list) else [ids] for ids in encoded]

    return encode


def _frame(tokenizer: PreTrainedTokenizerBase, word: str, bare: list[int]) -> tuple[list[int], list[int]]:
    """The special pieces in front of and behind a sentence, looked for around the pieces ``bare`` of ``word``."""
    if tokenizer.is_fast:
        framed = list(tokenizer([word], is_split_into_words=True, truncation=False, padding=False)["input_ids"])
    else:
        framed = list(tokenizer.build_inputs_with_special_tokens(bare))
    at = next(i for i in range(len(framed)) if framed[i : i + len(bare)] == bare)
    return framed[:at], framed[at + len(bare) :]
