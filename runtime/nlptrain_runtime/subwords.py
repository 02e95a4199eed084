"""Words to subwords, each word tokenized independently.

Words of printable ASCII skip the tokenizer where the result is known to be the same. A tokenizer cleans a text, splits
it at punctuation, tracks offsets and adds special tokens; such a word needs only the WordPiece subwords (Schuster and
Nakajima 2012) of its runs of letters and digits, and of the marks between them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import IntArray

_BATCH_WORDS = 256  # words that are encoded in one call
_PARTS = re.compile(r"[A-Za-z0-9]+|[!-~]")  # as BertPreTokenizer splits printable ASCII


class SubwordTokenizer:
    """A tokenizer that reads words one by one; the first subword of a word speaks for the word.

    A word without a subword (a lone variation selector) becomes the unknown token, so that every word has a position
    in the sequence.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        space: str,
        unknown: int | None,
        encodes_together: bool,
        has_shortcut: bool = True,
    ) -> None:
        """Tokenize with ``tokenizer``, with its truncation and padding switched off.

        Args:
            tokenizer: any.
            space: what is put before each word: nothing, or a space.
            unknown: id of the unknown token; None: the tokenizer has none.
            encodes_together: whether the words of a sequence become the same subwords as each alone, which is faster.
            has_shortcut: whether ASCII words may skip the tokenizer where the result is known to be the same.
        """
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._space = space
        self._unknown = unknown
        self._encodes_together = encodes_together
        self._ascii_subwords = ascii_subwords(tokenizer) if has_shortcut and not space else None

    def __call__(self, words: Sequence[str]) -> tuple[IntArray, IntArray]:
        """Return the subwords of ``words``, concatenated, [P], and how many each word has, at least one, [words].

        Raises:
            ValueError: a word has no subword, and the tokenizer has no unknown token.
        """
        if self._ascii_subwords is None:
            return self._encode(words)
        subwords: list[Sequence[int]] = []
        missing = []
        for index, word in enumerate(words):
            ids = self._ascii_subwords(word)
            if ids is None:
                missing.append(index)
            subwords.append(ids or ())
        if missing:
            encoded, counts = self._encode([words[index] for index in missing])
            for index, ids_of_word in zip(missing, np.split(encoded, np.cumsum(counts)[:-1]), strict=True):
                subwords[index] = ids_of_word.tolist()
        sizes = np.fromiter(map(len, subwords), dtype=np.int64, count=len(subwords))
        return np.fromiter(chain.from_iterable(subwords), dtype=np.int64, count=int(sizes.sum())), sizes

    def _encode(self, words: Sequence[str]) -> tuple[IntArray, IntArray]:
        """Return the subwords of ``words`` by the tokenizer, with unknown tokens for words without a subword."""
        spaced = [self._space + word for word in words] if self._space else list(words)
        if len(spaced) <= _BATCH_WORDS:
            flat, sizes = self._encode_batch(spaced)
        else:
            starts = range(0, len(spaced), _BATCH_WORDS)
            batches = [self._encode_batch(spaced[start : start + _BATCH_WORDS]) for start in starts]
            flat, sizes = (np.concatenate(values) for values in zip(*batches, strict=True))
        empty = np.flatnonzero(sizes == 0)
        if len(empty):
            if self._unknown is None:
                raise ValueError(f"{words[empty[0]]!r} has no subword, and the tokenizer has no unknown token")
            flat = np.insert(flat, (np.cumsum(sizes) - sizes)[empty], self._unknown)
            sizes[empty] = 1
        return flat, sizes

    def _encode_batch(self, words: list[str]) -> tuple[IntArray, IntArray]:
        """Return the subwords of ``words`` and how many each word has, possibly 0."""
        if self._encodes_together:
            encoding = self._tokenizer.encode(words, is_pretokenized=True, add_special_tokens=False)
            owners = encoding.word_ids
            if None not in owners:  # a special token in the text, "[SEP]", belongs to no word
                ids = np.array(encoding.ids, dtype=np.int64)
                return ids, np.bincount(np.array(owners, np.int64), minlength=len(words))
        # One call per word takes no longer than a batch, which would start threads unless the environment forbids it.
        encode = self._tokenizer.encode
        subwords = [encode([word], is_pretokenized=True, add_special_tokens=False).ids for word in words]
        flat = np.fromiter(chain.from_iterable(subwords), dtype=np.int64)
        return flat, np.fromiter(map(len, subwords), dtype=np.int64, count=len(words))


def ascii_subwords(tokenizer: Tokenizer) -> Callable[[str], list[int] | None] | None:
    """Return a function that tokenizes ASCII words as ``tokenizer`` does, or None for tokenizers unlike BERT's.

    The function returns None for words that need the tokenizer: those with other characters, and those with a mark of a
    special token (``[SEP]``).
    """
    normalizer = tokenizer.normalizer
    if not isinstance(tokenizer.model, models.WordPiece):
        return None
    if not isinstance(tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer):
        return None
    if not (normalizer is None or isinstance(normalizer, normalizers.BertNormalizer)):
        return None
    special_marks = [_first_mark(token.content) for token in tokenizer.get_added_tokens_decoder().values()]
    if None in special_marks:
        return None
    supported = re.compile(_ascii_except({mark for mark in special_marks if mark}))
    lowercase = normalizer is not None and normalizer.lowercase
    tokenize = tokenizer.model.tokenize
    mark_ids = {mark: [token.id for token in tokenize(mark)] for mark in map(chr, range(ord("!"), ord("~") + 1))}

    def subwords(word: str) -> list[int] | None:
        if not supported.fullmatch(word):
            return None
        if lowercase:
            word = word.lower()
        if word.isalnum():
            return [token.id for token in tokenize(word)]
        ids: list[int] = []
        for part in _PARTS.findall(word):
            ids += mark_ids[part] if len(part) == 1 else [token.id for token in tokenize(part)]
        return ids

    return subwords


def _first_mark(content: str) -> str | None:
    """Return an ASCII character of a special token that is neither a letter nor a digit."""
    return next((character for character in content if character.isascii() and not character.isalnum()), None)


def _ascii_except(marks: set[str]) -> str:
    """Return a pattern of printable ASCII without ``marks``."""
    allowed = "".join(re.escape(chr(code)) for code in range(ord("!"), ord("~") + 1) if chr(code) not in marks)
    return f"[{allowed}]+"
