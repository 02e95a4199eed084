"""Words to a tokenizer's pieces, each word by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import IntArray


_PARTS = re.compile(r"[A-Za-z0-9]+|[!-~]")  # as BertPreTokenizer cuts printable ASCII
_TOGETHER = 256  # words that are encoded in one go


class WordTokenizer:
    """A tokenizer that reads words one by one; the first piece of a word speaks for it.

    A word that the tokenizer turns into nothing (a lone variation selector) becomes its unknown piece, so that every
    word has a place in the sequence.
    """

    def __init__(
        self, tokenizer: Tokenizer, *, space: str, unknown: int | None, together: bool, shortcut: bool = True
    ) -> None:
        """Read with ``tokenizer``, without truncation and padding of its own.

        Args:
            tokenizer: any.
            space: what stands in front of each word as it is encoded: nothing, or a space.
            unknown: the unknown piece; None: the tokenizer has none.
            together: many words in one sequence become the same pieces as each by itself, which is faster.
            shortcut: words in ASCII may go past the tokenizer, where it is known what it does to them.
        """
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._space = space
        self._unknown = unknown
        self._whole = together
        self._ascii = ascii_pieces(tokenizer) if shortcut and not space else None

    def __call__(self, words: Sequence[str]) -> tuple[IntArray, IntArray]:
        """The pieces of ``words``, one word behind the other, [P], and how many each has, at least one, [words].

        Raises:
            ValueError: a word has no piece, and there is no unknown one.
        """
        if self._ascii is None:
            return self._asked(words)
        found: list[Sequence[int]] = []
        missing = []
        for place, word in enumerate(words):
            pieces = self._ascii(word)
            if pieces is None:
                missing.append(place)
            found.append(pieces or ())
        if missing:
            asked, counts = self._asked([words[place] for place in missing])
            for place, some in zip(missing, np.split(asked, np.cumsum(counts)[:-1]), strict=True):
                found[place] = some.tolist()
        sizes = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
        return np.fromiter(chain.from_iterable(found), dtype=np.int64, count=int(sizes.sum())), sizes

    def _asked(self, words: Sequence[str]) -> tuple[IntArray, IntArray]:
        """The pieces of ``words`` as the tokenizer says."""
        spaced = [self._space + word for word in words] if self._space else list(words)
        if len(spaced) <= _TOGETHER:
            flat, sizes = self._encoded(spaced)
        else:
            parts = [self._encoded(spaced[start : start + _TOGETHER]) for start in range(0, len(spaced), _TOGETHER)]
            flat, sizes = (np.concatenate(values) for values in zip(*parts, strict=True))
        empty = np.flatnonzero(sizes == 0)
        if len(empty):
            if self._unknown is None:
                raise ValueError(f"{words[empty[0]]!r} has no piece, and the tokenizer has no unknown piece")
            flat = np.insert(flat, (np.cumsum(sizes) - sizes)[empty], self._unknown)
            sizes[empty] = 1
        return flat, sizes

    def _encoded(self, words: list[str]) -> tuple[IntArray, IntArray]:
        """The pieces of ``words`` and how many each has, 0 among them."""
        if self._whole:
            one = self._tokenizer.encode(words, is_pretokenized=True, add_special_tokens=False)
            owners = one.word_ids
            if None not in owners:  # a special piece that stands in the text, "[SEP]", is no word's
                return np.array(one.ids, dtype=np.int64), np.bincount(np.array(owners, np.int64), minlength=len(words))
        # One call per word takes no longer than a batch, which would start threads unless the environment forbids it.
        encode = self._tokenizer.encode
        found = [encode([word], is_pretokenized=True, add_special_tokens=False).ids for word in words]
        flat = np.fromiter(chain.from_iterable(found), dtype=np.int64)
        return flat, np.fromiter(map(len, found), dtype=np.int64, count=len(words))


def ascii_pieces(tokenizer: Tokenizer) -> Callable[[str], list[int] | None] | None:
    """What answers the pieces of a word, or None where ``tokenizer`` has to be asked; None: it always has to.

    Known are tokenizers like BERT's, whose special pieces all have a mark in them (``[SEP]``): a word with such a mark
    is asked for.
    """
    cleaning = tokenizer.normalizer
    if not isinstance(tokenizer.model, models.WordPiece):
        return None
    if not isinstance(tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer):
        return None
    if not (cleaning is None or isinstance(cleaning, normalizers.BertNormalizer)):
        return None
    marks = [_mark(token.content) for token in tokenizer.get_added_tokens_decoder().values()]
    if None in marks:
        return None
    known = re.compile(_all_but({mark for mark in marks if mark}))
    lowercase = cleaning is not None and cleaning.lowercase
    tokenize = tokenizer.model.tokenize
    signs = {sign: [piece.id for piece in tokenize(sign)] for sign in map(chr, range(ord("!"), ord("~") + 1))}

    def pieces(word: str) -> list[int] | None:
        if not known.fullmatch(word):
            return None
        if lowercase:
            word = word.lower()
        if word.isalnum():
            return [piece.id for piece in tokenize(word)]
        found: list[int] = []
        for part in _PARTS.findall(word):
            found += signs[part] if len(part) == 1 else [piece.id for piece in tokenize(part)]
        return found

    return pieces


def _mark(content: str) -> str | None:
    """A character of a special piece that is no letter and no digit."""
    return next((letter for letter in content if letter.isascii() and not letter.isalnum()), None)


def _all_but(marks: set[str]) -> str:
    """A pattern of printable ASCII without ``marks``."""
    kept = "".join(re.escape(chr(code)) for code in range(ord("!"), ord("~") + 1) if chr(code) not in marks)
    return f"[{kept}]+"
