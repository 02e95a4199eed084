"""CSV files with a sentence in each row: a column with its words, and one with its tags.

Both are lists, written as JSON (``["Ada", "sings"]``), as Python or as numpy prints them, or separated by spaces or
commas: ``sentence,word_labels`` with ``Ada sings`` and ``"B-person,O"``.
"""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.csv_table import are_blanks_after
from nlptrain.data.formats.fields import check_strings, clean_words, id_and_text, join_names, quote_json
from nlptrain.data.formats.head import Head
from nlptrain.data.formats.json_rows import MALFORMED
from nlptrain.data.formats.tag_names import UnnamedTagError, tag_name
from nlptrain.data.sentence import Sentence
from nlptrain.data.text_files import read_lines
from nlptrain.errors import InputError, Setting

_NAMES = {
    "words": ("tokens", "words", "word_list", "token_list", "sentence", "text", "token", "word"),
    "tags": ("ner_tags", "word_labels", "tags", "labels", "ner", "tag", "label", "pos_tags", "upos", "pos"),
}
_IDS = ("id", "sentence_id", "sent_id", "sentence #")
_SEPARATORS = ",;\t|"
_NUMPY_ITEM = r"""(?:'[^']*'|"[^"]*"|-?\d+)"""
_NUMPY_LIST = re.compile(rf"\[\s*{_NUMPY_ITEM}(?:\s+{_NUMPY_ITEM})+\s*\]")


def is_wide_csv(head: Head) -> bool:
    """Return whether the rows of a file with a header have lists of words, and as many tags."""
    if head.container or len(head.lines) < 2:
        return False
    try:
        rows = [cells for _, cells in _rows(iter(f"{line}\n" for line in head.lines))]
    except csv.Error:
        return False
    names = [name.strip().lower() for name in rows[0]] if rows else []
    words, tags = (next((names.index(name) for name in _NAMES[key] if name in names), None) for key in _NAMES)
    if words is None or tags is None:
        return False
    pairs = [_lists_or_none(cells[words], cells[tags]) for cells in rows[1:21] if len(cells) == len(names)]
    are_even = [len(word_list) == len(tag_list) for word_list, tag_list in pairs]
    return 2 * sum(are_even) > len(rows[1:21]) and any(
        len(word_list) == len(tag_list) > 1 for word_list, tag_list in pairs
    )


def read_wide_csv(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of a file; rows whose lists differ in length are reported and skipped.

    Raises:
        InputError: a column is missing, a quote is not closed, or a tag is a number without a name.
    """
    rows = _rows(f"{line}\n" for _, line in read_lines(path))
    try:
        _, names = next(rows, (1, []))
        words, tags = (_find_column(path, names, key, context) for key in _NAMES)
        lower_names = [name.strip().lower() for name in names]
        id_column = next((lower_names.index(name) for name in _IDS if name in lower_names), None)
        for line, cells in rows:
            location = f"{path}:{line}"
            try:
                if len(cells) != len(names):
                    expected = f"{len(names)}, as in the header"
                    raise InputError(f"found {len(cells)} columns", location=location, expected=expected)
                row_id = None if id_column is None else cells[id_column]
                if sentence := _sentence(cells[words], cells[tags], row_id, location, context):
                    yield sentence
            except UnnamedTagError:
                raise
            except InputError as error:
                context.report.skip(MALFORMED, error)
    except csv.Error as error:
        raise InputError(f"not CSV: {error}", location=str(path)) from error


def ignored_wide_columns(path: Path, context: ReadContext) -> list[str]:
    """Return the columns that are not read.

    Raises:
        InputError: a column is missing.
    """
    _, names = next(_rows(f"{line}\n" for _, line in read_lines(path)), (1, []))
    used = {_find_column(path, names, key, context) for key in _NAMES}
    return [name for index, name in enumerate(names) if index not in used and name.strip().lower() not in _IDS]


def _rows(lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows, the header first, with the numbers of their first lines."""
    header = next(lines, "")
    separator, skipped = max(_SEPARATORS, key=header.count), 0
    if header.strip().lower().startswith("sep=") and len(header.strip()) == 5:
        separator, header, skipped = header.strip()[-1], next(lines, ""), 1
    has_blanks = are_blanks_after(separator, header)
    yield 1 + skipped, next(csv.reader([header], delimiter=separator, skipinitialspace=has_blanks), [])
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=has_blanks)
    line = 2 + skipped
    for cells in reader:
        first, line = line, reader.line_num + 2 + skipped
        if any(cells):
            yield first, cells


