"""WordPiece (Schuster and Nakajima 2012; BERT's) of words in ASCII, without what leaves these as they are.

A tokenizer cleans a text, cuts it at punctuation, keeps account of offsets and adds special pieces; a word of printable
ASCII needs the pieces of its runs of letters and digits, and of each mark between them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

_PARTS = re.compile(r"[A-Za-z0-9]+|[!-~]")  # as BertPreTokenizer cuts printable ASCII


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
