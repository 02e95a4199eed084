"""CSV files: a header, and a word, its tag and its sentence in each row."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.column_layout import Column, choose_columns
from nlptrain.data.formats.fields import join_names, tagged_words
from nlptrain.data.sentence import MAX_WORDS, Sentence
from nlptrain.data.text_files import read_lines
from nlptrain.errors import InputError, Setting

_NAMES = {
    "words": ("word", "token", "words", "tokens", "form"),
    "tags": ("tag", "ner_tag", "tags", "ner_tags", "label", "labels", "ner", "entity", "bio", "iob"),
    "sentences": ("sentence_id", "sent_id", "sentence", "sentence #", "sentence_idx", "sentence_number", "sent"),
}
_SEPARATORS = ",;\t|"
_SAMPLE = 3000  # rows that decide the columns and the quoting
_MANY = 100  # sentence ids that occur again before the rows are refused
_OUTSIDE = ("O", "o")
Cells = list[str] | tuple[str, ...]  # a tuple: a row with another number of columns


class _Row(NamedTuple):
    line: int
    sentence: str
    word: str
    tag: str
    is_faulty: bool = False


@dataclass(frozen=True)
class _Table:
    """A CSV file.

    Attributes:
        names: of the columns.
        rows: with the number of their first line.
    """

    names: list[str]
    rows: Iterator[tuple[int, Cells]]


class _Columns(NamedTuple):
    """The indices of the columns that are read; without sentences, empty rows separate them."""

    words: int
    tags: int
    sentences: int | None


def read_csv(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of a CSV file: consecutive rows with the same value in the column of sentences.

    A row without a value continues the sentence above. Without such a column, an empty row ends a sentence. The
    separator is that of the header, or of a first line ``sep=;``; column names are compared without case, and columns
    with other names are chosen by their values. An empty word with the tag ``O`` is left out; a sentence with a row
    that has no word, no tag, or another number of columns is skipped.

    Raises:
        InputError: a column is missing, a quote is not closed, or most sentences continue after other ones.
    """
    seen: set[str] = set()
    repeated = 0
    for index, (name, group) in enumerate(groupby(_rows(path, context), key=lambda row: row.sentence), start=1):
        rows = list(islice(group, MAX_WORDS + 1))
        where = f"{path}:{rows[0].line}"
        if len(rows) > MAX_WORDS:
            raise InputError(
                f"sentence {name!r} has more than {MAX_WORDS:,} words",
                location=where,
                hint=("set ", Setting("data.columns.sentences"), " to the column of sentences"),
            )
        if name in seen:
            repeated += 1
            if repeated * 2 > index and (repeated > _MANY or len(rows) == 1):
                raise InputError(
                    f"sentence {name!r} continues after other sentences",
                    location=where,
                    hint="sort the rows by sentence",
                )
            context.report.repaired("sentence id that occurs again, read as another sentence", where, f"found {name!r}")
        seen.add(name)
        lines, _, words, tags, _ = zip(*rows, strict=True)
        if not (all(map(str.strip, words)) and all(tags)):
            rows = [row for row in rows if not _is_left_out(row, path, context)]
            if not rows or _is_faulty(rows, path, context):
                continue
            lines, _, words, tags, _ = zip(*rows, strict=True)
        yield Sentence(words, tags, where, lines, id=name)


def ignored_columns(path: Path, context: ReadContext) -> list[str]:
    """Return the columns that ``read_csv`` ignores.

    Raises:
        InputError: a column is missing.
    """
    columns, table = _find_columns(path, _open(path, context), context)
    return [name or f"column {index + 1}" for index, name in enumerate(table.names) if index not in columns]


