"""Words to a tokenizer's pieces, each word by itself."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer


def encode_words(tokenizer: Tokenizer, words: Sequence[str], *, space: str, unknown: int | None) -> list[list[int]]:
    """The pieces of each of ``words``, at least one a word, without special pieces around them.

    A word that the tokenizer turns into nothing (a lone variation selector) becomes its unknown piece, so that every
    word has a place in the sequence.

    Args:
        tokenizer: without truncation and padding of its own.
        words: they need not be different.
        space: what stands in front of each word as it is encoded: nothing, or a space.
        unknown: the unknown piece; None: the tokenizer has none.

    Raises:
        ValueError: a word has no piece, and there is no unknown one.
    """
    encoded = tokenizer.encode_batch_fast(
        [[space + word] for word in words], is_pretokenized=True, add_special_tokens=False
    )
    found = []
    for word, pieces in zip(words, encoded, strict=True):
        ids = pieces.ids
        if not ids:
            if unknown is None:
                raise ValueError(f"{word!r} has no piece, and the tokenizer has no unknown piece")
            ids = [unknown]
        found.append(ids)
    return found
