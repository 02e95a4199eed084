"""CoNLL-U: ten columns, comments, multiword tokens and empty nodes (universaldependencies.org/format.html)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.sentence import MOST_WORDS, Sentence
from nlptrain.data.text_files import lines
from nlptrain.errors import InputError

_WIDTH = 10
_FORM, _UPOS, _XPOS = 2, 4, 5
_NAMES = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
_NAMED = {"tags": {"upos": _UPOS, "xpos": _XPOS}, "words": {"form": _FORM}}
_NO_WORD = re.compile(r"[1-9]\d*-[1-9]\d*|\d+\.[1-9]\d*")  # a multiword token 3-4, an empty node 8.1
_COMMENT = re.compile(r"#\s*(text|sent_id)\s*=\s?(.*)", re.DOTALL)


def read_conllu(path: Path, columns: ColumnsConfig) -> Iterator[Sentence]:
    """The sentences of a CoNLL-U file: its syntactic words, FORM (2) with UPOS (4) unless ``columns`` says otherwise.

    Comments give a sentence its ``# sent_id`` and its ``# text``, where its words are looked for.

    Raises:
        InputError: a line has not ten columns, the words of a sentence are not numbered 1, 2, 3, ..., a word is empty
            or has no UPOS or XPOS where that is read.
    """
    words, tags = _column(columns.words or _FORM, "words"), _column(columns.tags or _UPOS, "tags")
    for said, rows in _blocks(path):
        for row in rows:
            _check_not_empty(row, words, tags, path)
        numbers = tuple(row.line for row in rows)
        forms, tagged = (tuple(row.cells[column - 1] for row in rows) for column in (words, tags))
        where = f"{path}:{numbers[0]}"
        yield Sentence(forms, tagged, where, numbers, id=said.get("sent_id"), text=said.get("text"))


def other_fields(_: Path, columns: ColumnsConfig) -> list[str]:
    """Return the columns that ``read_conllu`` ignores, by their names in the format.

    Raises:
        InputError: ``columns`` is not of a CoNLL-U file.
    """
    read = {1, _column(columns.words or _FORM, "words"), _column(columns.tags or _UPOS, "tags")}
    return [name for number, name in enumerate(_NAMES, start=1) if number not in read]


class _Row(NamedTuple):
    line: int
    cells: list[str]


def _blocks(path: Path) -> Iterator[tuple[dict[str, str], list[_Row]]]:
    """The comments that are read and the words' lines of each sentence."""
    said: dict[str, str] = {}
    rows: list[_Row] = []
    for number, line in lines(path):
        if not line.strip():
            if rows:
                yield said, rows
            said, rows = {}, []
        elif line.startswith("#"):
            if match := _COMMENT.fullmatch(line):
                said[match[1]] = match[2]
        elif row := _row(path, number, line, len(rows)):
            rows.append(row)
            if len(rows) > MOST_WORDS:
                raise InputError(
                    f"{path}:{number}: found a sentence of more than {MOST_WORDS:,} words; a blank line ends one"
                )
    if rows:
        yield said, rows


def _row(path: Path, number: int, line: str, before: int) -> _Row | None:
    """The word of a line, or None for a multiword token or an empty node."""
    cells = line.split("\t")
    if len(cells) != _WIDTH:
        raise InputError(
            f"{path}:{number}: found {len(cells)} column{'s' * (len(cells) != 1)}; CoNLL-U has {_WIDTH}, "
            "separated by tabs (for a word and a tag on a line, set data.format: conll)"
        )
    if _NO_WORD.fullmatch(cells[0]):
        return None
    # A blank line that is missing would join two sentences in silence.
    if cells[0] != str(before + 1):
        raise InputError(
            f"{path}:{number}: found ID {cells[0]!r} behind {before} words; {before + 1} is next, "
            "and a blank line ends a sentence"
        )
    return _Row(number, cells)


def _check_not_empty(row: _Row, words: int, tags: int, path: Path) -> None:
    word, tag = row.cells[words - 1], row.cells[tags - 1]
    if not word:
        raise InputError(f"{path}:{row.line}: found an empty word in column {words} (data.columns.words)")
    # Other columns write _ for a value of its own: FEATS of a word without features.
    if not tag or (tag == "_" and tags in (_UPOS, _XPOS)):
        raise InputError(
            f"{path}:{row.line}: found {tag!r} (no tag) for {word!r} in column {tags}; "
            "tag it, or name another column with data.columns.tags"
        )


def _column(wanted: int | str, key: str) -> int:
    if isinstance(wanted, str) and wanted not in _NAMED[key]:
        known = " or ".join(_NAMED[key])
        raise InputError(f"data.columns.{key}: found {wanted!r}; CoNLL-U has {known}; or give a number, 1 to {_WIDTH}")
    number = _NAMED[key][wanted] if isinstance(wanted, str) else wanted
    column = number if number > 0 else _WIDTH + 1 + number
    if not 1 <= column <= _WIDTH:
        raise InputError(f"data.columns.{key}: found {number}; CoNLL-U has {_WIDTH} columns")
    return column
