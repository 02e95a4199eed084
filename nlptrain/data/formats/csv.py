"""CSV files: a header, and a word, its tag and its sentence in each row."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.fields import join_names, tagged_words
from nlptrain.data.sentence import MAX_WORDS, Sentence
from nlptrain.data.text_files import read_lines
from nlptrain.errors import InputError, Setting

_NAMES = {
    "words": ("word", "token", "words", "tokens"),
    "tags": ("tag", "ner_tag", "tags", "ner_tags", "label"),
    "sentences": ("sentence_id", "sent_id", "sentence", "sentence #"),
}
_SEPARATORS = ",;\t|"


class _Row(NamedTuple):
    line: int
    sentence: str
    word: str
    tag: str


def read_csv(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of a CSV file: consecutive rows with the same value in the column of sentences.

    A row without a value continues the sentence above. The separator is that of the header; column names are compared
    without case.

    Raises:
        InputError: a column is missing, a row has another number of columns, a word or a tag is empty, a quote is not
            closed, or a sentence continues after another one.
    """
    seen: set[str] = set()
    for name, group in groupby(_rows(path, context.columns), key=lambda row: row.sentence):
        rows = list(islice(group, MAX_WORDS + 1))
        where = f"{path}:{rows[0].line}"
        if len(rows) > MAX_WORDS:
            raise InputError(
                f"sentence {name!r} has more than {MAX_WORDS:,} words",
                location=where,
                hint=("set ", Setting("data.columns.sentences"), " to the column of sentences"),
            )
        if name in seen:
            raise InputError(
                f"sentence {name!r} continues after other sentences", location=where, hint="sort the rows by sentence"
            )
        seen.add(name)
        words, tags = tuple(row.word for row in rows), tuple(row.tag for row in rows)
        yield Sentence(words, tags, where, tuple(row.line for row in rows), id=name)


def ignored_columns(path: Path, context: ReadContext) -> list[str]:
    """Return the columns that ``read_csv`` ignores.

    Raises:
        InputError: a column is missing.
    """
    names, _ = _open(path)
    read = _find_columns(path, names, context.columns)
    return [name for index, name in enumerate(names) if index not in read]


def read_csv_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the rows of a CSV file as dictionaries with all columns, and the number of their first line.

    Raises:
        InputError: as for ``read_csv``.
    """
    del columns
    names, rows = _open(path)
    if repeated := next((name for name, count in Counter(names).items() if name and count > 1), None):
        raise _repeated_column(path, repeated)
    return ((line, dict(zip(names, cells, strict=True))) for line, cells in rows)


def csv_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield the lines of a CSV file; sentences without an id get their number as id.

    Raises:
        InputError: an id is empty or repeated, or a word or a tag has a line break.
    """
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")

    def row(*cells: str) -> str:
        line.seek(0)
        line.truncate()
        writer.writerow(cells)
        return line.getvalue()

    yield row("sentence_id", "word", "tag")
    seen: set[str] = set()
    for index, sentence in enumerate(sentences, start=1):
        context.count_lost(sentence, has_texts=False)
        name = str(index) if sentence.id is None else sentence.id
        if name in seen or not name:
            raise InputError(
                f"found the id {name!r}, which is {'used before' if name else 'empty'}",
                location=sentence.where,
                expected="a different id for each sentence, because CSV separates sentences by them",
            )
        seen.add(name)
        for word, tag in tagged_words(sentence, "\n\r"):
            yield row(name, word, tag)


def _open(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Return the names of the columns, and the rows with the number of their first line."""
    text = (f"{line}\n" for _, line in read_lines(path))
    header = next(text, "")
    separator = max(_SEPARATORS, key=header.count)
    try:
        names = next(csv.reader([header], delimiter=separator), [])
    except csv.Error as error:
        raise InputError(f"not CSV: {error}", location=f"{path}:1") from error

    def rows() -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(text, delimiter=separator, strict=True)
        line = 2
        try:
            for cells in reader:
                first, line = line, reader.line_num + 2
                if not any(cells):
                    continue
                if len(cells) != len(names):
                    raise InputError(
                        f"found {len(cells)} columns",
                        location=f"{path}:{first}",
                        expected=f"{len(names)}, as in the header",
                    )
                yield first, cells
        except csv.Error as error:
            raise InputError(f"not CSV: {error}", location=f"{path}:{line}") from error

    return names, rows()


def _rows(path: Path, columns: ColumnsConfig) -> Iterator[_Row]:
    names, rows = _open(path)
    word, tag, sentence = _find_columns(path, names, columns)
    current = ""
    for line, cells in rows:
        current = cells[sentence] or current
        location = f"{path}:{line}"
        if not cells[word]:
            raise InputError("found an empty word", location=location, hint="remove the row")
        if not cells[tag]:
            raise InputError(f"found no tag for {cells[word]!r}", location=location)
        if not current:
            raise InputError(f"found no sentence for {cells[word]!r}, nor above it", location=location)
        yield _Row(line, current, cells[word], cells[tag])


def _find_columns(path: Path, names: Sequence[str], columns: ColumnsConfig) -> tuple[int, int, int]:
    """Return the indices of the columns of words, tags and sentences."""
    word, tag = _find_column(path, names, "words", columns.words), _find_column(path, names, "tags", columns.tags)
    return word, tag, _find_column(path, names, "sentences", columns.sentences)


def _find_column(path: Path, names: Sequence[str], key: str, column: int | str | None) -> int:
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
        raise InputError(
            f"found no column {' or '.join(map(repr, candidates))} (columns: {join_names(names)})",
            location=str(path),
            hint=("set ", setting, " to its name"),
        )
    if lower_names.count(lower_names[position]) > 1:
        raise _repeated_column(path, names[position])
    return position


def _repeated_column(path: Path, name: str) -> InputError:
    return InputError(f"found several columns {name!r}", location=str(path), hint="rename all but one")
