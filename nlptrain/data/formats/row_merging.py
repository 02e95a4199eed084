"""Rows about the same text, each annotated in part, as one row."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nlptrain.data.formats.fields import quote_json
from nlptrain.data.formats.json_rows import MALFORMED, Row, read_json_rows
from nlptrain.data.read_report import ReadReport
from nlptrain.errors import InputError

_CONTRADICTION = "span that is both accepted and rejected, left out"
ToRows = Callable[[Row, str, ReadReport], list[Row]]


def merge_rows(path: Path, report: ReadReport, to_rows: ToRows) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a file, those with ``asked`` and the same ``text`` as one row, with the location of the first.

    Entities, rejected spans and types that were asked for are united. The file is read twice: a text is kept until its
    last row; of all texts together, only hashes are kept.

    Args:
        path: a file of JSON rows.
        report: receives the rows that are malformed, and spans that are both accepted and rejected.
        to_rows: returns a row as rows with ``text``, ``entities`` and, if they are annotated in part, ``asked``.

    Raises:
        InputError: the file cannot be read.
    """
    remaining = Counter(_hash(row) for _, row in _rows(path, ReadReport(), to_rows) if row.get("asked") is not None)
    pending: dict[bytes, tuple[str, Row]] = {}
    for location, row in _rows(path, report, to_rows):
        if row.get("asked") is None:
            yield location, row
            continue
        text = _hash(row)
        remaining[text] -= 1
        if text in pending:
            _unite(pending[text][1], row)
        else:
            pending[text] = location, {"rejected": [], **row}
        if remaining[text] <= 0:
            first, merged = pending.pop(text)
            yield first, _without_contradictions(merged, first, report)


def _rows(path: Path, report: ReadReport, to_rows: ToRows) -> Iterator[tuple[str, Row]]:
    for location, row in read_json_rows(path, report):
        try:
            mapped = to_rows(row, location, report)
        except InputError as error:
            report.skip(MALFORMED, error)
        else:
            yield from ((location, mapped_row) for mapped_row in mapped)


def _hash(row: Row) -> bytes:
    return hashlib.blake2b(str(row.get("text")).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _unite(merged: Row, row: Row) -> None:
    merged["asked"] = list(dict.fromkeys([*merged["asked"], *row["asked"]]))
    for key in ("entities", "rejected"):
        values = {quote_json(value, 1000): value for value in [*merged[key], *row.get(key, [])]}
        merged[key] = list(values.values())


def _without_contradictions(row: Row, location: str, report: ReadReport) -> Row:
    rejected = {_span(value) for value in row["rejected"]}
    both = rejected & {_span(value) for value in row["entities"]}
    if not both:
        return row
    report.repaired(_CONTRADICTION, location, count=len(both))
    return row | {key: [value for value in row[key] if _span(value) not in both] for key in ("entities", "rejected")}


def _span(value: Any) -> tuple[Any, ...]:  # noqa: ANN401
    return tuple(map(str, map(value.get, ("start", "end", "label")))) if isinstance(value, dict) else (str(value),)
