"""Offsets in rows of annotation tools: those of tokens, as strings or as pairs of offsets, and single ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.annotated_text import BAD_TOKENS
from nlptrain.data.formats.fields import quote_json
from nlptrain.data.sentence import find_offsets

_MAX_OFFSET = 2**53  # no text is longer


def token_offsets(
    tokens: Any,  # noqa: ANN401
    text: str,
    location: str,
    context: ReadContext,
) -> Sequence[tuple[int, int]] | None:
    """Return start and end of each token, or None if a row has no tokens, or some that are not in its text."""
    if tokens is None:
        return None
    tokens = tokens if isinstance(tokens, list) else [tokens]
    if tokens and all(isinstance(token, str) for token in tokens) and (word_offsets := find_offsets(text, tokens)):
        return word_offsets
    if offsets := _usual_offsets(tokens):
        return offsets
    for token in tokens:
        pair = [token.get("start"), token.get("end")] if isinstance(token, dict) else token
        start, end = map(to_offset, pair) if isinstance(pair, list) and len(pair) == 2 else (None, None)
        if start is None or end is None:
            context.report.repaired(BAD_TOKENS, location, f"found the token {quote_json(token)}")
            return None
        offsets.append((start, end))
    return offsets


def _usual_offsets(tokens: list[Any]) -> list[tuple[int, int]]:
    """Return the offsets of tokens that are all pairs, or all objects, of integers, which is fast; else nothing."""
    try:
        if tokens and isinstance(tokens[0], dict):
            offsets = [(token["start"], token["end"]) for token in tokens]
        else:
            offsets = [(start, end) for start, end in tokens]
    except (TypeError, ValueError, KeyError):
        return []
    values = list(chain.from_iterable(offsets))
    is_usual = set(map(type, values)) == {int} and -_MAX_OFFSET < min(values) and max(values) < _MAX_OFFSET
    return offsets if is_usual else []


def to_offset(value: Any) -> int | None:  # noqa: ANN401
    """Return an offset as an integer, or None if it is none; some tools write 3.0."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and -_MAX_OFFSET < value < _MAX_OFFSET else None
