"""Files of raw text: lines, rows of any format, or gold files, of which the words are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nlptrain.config.data import DataConfig
from nlptrain.config.formats import FORMATS
from nlptrain.data.formats.fields import check_strings, join_names, json_type
from nlptrain.data.formats.head import read_head
from nlptrain.data.formats.registry import read_gold, rows_reader
from nlptrain.data.formats.sniffing import read_lines_of_head, sniff_raw
from nlptrain.data.read_report import ReadReport
from nlptrain.data.text_files import read_lines
from nlptrain.errors import InputError

Line = str | tuple[str, ...]  # a text, or words
_COLUMNS = ("text", "tokens", "words")  # the first one that a row has is read
_TAGS = ("tags", "ner_tags", "entities", "spans", "label", "labels", "annotations", "completions")
_SUBTITLE = re.compile(r"\d\d:\d\d(:\d\d)?[.,]\d{3} --> .*")
_SEPARATORS = ",;\t"
_MIN_LINES = 10  # of single words, before a file is refused


def check_raw(path: Path) -> None:
    """Check that the lines of a text file are sentences.

    Raises:
        InputError: they are HTML or XML, subtitles, columns, or a word each.
    """
    kind = raw_format(path)
    if kind == "markup":
        raise InputError(
            "found HTML or XML",
            location=str(path),
            expected="plain text, a sentence or a paragraph per line",
            hint="extract its text first",
        )
    if kind != "text":
        return
    lines = [line.strip() for line in read_lines_of_head(path) if line.strip()]
    if any(_SUBTITLE.fullmatch(line) for line in lines):
        raise InputError(
            "found subtitles", location=str(path), expected="plain text, without the numbers and times of subtitles"
        )
    tabs = {line.count("\t") for line in lines}
    if len(lines) > 1 and len(tabs) == 1 and tabs != {0}:
        cells = [line.split("\t") for line in lines]
        if any(all(row[column].strip().isdigit() for row in cells) for column in range(len(cells[0]))):
            raise InputError(
                f"found {len(cells[0])} columns separated by tabs ({lines[0][:60]!r})",
                location=f"{path}:1",
                expected="a sentence or a paragraph per line",
                hint=f"keep its column alone, e.g. cut -f{len(cells[0])}",
            )
    if len(lines) >= _MIN_LINES and all(" " not in line and line.isascii() for line in lines):
        raise InputError(
            f"found a word on each line ({', '.join(lines[:3])}, ...)",
            location=str(path),
            expected="a sentence or a paragraph per line",
        )


def raw_format(path: Path) -> str:
    """Return what a file of raw text is: ``text``, ``markup`` (HTML, XML), or the name of a format."""
    kind = sniff_raw(path)
    return "csv" if kind == "text" and _is_table(path) else kind


def _is_table(path: Path) -> bool:
    """Return whether a text file has a header with a column ``text``."""
    header, *lines = [line for line in read_lines_of_head(path) if line.strip()] or [""]
    separator = max(_SEPARATORS, key=header.count)
    names = [name.strip(' "').lower() for name in header.split(separator)]
    has_columns = len(names) > 1 and "text" in names and all(name and " " not in name for name in names)
    return has_columns and bool(lines) and all(line.count(separator) >= len(names) - 1 for line in lines[:5])


def has_rows(path: Path) -> bool:
    """Return whether ``path`` is a file of rows, rather than of lines or of gold sentences with a word per line."""
    kind = raw_format(path)
    if kind not in FORMATS or rows_reader(kind) is None:
        return False
    return _has_texts(path, kind) or not _has_words(path, kind)


def _has_texts(path: Path, kind: str) -> bool:
    """Return whether one of the first rows has a text, or a list of words."""
    read = rows_reader(kind)
    assert read is not None
    try:
        first = read_head(path).rows or [next(read(path), (0, {}))[1]]
    except (InputError, OverflowError):
        return True  # the reader reports it
    rows = [*first, *(row["data"] for row in first if isinstance(row.get("data"), dict))]  # of Label Studio
    return any(
        isinstance(row.get("text"), str) or any(isinstance(row.get(key), list) for key in _COLUMNS) for row in rows
    )


def _has_words(path: Path, kind: str) -> bool:
    """Return whether the file has gold sentences, e.g. a CSV file with a word per row."""
    try:
        return next(read_gold(path, DataConfig(format=kind), ReadReport()), None) is not None
    except InputError:
        return False


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Read the rows of a file for which ``has_rows`` is true, with all their columns.

    Raises:
        InputError: the file cannot be read.
    """
    return (row for _, row in _rows(path, None))


