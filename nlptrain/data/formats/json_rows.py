"""JSON objects of a file, whether it is JSON Lines, one JSON list, or an object with rows; and sentences from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nlptrain.data.formats.fields import document_of, json_type
from nlptrain.data.formats.head import read_head, rows_of
from nlptrain.data.formats.row_shapes import to_row
from nlptrain.data.formats.tag_names import UnnamedTagError
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.data.text_files import read_lines
from nlptrain.errors import InputError

Row = dict[str, Any]
MALFORMED = "row that is malformed"
_MAX_LINE, _MAX_FILE = 2**26, 2**30  # characters parsed at once: as objects they take up to thirty times the memory


def read_json_rows(path: Path, report: ReadReport | None) -> Iterator[tuple[str, Row]]:
    """Read the objects of a JSON Lines file, or of a file that is one JSON value, each with its location.

    A JSON value is a list of objects, the Hub's ``{"rows": [{"row": ...}]}``, or one object; it is read as a whole.

    Args:
        path: the file.
        report: receives the lines and items that are no objects; None: they are an error.

    Raises:
        InputError: the file cannot be read, or it is one JSON value that is damaged.
    """
    container = read_head(path).container
    if container in ("list", "object"):
        text = "\n".join(line for _, line in read_lines(path))
        values: Iterator[tuple[int, Any]] = enumerate(rows_of(_parse(text, str(path), _MAX_FILE))[1], start=1)
    else:
        values = ((line_number, line) for line_number, line in read_lines(path) if line.strip())
    for row_number, value in values:
        location = f"{path}:{row_number}"
        try:
            row = to_row(_parse(value, location, _MAX_LINE)) if container in ("lines", "") else value
            yield location, _check_object(row, location)
        except InputError as error:
            if report is None:
                raise
            report.skip(MALFORMED, error)


def read_row_sentences(
    path: Path, report: ReadReport, to_sentence: Callable[[Row, str], Sentence | None]
) -> Iterator[Sentence]:
    """Read a sentence from each row; rows that ``to_sentence`` refuses are reported and skipped.

    Args:
        path: the file.
        report: receives the rows that are skipped.
        to_sentence: returns the sentence of a row at a location, or None if it has none.

    Raises:
        InputError: as for ``read_json_rows``.
    """
    for location, row in read_json_rows(path, report):
        try:
            sentence = to_sentence(row, location)
        except UnnamedTagError:
            raise
        except InputError as error:
            report.skip(MALFORMED, error)
        else:
            if sentence is not None:
                document = document_of(row)
                yield sentence if document is None else replace(sentence, document=document)


def read_raw_rows(
    path: Path, columns: Sequence[str] | None = None, report: ReadReport | None = None
) -> Iterator[tuple[int, Row]]:
    """Read the rows of a file of raw text, with their numbers from 1.

    Raises:
        InputError: as for ``read_json_rows``.
    """
    del columns
    for location, row in read_json_rows(path, report):
        yield int(location.rpartition(":")[2]), row


def ignored_keys(path: Path, used: Sequence[str]) -> list[str]:
    """Return the keys of the first row of ``path`` that are not ``used``."""
    rows = read_head(path).rows
    return [key for key in (rows[0] if rows else {}) if key not in used]


def _parse(text: str, location: str, max_characters: int) -> Any:  # noqa: ANN401
    if len(text) > max_characters:
        raise InputError(
            f"found more than {max_characters >> 20} MB of JSON",
            location=location,
            hint="write more objects, each on a line, as .jsonl",
        )
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg} at column {error.colno}", location=location) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, deeply nested lists
        raise InputError(f"JSON that cannot be read: {error}", location=location) from error


def _check_object(value: Any, location: str) -> Row:  # noqa: ANN401
    if not isinstance(value, dict):
        raise InputError(f"found {json_type(value)}", location=location, expected="an object")
    return value
