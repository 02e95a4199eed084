"""CSV files: a header, and a word, its tag and its sentence in each row."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.csv_table import find_columns, open_table, repeated_column
from nlptrain.data.formats.fields import tagged_words
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import MAX_WORDS, Sentence
from nlptrain.errors import InputError, Setting

_MANY = 100  # sentence ids that occur again before the rows are refused
_OUTSIDE = ("O", "o")


class _Row(NamedTuple):
    line: int
    sentence: str
    word: str
    tag: str
    is_faulty: bool = False
    document: str = ""


def read_csv(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of a CSV file: consecutive rows with the same value in the column of sentences.

    A row without a value continues the sentence above. Without such a column, an empty row ends a sentence. A column of
    documents (``doc_id`` or ``document``) separates sentences as well. The separator is that of the header, or of a
    first line ``sep=;``; column names are compared without case, and columns with other names are chosen by their
    values. An empty word with the tag ``O`` is left out; a sentence with a row that has no word, no tag, or another
    number of columns is skipped.

    Raises:
        InputError: a column is missing, a quote is not closed, or most sentences continue after other ones.
    """
    seen: set[tuple[str, str]] = set()
    repeated = 0
    groups = groupby(_rows(path, context), key=lambda row: (row.document, row.sentence))
    for index, ((document, name), group) in enumerate(groups, start=1):
        rows = list(islice(group, MAX_WORDS + 1))
        where = f"{path}:{rows[0].line}"
        if len(rows) > MAX_WORDS:
            raise InputError(
                f"sentence {name!r} has more than {MAX_WORDS:,} words",
                location=where,
                hint=("set ", Setting("data.columns.sentences"), " to the column of sentences"),
            )
        if (document, name) in seen:
            repeated += 1
            if repeated * 2 > index and (repeated > _MANY or len(rows) == 1):
                raise InputError(
                    f"sentence {name!r} continues after other sentences",
                    location=where,
                    hint="sort the rows by sentence",
                )
            context.report.repaired("sentence id that occurs again, read as another sentence", where, f"found {name!r}")
        seen.add((document, name))
        lines, _, words, tags, _, _ = zip(*rows, strict=True)
        if not (all(map(str.strip, words)) and all(tags)):
            rows = [row for row in rows if not _is_left_out(row, path, context)]
            if not rows or _is_faulty(rows, path, context):
                continue
            lines, _, words, tags, _, _ = zip(*rows, strict=True)
        sentence_id = f"{document}:{name}" if document else name
        yield Sentence(words, tags, where, lines, id=sentence_id, document=document or None)


def ignored_columns(path: Path, context: ReadContext) -> list[str]:
    """Return the columns that ``read_csv`` ignores.

    Raises:
        InputError: a column is missing.
    """
    columns, table = find_columns(path, open_table(path, context.report), context)
    return [name or f"column {index + 1}" for index, name in enumerate(table.names) if index not in columns]


def read_csv_rows(
    path: Path, columns: Sequence[str] | None = None, report: ReadReport | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the rows of a CSV file as dictionaries with all columns, and the number of their first line.

    Args:
        path: the file.
        columns: has no effect.
        report: receives rows with another number of columns; None: the first one raises.

    Raises:
        InputError: a quote is not closed, or two columns have the same name.
    """
    del columns
    table = open_table(path, report)
    names = table.names
    if repeated := next((name for name, count in Counter(names).items() if name and count > 1), None):
        raise repeated_column(path, repeated)
    rows = ((line, cells) for line, cells in table.rows if isinstance(cells, list) and any(cells))
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
        context.count_lost(sentence, has_texts=False, has_scores=False, has_partial=False)
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


def _rows(path: Path, context: ReadContext) -> Iterator[_Row]:
    (words, tags, sentences, documents), table = find_columns(path, open_table(path, context.report), context)
    current, document, blocks = "", "", 1
    for line, cells in table.rows:
        if isinstance(cells, tuple):
            stated = "" if sentences is None or sentences >= len(cells) else cells[sentences].strip()
            current = stated or current or str(blocks)
            yield _Row(line, current, "", "", is_faulty=True, document=document)
        elif not any(cells):
            blocks += 1
        elif cells == table.names and line > 1:
            context.report.repaired("header that occurs again, left out", f"{path}:{line}")
        else:
            current = str(blocks) if sentences is None else cells[sentences].strip() or current
            word, tag = cells[words].strip(" \t"), cells[tags].strip()
            if not current:
                raise InputError(f"found no sentence for {word!r}, nor above it", location=f"{path}:{line}")
            document = "" if documents is None else cells[documents].strip() or document
            yield _Row(line, current, word, tag, document=document)