def _find_column(path: Path, names: Sequence[str], key: str, context: ReadContext) -> int:
    column = getattr(context.columns, key)
    if isinstance(column, int):
        index = column - 1 if column > 0 else len(names) + column
        if not 0 <= index < len(names):
            setting = Setting(f"data.columns.{key}")
            raise InputError(f"found {column}", location=setting, expected=f"one of the {len(names)} columns of {path}")
        return index
    lower_names = [name.strip().lower() for name in names]
    candidates = _NAMES[key] if column is None else (column.lower(),)
    index = next((lower_names.index(name) for name in candidates if name in lower_names), -1)
    if index < 0:
        raise InputError(
            f"found no column {' or '.join(map(repr, candidates))} (columns: {join_names(names)})",
            location=str(path),
            hint=("set ", Setting(f"data.columns.{key}"), " to its name"),
        )
    return index


def _sentence(words: str, tags: str, row_id: str | None, location: str, context: ReadContext) -> Sentence | None:
    try:
        word_list, tag_list = _lists(words, tags)
    except InputError as error:
        raise InputError(error.problems[0].found, location=location, expected="a list of strings") from error
    if len(word_list) != len(tag_list):
        raise InputError(
            f"found {len(word_list)} words and {len(tag_list)} tags",
            location=location,
            expected="one tag for each word",
        )
    names: list[Any] = [tag_name(tag, context.tag_names, location) for tag in tag_list]
    word_list, names = clean_words([str(word) for word in word_list], names, location, context.report)
    checked = check_strings(word_list, "words", location)
    sentence_id, _ = id_and_text({"id": row_id or None}, location)
    if not checked:
        return None
    return Sentence(checked, check_strings(names, "tags", location, are_tags=True), location, id=sentence_id)


def _lists_or_none(words: str, tags: str) -> tuple[list[Any], list[Any]]:
    """Return the items of two cells; of cells that cannot be read, lists of different lengths."""
    try:
        return _lists(words, tags)
    except InputError:
        return [], [""]


def _lists(words: str, tags: str) -> tuple[list[Any], list[Any]]:
    """Return the items of two cells; of separators that a cell may have, those that give as many words as tags."""
    tag_lists = _splits(tags)
    word_lists = _splits(words)[:: -1 if "," in tags else 1]
    pairs = [(word_list, tag_list) for word_list in word_lists for tag_list in tag_lists]
    return next((pair for pair in pairs if len(pair[0]) == len(pair[1])), pairs[0])


def _splits(cell: str) -> list[list[Any]]:
    """Return the lists that a cell may be: by spaces, and by commas unless an item would have a space."""
    cell = cell.strip()
    if cell[:1] in ("[", "(") and (items := _literal(cell)) is not None:
        return [items]
    if cell.startswith("[") and cell.endswith("]"):
        raise InputError(f"found {quote_json(cell)}, a list that cannot be read")
    by_commas = [part.strip() for part in cell.split(",")]
    has_commas = len(by_commas) > 1 and all(len(part.split()) == 1 for part in by_commas)
    return [cell.split(), by_commas] if has_commas else [cell.split()]


def _literal(cell: str) -> list[Any] | None:
    """Return the items of a list as JSON, Python or numpy writes it; None: it is no list."""
    try:
        if _NUMPY_LIST.fullmatch(cell):  # without commas: Python would join the strings
            return [ast.literal_eval(item) for item in re.findall(_NUMPY_ITEM, cell)]
        value = json.loads(cell)
    except (ValueError, SyntaxError, RecursionError):
        try:
            value = ast.literal_eval(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            value = None
    return list(value) if isinstance(value, list | tuple) else None
