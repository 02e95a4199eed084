"""Keep upper case for a student whose tokenizer would lowercase it.

An uncased tokenizer (BERT's WordPiece) encodes ``Ada``, ``ADA`` and ``ada`` as the same subword, although capitals are
the best sign of a name. The student's tokenizer gets a subword for each of these casings. They share a row of the
embedding table, plus a row per casing, so that ``input_ids`` are still the only input.
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

CASINGS = 4  # unchanged, first letter upper case, ALL UPPER CASE, one letter in upper case
_INITIAL, _ALL, _LETTER = 1, 2, 3


@dataclass(frozen=True)
class CasedTokenizer:
    """A tokenizer that keeps upper case.

    Attributes:
        tokenizer: its first subwords are those of the uncased tokenizer, with the same ids.
        uncased_ids: for each of its subwords, the id of the uncased subword.
        casings: the casing of each subword, 0 to ``CASINGS - 1``.
    """

    tokenizer: PreTrainedTokenizerBase
    uncased_ids: list[int]
    casings: list[int]


def add_cased_subwords(tokenizer: PreTrainedTokenizerBase) -> CasedTokenizer | None:
    """Return ``tokenizer`` with its subwords in upper case, too; None if it is not a WordPiece that lowercases.

    Text in lower case is encoded as before, and nearly all other text, too; words of mixed case (``iPhone``) are split
    where the case changes.
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
    added = {token["content"]: token for token in whole["added_tokens"]}
    for name, token in added.items():
        vocabulary.setdefault(name, token["id"])  # otherwise it would get a new id on loading
    uncased_ids = list(range(max(vocabulary.values()) + 1))
    casings = [0] * len(uncased_ids)
    for subword, subword_id in sorted(vocabulary.items(), key=lambda pair: pair[1]):
        if subword in added and not added[subword]["normalized"]:
            continue
        lower = subword.lower() if subword in added else subword  # added tokens are matched in lowercased text
        for cased_form, casing in [(lower, 0), *_cased_forms(lower, model["continuing_subword_prefix"])]:
            if cased_form not in vocabulary:
                vocabulary[cased_form] = len(uncased_ids)
                uncased_ids.append(subword_id)
                casings.append(casing)
    special = dict(tokenizer.special_tokens_map)
    cased = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(whole)), **special)
    return CasedTokenizer(without_limits(cased), uncased_ids, casings)


def _keeping_case(normalizer: dict[str, Any]) -> dict[str, Any]:
    """Return BERT's ``normalizer`` without lowercasing."""
    stripped = normalizer["strip_accents"]
    kept = {**normalizer, "lowercase": False, "strip_accents": True if stripped is None else stripped}
    if kept["strip_accents"]:  # by default, lowercasing also strips accents
        return kept
    # The only letter with two characters in lower case: it is replaced by I and a combining dot above.
    dotted = {"type": "Replace", "pattern": {"String": "\u0130"}, "content": "I\u0307"}
    return {"type": "Sequence", "normalizers": [dotted, kept]}


def _cased_forms(subword: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield ``subword`` in upper case with the casings; only forms that are ``subword`` again in lower case."""
    head = prefix if subword.startswith(prefix) else ""
    body = subword[len(head) :]
    if len(body) == 1:
        yield from ((head + letter, _LETTER) for letter in _uppers().get(body, ()))
        return
    for cased_form, casing in ((body[:1].upper() + body[1:], _INITIAL), (body.upper(), _ALL)):
        if cased_form != body and cased_form.lower() == body:
            yield head + cased_form, casing


@cache
def _uppers() -> dict[str, list[str]]:
    """Return, for each letter, all upper-case letters that map to it, so that casing makes no word unknown."""
    upper_letters: dict[str, list[str]] = {}
    for letter in map(chr, range(sys.maxunicode + 1)):
        if (lower := letter.lower()) != letter:
            upper_letters.setdefault(lower, []).append(letter)
    return upper_letters