def read_csv_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the rows of a CSV file as dictionaries with all columns, and the number of their first line.

    Raises:
        InputError: a row has another number of columns, or two columns have the same name.
    """
    del columns
    table = _open(path)
    names = table.names
    if repeated := next((name for name, count in Counter(names).items() if name and count > 1), None):
        raise _repeated_column(path, repeated)
    return ((line, dict(zip(names, cells, strict=True))) for line, cells in table.rows if any(cells))


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


def _is_left_out(row: _Row, path: Path, context: ReadContext) -> bool:
    is_empty = not row.is_faulty and not row.word.strip() and row.tag in _OUTSIDE
    if is_empty:
        context.report.repaired("empty word with tag O, left out", f"{path}:{row.line}")
    return is_empty


def _is_faulty(rows: Sequence[_Row], path: Path, context: ReadContext) -> bool:
    """Return whether a row cannot be read, and report it."""
    if any(row.is_faulty for row in rows):  # reported already
        return True
    for row in rows:
        location = f"{path}:{row.line}"
        if not row.word.strip():
            context.report.skipped("empty word with a tag", location, f"found the tag {row.tag!r} without a word")
            return True
        if not row.tag:
            context.report.skipped("row without a tag", location, f"found no tag for {row.word!r}")
            return True
    return False


def _open(path: Path, context: ReadContext | None = None) -> _Table:
    """Return the table in a file.

    Args:
        path: the file.
        context: receives rows with another number of columns; None: these raise.
    """
    numbered = read_lines(path)
    header_line, header = next(numbered, (1, ""))
    separator = max(_SEPARATORS, key=header.count)
    if stated := re.fullmatch(r'"?sep=(.)"?', header):
        separator = stated[1]
        header_line, header = next(numbered, (2, ""))
    lines = (f"{line}\n" for _, line in numbered)
    quoting = _quoting(path, separator)
    try:
        names = next(csv.reader([header], delimiter=separator, quoting=quoting), [])
    except csv.Error as error:
        raise InputError(f"not CSV: {error}", location=f"{path}:{header_line}") from error

    def rows() -> Iterator[tuple[int, Cells]]:
        reader = csv.reader(lines, delimiter=separator, quoting=quoting, strict=True)
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
                if context is None:
                    raise fault
                context.report.skip("row with another number of columns", fault)
                yield first, tuple(cells)
        except csv.Error as error:
            raise InputError(f"not CSV: {error}", location=f"{path}:{line}") from error

    return _Table([name.strip() for name in names], rows())


def _quoting(path: Path, separator: str) -> Literal[0, 3]:
    """Return ``csv.QUOTE_NONE`` if quotes are words rather than quotes, else ``csv.QUOTE_MINIMAL``."""
    lines = [line for _, line in islice(read_lines(path), _SAMPLE) if line]
    if not any(line.count('"') % 2 for line in lines):
        return csv.QUOTE_MINIMAL
    width = max(line.count(separator) for line in lines[:2])
    fitting = sum(line.count(separator) == width for line in lines)
    return csv.QUOTE_NONE if fitting >= 0.99 * len(lines) else csv.QUOTE_MINIMAL


def _rows(path: Path, context: ReadContext) -> Iterator[_Row]:
    (words, tags, sentences), table = _find_columns(path, _open(path, context), context)
    current, blocks = "", 1
    for line, cells in table.rows:
        if isinstance(cells, tuple):
            stated = "" if sentences is None or sentences >= len(cells) else cells[sentences].strip()
            current = stated or current or str(blocks)
            yield _Row(line, current, "", "", is_faulty=True)
        elif not any(cells):
            blocks += 1
        elif cells == table.names and line > 1:
            context.report.repaired("header that occurs again, left out", f"{path}:{line}")
        else:
            current = str(blocks) if sentences is None else cells[sentences].strip() or current
            word, tag = cells[words], cells[tags].strip()
            if not current:
                raise InputError(f"found no sentence for {word!r}, nor above it", location=f"{path}:{line}")
            yield _Row(line, current, word, tag)


def _find_columns(path: Path, table: _Table, context: ReadContext) -> tuple[_Columns, _Table]:
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
    if sentence is None:
        sentence = _sentence_column(sample, [index for index in range(len(names)) if index not in (word, tag)])
    if (word is None or tag is None) and sample and len(names) > 1:
        word, tag = _columns_by_value(path, names, sample, (word, tag, sentence), context) or (word, tag)
    rows = chain(first, table.rows)
    if word is None or tag is None or word == tag:
        raise _missing_column(path, names, "words" if word is None else "tags")
    if sentence is None and all(any(cells) for _, cells in first):
        raise _missing_column(path, names, "sentences")
    if stated.tags is None and _is_row(names[tag], [cells[tag] for cells in sample]):
        context.report.note(f"{path}: the first line is no header")
        rows = chain([(1, names)], rows)
    return _Columns(word, tag, sentence), _Table(names, rows)


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
    if tag is None and not any(column.is_entity for column in columns):
        return None
    stated = ColumnsConfig(
        words=None if word is None else indices.index(word) + 1, tags=None if tag is None else indices.index(tag) + 1
    )
    chosen = choose_columns(columns, [names[index] for index in indices], stated, str(path))
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
        raise _repeated_column(path, names[position])
    return position


def _missing_column(path: Path, names: Sequence[str], key: str, candidates: Sequence[str] = ()) -> InputError:
    return InputError(
        f"found no column {' or '.join(map(repr, candidates or _NAMES[key]))} (columns: {join_names(names)})",
        location=str(path),
        hint=("set ", Setting(f"data.columns.{key}"), " to its name"),
    )


def _repeated_column(path: Path, name: str) -> InputError:
    return InputError(f"found several columns {name!r}", location=str(path), hint="rename all but one")
