"""Marks of a sentence next to its tags: the types that were looked for, rejected spans, and scores of entities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nlptrain.data.formats.fields import check_strings, check_utf8, json_type, quote_json
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Span
from nlptrain.errors import InputError

KEYS = ("asked", "rejected", "scores")
_SPAN = '{"start": 0, "end": 1, "label": "person"}'


def read_marks(row: Mapping[str, Any], words: int, location: str) -> dict[str, Any]:
    """Return the marks of a row as arguments of ``Sentence``; none for keys that it lacks or that are null.

    Args:
        row: may have the keys ``asked``, ``rejected`` and ``scores``.
        words: of the sentence.
        location: of the row, for messages.

    Raises:
        InputError: the types are no strings, or a span is no object, is outside of the sentence, or has no score.

    Example:
        >>> read_marks({"rejected": [{"start": 0, "end": 1, "label": "person"}]}, 2, "a.jsonl:1")
        {'rejected': (Span(label='person', start=0, end=1),)}
    """
    marks: dict[str, Any] = {}
    if row.get("asked") is not None:
        marks["asked"] = frozenset(check_strings(row["asked"], "asked", location))
    if row.get("rejected") is not None:
        marks["rejected"] = tuple(span for span, _ in _spans(row["rejected"], "rejected", words, location))
    if row.get("scores") is not None:
        marks["scores"] = {
            span: _score(item, location) for span, item in _spans(row["scores"], "scores", words, location)
        }
    return marks


def marks_of(sentence: Sentence) -> dict[str, Any]:
    """Return the keys of a row with the marks of ``sentence``; none for a sentence without marks.

    Example:
        >>> marks_of(Sentence(("Ada",), ("B-person",), asked=frozenset({"person", "group"})))
        {'asked': ['group', 'person']}
    """
    row: dict[str, Any] = {}
    if sentence.asked is not None:
        row["asked"] = sorted(sentence.asked)
    if sentence.rejected:
        row["rejected"] = [_to_json(span) for span in sentence.rejected]
    if sentence.scores:
        row["scores"] = [{**_to_json(span), "score": score} for span, score in sentence.scores.items()]
    return row


def _to_json(span: Span) -> dict[str, Any]:
    return {"start": span.start, "end": span.end, "label": span.label}


def _spans(values: object, key: str, words: int, location: str) -> Iterator[tuple[Span, Mapping[str, Any]]]:
    if not isinstance(values, list):
        raise InputError(
            f"found {json_type(values)} in {key!r}", location=location, expected=f"a list of spans, each {_SPAN}"
        )
    for index, item in enumerate(values, start=1):
        where = f"{location}: {key!r} {index}"
        fields = item if isinstance(item, dict) else {}
        start, end, label = (fields.get(name) for name in ("start", "end", "label"))
        if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label:
            raise InputError(f"found {quote_json(item)}", location=where, expected=f"words from 0 and a type: {_SPAN}")
        if not 0 <= start < end <= words:
            raise InputError(
                f"found a span from {start} to {end}",
                location=where,
                expected=f"a start before the end, both from 0 to {words}, the number of words",
            )
        check_utf8(label, where)
        yield Span(label, start, end), fields


def _score(item: Mapping[str, Any], location: str) -> float:
    score = item.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise InputError(
            f"found the score {quote_json(score)}", location=f"{location}: 'scores'", expected="a number from 0 to 1"
        )
    return float(score)
