"""Exports of Label Studio: JSON, JSON-MIN, and CSV with the regions of a task as JSON in a cell."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.annotation_tools import ignored_task_keys, read_annotated_sentence, used_keys
from nlptrain.data.formats.csv import read_csv_rows
from nlptrain.data.formats.head import Head, read_head
from nlptrain.data.formats.json_rows import Row, read_json_rows
from nlptrain.data.formats.label_studio import is_task, region_key
from nlptrain.data.sentence import Sentence

_EXPORTED = ("annotator", "annotation_id", "created_at", "updated_at", "lead_time")  # with each task


def is_label_studio(head: Head) -> bool:
    """Return whether the file has tasks of Label Studio."""
    if head.rows:
        return any(is_task(row) or region_key(row) for row in head.rows)
    try:
        rows = list(csv.DictReader(f"{line}\n" for line in head.lines))
    except csv.Error:
        return False
    return any(region_key(_parsed(row)) for row in rows)


def read_label_studio(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the texts of the tasks with their labeled regions.

    Raises:
        InputError: the file cannot be read.
    """
    rows = read_json_rows(path, context.report) if read_head(path).rows else _csv_rows(path, context)
    for location, row in rows:
        is_annotated = is_task(row) or region_key(row) is not None
        annotated = row if is_annotated else {"id": row.get("id"), "text": row.get("text"), "entities": []}
        if sentence := read_annotated_sentence(annotated, location, context):
            yield sentence


def ignored_label_studio_keys(path: Path, _: ReadContext) -> list[str]:
    """Return the keys of the first task that are not read."""
    row = next(iter(read_head(path).rows), {})
    return [*ignored_task_keys(row), *(key for key in row if key not in (*used_keys(row), *_EXPORTED))]


def _csv_rows(path: Path, context: ReadContext) -> Iterator[tuple[str, Row]]:
    for row_number, row in read_csv_rows(path, report=context.report):
        yield f"{path}:{row_number}", _parsed(row)


def _parsed(row: dict[Any, Any]) -> Row:
    """Return a row of CSV with the lists that are JSON in its cells."""
    return {key: _parse(cell) if isinstance(cell, str) and cell.startswith("[{") else cell for key, cell in row.items()}


def _parse(cell: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell
