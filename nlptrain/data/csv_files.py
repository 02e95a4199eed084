"""CSV files: a word, its tag and its sentence in each row, under a row of names."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.sentence import MOST_WORDS, Sentence
from nlptrain.data.text_files import lines
from nlptrain.data.tokens import listed_names
from nlptrain.errors import InputError

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


def read_csv(path: Path, columns: ColumnsConfig) -> Iterator[Sentence]:
    """The sentences of a CSV file: neighbouring rows with one name in the column of sentences.

    A row whose name is empty goes on with the sentence above. What separates the columns, the first row shows; names
    are found in any case.

    Raises:
        InputError: a column is missing, a row has another number of them, a word or a tag is empty, a quote is never
            closed, or a sentence's name comes back behind another one.
    """
    seen: set[str] = set()
    for name, rows in groupby(_rows(path, columns), key=lambda row: row.sentence):
        found = list(islice(rows, MOST_WORDS + 1))
        where = f"{path}:{found[0].line}"
        if len(found) > MOST_WORDS:
            raise InputError(
                f"{where}: sentence {name!r} has more than {MOST_WORDS:,} words; name the column of sentences"
            )
        if name in seen:
            raise InputError(f"{where}: sentence {name!r} comes back behind others; sort the rows by sentence")
        seen.add(name)
        words, tags = tuple(row.word for row in found), tuple(row.tag for row in found)
        yield Sentence(words, tags, where, tuple(row.line for row in found), id=name)


def other_names(path: Path, columns: ColumnsConfig) -> list[str]:
    """Return the columns that ``read_csv`` ignores.

    Raises:
        InputError: a column is missing.
    """
    names, _ = _opened(path)
    read = _read(path, names, columns)
    return [name for at, name in enumerate(names) if at not in read]


def read_named(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a CSV file by the names of its columns, with the numbers of their first lines.

    Raises:
        InputError: as for ``read_csv``.
    """
    names, rows = _opened(path)
    if twice := next((name for name, count in Counter(names).items() if name and count > 1), None):
        raise InputError(f"{path}: has several columns {twice!r}; rename all but one")
    return ((line, dict(zip(names, cells, strict=True))) for line, cells in rows)


def _opened(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The names of the columns, and the rows with the numbers of their first lines."""
    text = (f"{line}\n" for _, line in lines(path))
    head = next(text, "")
    separator = max(_SEPARATORS, key=head.count)
    try:
        names = next(csv.reader([head], delimiter=separator), [])
    except csv.Error as error:
        raise InputError(f"{path}:1: not CSV: {error}") from error

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
                        f"{path}:{first}: found {len(cells)} columns where the first row names {len(names)}"
                    )
                yield first, cells
        except csv.Error as error:
            raise InputError(f"{path}:{line}: not CSV: {error}") from error

    return names, rows()


def _rows(path: Path, columns: ColumnsConfig) -> Iterator[_Row]:
    names, rows = _opened(path)
    word, tag, sentence = _read(path, names, columns)
    current = ""
    for line, cells in rows:
        current = cells[sentence] or current
        if fault := _fault(cells, word, tag, current):
            raise InputError(f"{path}:{line}: found {fault}")
        yield _Row(line, current, cells[word], cells[tag])


def _read(path: Path, names: Sequence[str], columns: ColumnsConfig) -> tuple[int, int, int]:
    """Where the columns of words, tags and sentences stand."""
    word, tag = _column(path, names, "words", columns.words), _column(path, names, "tags", columns.tags)
    return word, tag, _column(path, names, "sentences", columns.sentences)


def _fault(cells: Sequence[str], word: int, tag: int, sentence: str) -> str | None:
    if not cells[word]:
        return "an empty word; leave its row out"
    if not cells[tag]:
        return f"no tag for {cells[word]!r}"
    return None if sentence else f"no sentence for {cells[word]!r}, nor one above it"


def _column(path: Path, names: Sequence[str], key: str, wanted: int | str | None) -> int:
    if isinstance(wanted, int):
        at = wanted - 1 if wanted > 0 else len(names) + wanted
        if not 0 <= at < len(names):
            raise InputError(f"data.columns.{key}: found {wanted}; {path} has {len(names)} columns")
        return at
    given = [name.strip().lower() for name in names]
    usual = [wanted.lower()] if wanted is not None else _NAMES[key]
    found = next((given.index(name) for name in usual if name in given), None)
    if found is None:
        raise InputError(
            f"{path}: found no column {' or '.join(map(repr, usual))} (columns: {listed_names(names)}); "
            f"name it with data.columns.{key}"
        )
    if given.count(given[found]) > 1:
        raise InputError(f"{path}: has several columns {names[found]!r}; rename all but one")
    return found
