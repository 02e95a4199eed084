"""The table in a CSV file: its separator, quotes, names and rows, and the columns of words, tags and sentences."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Literal, NamedTuple

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.column_checks import check_words
from nlptrain.data.formats.column_layout import Role, choose_columns
from nlptrain.data.formats.column_values import Column
from nlptrain.data.formats.entity_fields import ENDS, STARTS, plain_name
from nlptrain.data.formats.fields import join_names
from nlptrain.data.read_report import ReadReport
from nlptrain.data.text_files import read_lines
from nlptrain.errors import InputError, Setting

_NAMES = {
    "words": ("word", "token", "words", "tokens", "form"),
    "tags": ("tag", "ner_tag", "tags", "ner_tags", "label", "labels", "ner", "entity", "bio", "iob"),
    "sentences": tuple(
        "sentence_id,sent_id,sentence,sentence #,sentence_idx,sentence_number,sent,sent_idx,sent_no,sent_num,"
        "sentence_no,sentence_num,sentence id,sid".split(",")
    ),
}
_DOCUMENTS = tuple(
    "doc_id document_id document doc doc_idx doc_no doc_num docid file filename file_name pmid article_id".split()
)
_SEPARATORS = ",;\t|"
_SHOWN = 4  # usual names of a column, in messages
_COMMENT = re.compile(r"\s*(?:#[^,;\t|]*)?")  # before the header
_SAMPLE = 3000  # rows that decide the columns and the quoting
Cells = list[str] | tuple[str, ...]  # a tuple: a row with another number of columns


@dataclass(frozen=True)
class Table:
    """A CSV file.

    Attributes:
        names: of the columns.
        rows: with the number of their first line.
    """

    names: list[str]
    rows: Iterator[tuple[int, Cells]]


class TableColumns(NamedTuple):
    """The indices of the columns that are read; without sentences, empty rows separate them."""

    words: int
    tags: int
    sentences: int | None
    documents: int | None


def open_table(path: Path, report: ReadReport | None = None) -> Table:
    """Return the table in a file.

    Args:
        path: the file.
        report: receives rows with another number of columns; None: the first one raises.
    """
    numbered = read_lines(path)
    header_line, header = next((entry for entry in numbered if not _COMMENT.fullmatch(entry[1])), (1, ""))
    separator = max(_SEPARATORS, key=header.count)
    if stated := re.fullmatch(r'"?sep=(.)"?', header):
        separator = stated[1]
        header_line, header = next(numbered, (2, ""))
    has_blanks = are_blanks_after(separator, header)
    lines = (f"{line}\n" for _, line in numbered)
    quoting = _quoting(path, separator)
    try:
        names = next(csv.reader([header], delimiter=separator, quoting=quoting, skipinitialspace=has_blanks), [])
    except csv.Error as error:
        raise InputError(f"not CSV: {error}", location=f"{path}:{header_line}") from error

    def rows() -> Iterator[tuple[int, Cells]]:
        reader = csv.reader(lines, delimiter=separator, quoting=quoting, strict=True, skipinitialspace=has_blanks)
        line = header_line + 1
        try:
            for cells in reader:
                first, line = line, header_line + 1 + reader.line_num
                if len(cells) == len(names) or not any(cells):
                    yield first, cells if cells else [""] * len(names)
                    continue
                fault = InputError(
                    f"found {len(cells)} columns",
                    location=f"{path}:{first}",
                    expected=f"{len(names)}, as in the header",
                )
                if report is None:
                    raise fault
                report.skip("row with another number of columns", fault)
                yield first, tuple(cells)
        except csv.Error as error:
            raise InputError(f"not CSV: {error}", location=f"{path}:{line}") from error

    return Table([name.strip() for name in names], rows())


def are_blanks_after(separator: str, header: str) -> bool:
    """Return whether each separator in a header has a blank after it, so that blanks there are no part of a cell."""
    return 0 < header.count(separator) == header.count(f"{separator} ")


def _quoting(path: Path, separator: str) -> Literal[0, 3]:
    """Return ``csv.QUOTE_NONE`` if quotes are words rather than quotes, else ``csv.QUOTE_MINIMAL``."""
    lines = [line for _, line in islice(read_lines(path), _SAMPLE) if line]
    if not any(line.count('"') % 2 for line in lines):
        return csv.QUOTE_MINIMAL
    width = max(line.count(separator) for line in lines[:2])
    fitting = sum(line.count(separator) == width for line in lines)
    return csv.QUOTE_NONE if fitting >= 0.99 * len(lines) else csv.QUOTE_MINIMAL


def find_columns(path: Path, table: Table, context: ReadContext) -> tuple[TableColumns, Table]:
    """Return the columns that are read, and the table.

    Raises:
        InputError: a column is missing.
    """
    names, stated = table.names, context.columns
    first = list(islice(table.rows, _SAMPLE))
    sample = [cells for _, cells in first if isinstance(cells, list) and any(cells)]
    word, tag, sentence = (
        _find_column(path, names, key, getattr(stated, key)) for key in ("words", "tags", "sentences")
    )
    if stated.tags is None and tag is not None:
        tag = _entity_column(path, names, sample, tag, context)
    if sentence is None:
        sentence = _sentence_column(sample, [index for index in range(len(names)) if index not in (word, tag)])
    if (word is None or tag is None) and sample and len(names) > 1:
        word, tag = _columns_by_value(path, names, sample, (word, tag, sentence), context) or (word, tag)
    rows = chain(first, table.rows)
    if stated.words is None:
        _check_no_spans(path, names)
    if word is None or tag is None or word == tag:
        raise _missing_column(path, names, "words" if word is None else "tags")
    if stated.words is None:
        check_words(Column(word, (tuple(cells[word] for cells in sample),)), str(path))
    if sentence is None and all(any(cells) for _, cells in first):
        raise _missing_column(path, names, "sentences")
    if stated.tags is None and _is_row(names[tag], [cells[tag] for cells in sample]):
        context.report.note(f"{path}: the first line is no header")
        rows = chain([(1, names)], rows)
    documents = _document_column(names, sample)
    return TableColumns(word, tag, sentence, documents), Table(names, rows)


def _check_no_spans(path: Path, names: Sequence[str]) -> None:
    """Check that the rows are no spans: start, end and label.

    Raises:
        InputError: they are.
    """
    plain = {plain_name(name.strip()) for name in names}
    if plain & set(STARTS) and plain & set(ENDS) and not plain & {"word", "token", "words", "tokens"}:
        raise InputError(
            f"found a span in each row (columns: {join_names(names)})",
            location=str(path),
            expected="a word and its tag in each row",
            hint='write a text with its spans per line, as JSON Lines: {"text": ..., "entities": [...]}',
        )


def _document_column(names: Sequence[str], sample: Sequence[Sequence[str]]) -> int | None:
    """Return the column of documents, whose values occur in several rows each."""
    for index, name in enumerate(names):
        if name.strip().lower() in _DOCUMENTS:
            runs = sum(1 for _ in groupby(row[index] for row in sample if row[index]))
            return index if runs <= 0.7 * len(sample) else None
    return None


def _entity_column(
    path: Path, names: Sequence[str], sample: Sequence[Sequence[str]], tag: int, context: ReadContext
) -> int:
    """Return the column of tags of entities, if exactly one of the columns with a usual name has them; else ``tag``."""
    usual = [index for index, name in enumerate(names) if name.strip().lower() in _NAMES["tags"]]
    columns = [Column(index, (tuple(row[index] for row in sample),)) for index in usual] if len(usual) > 1 else []
    entities = [column.index for column in columns if column.is_entity]
    if len(entities) > 1:
        raise InputError(
            f"found tags of entities in the columns {join_names(names[index] for index in entities)}",
            location=str(path),
            hint=("name one of them in ", Setting("data.columns.tags")),
        )
    if columns:
        chosen = entities[0] if entities else tag
        context.report.note(f"{path}: tags in column {names[chosen]} (data.columns.tags)")
        return chosen
    return tag


def _is_row(name: str, tags: Sequence[str]) -> bool:
    """Return whether the name of the column of tags is a tag of an entity, or ``O``."""
    spelling = Column(0, ((name, *tags),)).spelling
    return name.strip().lower() not in _NAMES["tags"] and spelling.kind == "tags" and name in (spelling.tags or {})


def _columns_by_value(
    path: Path,
    names: Sequence[str],
    sample: Sequence[Sequence[str]],
    roles: tuple[int | None, int | None, int | None],
    context: ReadContext,
) -> tuple[int, int] | None:
    """Return the columns of words and tags by their values; None unless the tags are those of entities."""
    word, tag, sentence = roles
    indices = [index for index in range(len(names)) if index != sentence]
    columns = [Column(place, (tuple(row[index] for row in sample),)) for place, index in enumerate(indices)]
    if len(columns) < 2 or (tag is None and not any(column.is_entity for column in columns)):
        return None
    stated: dict[Role, int | str | None] = {
        "words": None if word is None else indices.index(word) + 1,
        "tags": None if tag is None else indices.index(tag) + 1,
    }
    chosen = choose_columns(columns, [names[index] for index in indices], stated, str(path))
    if word is None and columns[chosen.words].is_integer and any(not column.is_integer for column in columns):
        return None  # offsets of spans, for example
    words, tags = indices[chosen.words], indices[chosen.tags]
    context.report.note(
        f"{path}: words in column {names[words]}, tags in column {names[tags]}, by their values (data.columns)"
    )
    return words, tags


def _sentence_column(sample: Sequence[Sequence[str]], indices: Sequence[int]) -> int | None:
    """Return the first column whose equal values follow each other, as those of the words of a sentence do."""
    for index in indices:
        values = [row[index] for row in sample]
        runs = [value for value, _ in groupby(values)]
        if 1 < len(runs) <= len(values) * 0.7 and len(set(runs)) == len(runs) and "" not in values:
            return index
    return None


def _find_column(path: Path, names: Sequence[str], key: str, column: int | str | None) -> int | None:
    """Return the index of the column that is stated, or that has a usual name; None: there is none."""
    setting = Setting(f"data.columns.{key}")
    if isinstance(column, int):
        index = column - 1 if column > 0 else len(names) + column
        if not 0 <= index < len(names):
            raise InputError(f"found {column}", location=setting, expected=f"one of the {len(names)} columns of {path}")
        return index
    lower_names = [name.strip().lower() for name in names]
    candidates = [column.lower()] if column is not None else _NAMES[key]
    position = next((lower_names.index(name) for name in candidates if name in lower_names), None)
    if position is None:
        if column is not None:
            raise _missing_column(path, names, key, candidates)
        return None
    if lower_names.count(lower_names[position]) > 1:
        raise repeated_column(path, names[position])
    return position


def _missing_column(path: Path, names: Sequence[str], key: str, candidates: Sequence[str] = ()) -> InputError:
    return InputError(
        f"found no column {' or '.join(map(repr, candidates or _NAMES[key][:_SHOWN]))} (columns: {join_names(names)})",
        location=str(path),
        hint=("set ", Setting(f"data.columns.{key}"), " to its name"),
    )


def repeated_column(path: Path, name: str) -> InputError:
    """Return the error for several columns of one name."""
    return InputError(f"found several columns {name!r}", location=str(path), hint="rename all but one")
