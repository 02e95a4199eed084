"""Raw text from files of any kind, to the words of each line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from nlptrain.data.arrow_files import read_rows
from nlptrain.data.csv_files import read_named
from nlptrain.data.jsonlines import read_list, read_objects
from nlptrain.data.text_files import lines, unpacked
from nlptrain.data.tokens import kind, listed_names, strings
from nlptrain.errors import InputError

_COLUMNS = ("text", "tokens", "words")  # the first one that a row has is read
_PARQUET, _ARROW = (".parquet", ".pq"), (".arrow", ".feather")
_LINES, _LIST, _CSV = (".jsonl", ".ndjson"), (".json",), (".csv",)
_TAGS = ("tags", "ner_tags", "entities", "spans", "label", "labels", "annotations", "completions")
_GOLD = (".conll", ".conllu", ".bio", ".iob", ".iob2", ".ann")  # whose lines are no text


class Splitter(Protocol):
    """What cuts a line into words: the word splitter."""

    def words(self, text: str) -> tuple[str, ...]:
        """The words of ``text``."""
        ...


def raw_words(path: Path, splitter: Splitter) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The words of each line of raw text, with the number of its line or row, from 1.

    A text file holds lines. A row of Parquet, Arrow, JSON, JSON Lines or CSV (by its name) holds ``text``, whose lines
    are taken one by one, or, without it, ``tokens`` or ``words``, which are taken as they are.

    Args:
        path: the file.
        splitter: cuts texts into words.

    Raises:
        InputError: the file cannot be read, or a row has none of these or something else in it.
    """
    if not has_rows(path):
        yield from ((number, splitter.words(line)) for number, line in lines(path))
        return
    for number, row in _rows(path, _COLUMNS):
        for words in _of_row(row, f"{path}:{number}", splitter):
            yield number, words


def raw_texts(path: Path) -> Iterator[str]:
    """The lines of raw text; of rows without a text, their words with blanks between.

    Raises:
        InputError: as for ``raw_words``.
    """
    if not has_rows(path):
        yield from (line for _, line in lines(path))
        return
    for number, row in _rows(path, _COLUMNS):
        yield from (" ".join(part) for part in _of_row(row, f"{path}:{number}", _Whole()))


class _Whole:
    """A splitter that leaves a line as it is."""

    def words(self, text: str) -> tuple[str, ...]:
        return (text,)


def has_rows(path: Path) -> bool:
    """Whether ``path`` is, by its name, a file of rows rather than of lines.

    Raises:
        InputError: by its name it holds neither, but gold sentences.
    """
    suffix = unpacked(path).suffix.lower()
    if suffix in _GOLD:
        raise InputError(
            f"{path}: its name says that it holds words with tags, and raw text is read here; "
            f"nlptrain convert {path.name} {unpacked(path).stem}.jsonl writes rows whose words can be read"
        )
    return suffix in (*_PARQUET, *_ARROW, *_LINES, *_LIST, *_CSV)


def tags_beside(path: Path) -> str | None:
    """The column of a file of rows that holds, in the first of them, a list of tags or marks, which no text needs."""
    try:
        row = next(_rows(path, _TAGS), (1, {}))[1] if has_rows(path) else {}
    except (InputError, OverflowError):  # no such column, or two of a name: nothing that is read
        return None
    return next((key for key in _TAGS if isinstance(row.get(key), list)), None)


def read_any_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file for which ``has_rows`` holds, with all their columns.

    Raises:
        InputError: the file cannot be read.
    """
    return (row for _, row in _rows(path, None))


def _rows(path: Path, wanted: Sequence[str] | None) -> Iterator[tuple[int, dict[str, Any]]]:
    suffix = unpacked(path).suffix.lower()
    if suffix in _LINES:
        return read_objects(path)
    if suffix in _LIST:
        return read_list(path)
    if suffix in _CSV:
        return read_named(path)
    return enumerate(read_rows(path, parquet=suffix in _PARQUET, wanted=wanted), start=1)


def _of_row(row: dict[str, Any], where: str, splitter: Splitter) -> Iterator[tuple[str, ...]]:
    key = next((key for key in _COLUMNS if row.get(key) is not None), None)
    if key is None and isinstance(row.get("data"), dict):  # a task of Label Studio
        row = row["data"]
        key = next((key for key in _COLUMNS if row.get(key) is not None), None)
    if key is None:
        raise InputError(f"{where}: found no 'text', nor 'tokens' (keys: {listed_names(row)})")
    if key != "text":
        yield strings(row[key], key, where)
        return
    text = row[key]
    if not isinstance(text, str):
        raise InputError(f"{where}: found {kind(text)} in 'text'; it is a string")
    for line in text.split("\n"):
        yield splitter.words(line)
