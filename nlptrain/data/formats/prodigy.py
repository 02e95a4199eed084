"""Rows of Prodigy: complete annotations, and binary decisions, each of which accepts or rejects one span.

A row is ``{"text", "tokens", "spans": [{"start", "end", "label"}], "answer": "accept" | "reject" | "ignore"}``. Rows
with ``_view_id`` are binary if that is ``ner``, ``spans`` or ``binary``, and complete otherwise (``ner_manual``). Rows
without it are binary if none of them has more than one span, and if a text has several decisions about
different spans, or a rejected row has a span. In a file of binary decisions, all that is known of a text is which spans
are entities (accepted) and which are not (rejected): nothing is known of other words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.annotation_tools import read_annotated_sentence
from nlptrain.data.formats.fields import json_type, quote_json
from nlptrain.data.formats.head import Head
from nlptrain.data.formats.json_rows import Row, ignored_keys, read_json_rows
from nlptrain.data.formats.row_merging import merge_rows
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError

_BINARY_VIEWS = ("ner", "spans", "binary")


def is_prodigy(head: Head) -> bool:
    """Return whether the file has rows of Prodigy."""
    return head.has_rows("text", "answer") and any(isinstance(row.get("spans"), list) for row in head.rows)


def read_prodigy(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the texts of a file; binary decisions about one text are merged.

    Raises:
        InputError: the file cannot be read.
    """
    is_binary = _has_binary_decisions(path)
    texts = 0
    for location, row in merge_rows(path, context.report, partial(_to_rows, is_binary)):
        texts += row.get("asked") is not None
        if sentence := read_annotated_sentence(row, location, context):
            yield sentence
    if texts:
        count = f"{texts:,} text{'s' * (texts > 1)}"
        unknown = "words without an accepted or rejected span are unknown (data.unknown_as)"
        context.report.note(f"{path}: binary decisions of Prodigy about {count}; {unknown}")


def ignored_prodigy_keys(path: Path, _: ReadContext) -> list[str]:
    """Return the keys of the first row that are not read."""
    return ignored_keys(path, ("id", "text", "tokens", "spans", "answer", "_view_id"))


def _has_binary_decisions(path: Path) -> bool:
    """Return whether the rows without ``_view_id`` are binary decisions."""
    spans: dict[bytes, bytes] = {}
    is_binary = False
    for _, row in read_json_rows(path, ReadReport()):
        values = row.get("spans")
        if "_view_id" in row or not isinstance(values, list) or row.get("answer") not in ("accept", "reject"):
            continue
        if len(values) > 1:
            return False
        if values:
            text, span = _hash(row.get("text")), _hash(values[0])
            is_binary |= row["answer"] == "reject" or spans.setdefault(text, span) != span
    return is_binary


def _hash(value: object) -> bytes:
    return hashlib.blake2b(quote_json(value, 10_000).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _to_rows(is_binary: bool, row: Row, location: str, report: ReadReport) -> list[Row]:
    """Return a binary decision as a row with accepted and rejected spans; other rows as they are."""
    view = row.get("_view_id")
    if not (is_binary if view is None else view in _BINARY_VIEWS):
        return [row]
    if row.get("answer") == "ignore" or not row.get("spans"):
        reason = "ignored by the annotator" if row.get("answer") == "ignore" else "without a span to decide on"
        report.omitted[reason] += 1
        return []
    if not isinstance(row.get("text"), str) or not isinstance(row["spans"], list):
        key = "spans" if isinstance(row.get("text"), str) else "text"
        expected = "a list" if key == "spans" else "a string"
        raise InputError(f"found {json_type(row.get(key))} in {key!r}", location=location, expected=expected)
    spans = [_span(value, location) for value in row["spans"]]
    mapped: Row = {name: row.get(name) for name in ("id", "text", "tokens")}
    mapped |= {"entities": [], "rejected": [], "asked": []}
    return [mapped | {"rejected" if row.get("answer") == "reject" else "entities": spans}]


def _span(value: Any, location: str) -> Row:  # noqa: ANN401
    """Return a span without what differs between two decisions."""
    fields = value if isinstance(value, dict) else {}
    if not all(type(fields.get(key)) is int for key in ("start", "end")) or not fields.get("label"):
        expected = "'start' and 'end' (integers) and a label"
        raise InputError(f"found the span {quote_json(value)}", location=location, expected=expected)
    return {key: fields[key] for key in ("start", "end", "label", "score") if key in fields}
