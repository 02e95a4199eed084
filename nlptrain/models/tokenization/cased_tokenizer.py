"""Upper case for a student whose tokenizer would lose it.

An uncased tokenizer (BERT's WordPiece) takes ``Ada``, ``ADA`` and ``ada`` for one piece, and whether a word begins with
a capital is much of what tells a name. The student's tokenizer knows each piece in these spellings too. They share its
row of the table and add one of a few more, so that ``input_ids`` alone still say everything.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from nlptrain.models.tokenization.tokenizer import without_limits

FORMS = 4  # as the tokenizer has it, Initial upper, ALL UPPER, one upper letter
_INITIAL, _ALL, _LETTER = 1, 2, 3


@dataclass(frozen=True)
class CasedTokenizer:
    """A tokenizer that keeps upper case.

    Attributes:
        tokenizer: its first pieces are those of the uncased one, with the same ids.
        pieces: for each of its pieces the one that it spells.
        forms: how, 0 to ``FORMS - 1``.
    """

    tokenizer: PreTrainedTokenizerBase
    pieces: list[int]
    forms: list[int]


def add_cased_subwords(tokenizer: PreTrainedTokenizerBase) -> CasedTokenizer | None:
    """``tokenizer`` with its pieces in upper case, too; None: it is not a WordPiece that lowers what it reads.

    What stands in lower case becomes the same pieces as before, and so does nearly all else; words of mixed case
    (``iPhone``) are cut where their case changes.
    """
    if not tokenizer.is_fast:
        return None
    without_limits(tokenizer)
    whole = json.loads(tokenizer.backend_tokenizer.to_str())
    normalizer, model = whole["normalizer"] or {}, whole["model"]
    if not (normalizer.get("type") == "BertNormalizer" and normalizer["lowercase"] and model["type"] == "WordPiece"):
        return None
    whole["normalizer"] = _keeping_case(normalizer)
    vocabulary: dict[str, int] = model["vocab"]
    added = {piece["content"]: piece for piece in whole["added_tokens"]}
    for name, piece in added.items():
        vocabulary.setdefault(name, piece["id"])  # what is not in the vocabulary gets a new id when it is loaded
    pieces = list(range(max(vocabulary.values()) + 1))
    forms = [0] * len(pieces)
    for piece, number in sorted(vocabulary.items(), key=lambda pair: pair[1]):
        if piece in added and not added[piece]["normalized"]:
            continue
        read = piece.lower() if piece in added else piece  # found in what has been lowered, however it is written
        for spelled, form in [(read, 0), *_spellings(read, model["continuing_subword_prefix"])]:
            if spelled not in vocabulary:
                vocabulary[spelled] = len(pieces)
                pieces.append(number)
                forms.append(form)
    special = dict(tokenizer.special_tokens_map)
    cased = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(whole)), **special)
    return CasedTokenizer(without_limits(cased), pieces, forms)


def _keeping_case(normalizer: dict[str, Any]) -> dict[str, Any]:
    """BERT's ``normalizer`` without lowering."""
    stripped = normalizer["strip_accents"]
    kept = {**normalizer, "lowercase": False, "strip_accents": True if stripped is None else stripped}
    if kept["strip_accents"]:  # unless told otherwise, accents go with the lower case
        return kept
    # The one letter that is two in lower case: as I with a dot above, it is spelled as any other.
    dotted = {"type": "Replace", "pattern": {"String": "\u0130"}, "content": "I\u0307"}
    return {"type": "Sequence", "normalizers": [dotted, kept]}


def _spellings(piece: str, prefix: str) -> Iterator[tuple[str, int]]:
    """The other spellings of ``piece`` with their forms; none that lowering would not bring back to it."""
    head = prefix if piece.startswith(prefix) else ""
    body = piece[len(head) :]
    if len(body) == 1:
        yield from ((head + letter, _LETTER) for letter in _uppers().get(body, ()))
        return
    for spelled, form in ((body[:1].upper() + body[1:], _INITIAL), (body.upper(), _ALL)):
        if spelled != body and spelled.lower() == body:
            yield head + spelled, form


@cache
def _uppers() -> dict[str, list[str]]:
    """For each letter all that are it in lower case, so that no word becomes unknown by its case."""
    found: dict[str, list[str]] = {}
    for letter in map(chr, range(sys.maxunicode + 1)):
        if (lower := letter.lower()) != letter:
            found.setdefault(lower, []).append(letter)
    return found