def find_tag_column(path: Path) -> str | None:
    """Return the column of tags or annotations in the first row of ``path``, or the format of a gold file, if any."""
    kind = raw_format(path)
    if kind in FORMATS and not has_rows(path):
        return kind
    if kind not in FORMATS:
        return None
    try:
        row = (read_head(path).rows or [next(_rows(path, _TAGS), (1, {}))[1]])[0]
    except (InputError, OverflowError):  # no such column, or two of the same name
        return None
    return next((key for key in _TAGS if isinstance(row.get(key), list)), None)


def read_raw_lines(
    path: Path, data: DataConfig | None = None, report: ReadReport | None = None
) -> Iterator[tuple[int, Line]]:
    """Read each line of raw text, or the words of rows without a text, with the number of the line or row, from 1.

    Of gold files with a word per line, the words of each sentence are read, and of others their texts.

    Args:
        path: the file.
        data: how gold files are read, except for their format.
        report: receives the rows and gold sentences that are skipped; None: the first one raises.

    Raises:
        InputError: the file cannot be read, or none of its rows has a text or words.
    """
    kind = raw_format(path)
    if kind not in FORMATS:
        yield from read_lines(path)
    elif has_rows(path):
        yield from _text_rows(path, report)
    else:
        own_report = report or ReadReport(is_strict=True)
        for sentence in read_gold(path, (data or DataConfig()).model_copy(update={"format": kind}), own_report):
            line_number = int(sentence.where.rpartition(":")[2])
            text = sentence.text if sentence.text is not None and sentence.offsets else None
            yield line_number, sentence.words if text is None else text.replace("\n", " ")
        skipped = [cause for cause in own_report.causes if cause.action == "skipped"]
        if report is None and skipped:
            raise InputError(skipped[0].problems[0])


def _text_rows(path: Path, report: ReadReport | None) -> Iterator[tuple[int, Line]]:
    """Yield the lines or words of each row; if no row has any, the first fault is raised even with a report."""
    fault, has_texts = None, False
    for row_number, row in _rows(path, _COLUMNS, report):
        try:
            lines = list(_row_lines(row, f"{path}:{row_number}"))
        except InputError as error:
            if report is None:
                raise
            report.skip("row without a text or words", error)
            fault = fault or error
        else:
            has_texts = True
            yield from ((row_number, line) for line in lines)
    if fault is not None and not has_texts:
        raise fault


def _rows(
    path: Path, columns: Sequence[str] | None, report: ReadReport | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a file for which ``has_rows`` is true, with ``columns``; None: with all."""
    read = rows_reader(raw_format(path))
    assert read is not None, "has_rows() comes first"
    return read(path, columns, report)


def _row_lines(row: dict[str, Any], location: str) -> Iterator[Line]:
    key = next((key for key in _COLUMNS if row.get(key) is not None), None)
    if key is None and isinstance(row.get("data"), dict):  # a task of Label Studio
        row = row["data"]
        key = next((key for key in _COLUMNS if row.get(key) is not None), None)
    if key is None:
        raise InputError(f"found the keys {join_names(row)}", location=location, expected="'text' or 'tokens'")
    if key != "text":
        yield check_strings(row[key], key, location)
        return
    text = row[key]
    if not isinstance(text, str):
        raise InputError(f"found {json_type(text)} in 'text'", location=location, expected="a string")
    yield from text.split("\n")
