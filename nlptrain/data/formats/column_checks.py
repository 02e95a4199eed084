"""Checks that the lines of a file are columns of words and tags, rather than text, and their errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.column_values import FEW, Column
from nlptrain.data.tag_spellings import is_part_of_speech
from nlptrain.errors import InputError, Setting

_TEXTS = 0.8  # of the cells, that have several words: they are texts
_ATTRIBUTE = re.compile(r"[A-Za-z]\w*(?:\[-?\d+\](?:\|\w+\[-?\d+\])*)?=.+")  # of CRFsuite
_TAGGED = re.compile(r"\S+[|/_]\S+")
_EVEN, _MAX_WIDTH = 0.7, 16  # share of lines of the same width, columns


def check_words(column: Column, location: str) -> None:
    """Check that the words of a file are words.

    Raises:
        InputError: nearly all of them are texts of several words, or numbers.
    """
    values = [value for value in column.values if value]
    if column.is_integer and len(values) >= FEW and len(column.counts) > 1:
        raise InputError(
            f"found numbers ({', '.join(values[:3])}, ...) where the words should be",
            location=location,
            expected="a word and its tag on each line",
            hint=("name the column of the words in ", Setting("data.columns.words")),
        )
    if len(values) >= FEW and sum(" " in value.strip() for value in values) > _TEXTS * len(values):
        raise InputError(
            f"found texts of several words ({values[0][:60]!r}, {values[1][:60]!r}, ...) where the words should be",
            location=location,
            expected="a word and its tag on each line; labels of whole texts are no tags",
        )


def check_words_alone(path: Path, line_number: int, rows: Sequence[Sequence[str]]) -> None:
    """Check that a line has one word, and that cells are words rather than attributes.

    Raises:
        InputError: each line is a sentence of ``word/TAG``, or the cells are attributes as CRFsuite reads them.
    """
    cells = [cell for row in rows for cell in row if cell]
    lists = [(row[0].split(), re.split(r"[ ,]+", row[-1])) for row in rows if len(row) > 1]
    if sum(len(words) == len(tags) > 1 for words, tags in lists) * 2 > len(rows):
        raise InputError(
            f"found a sentence in a line ({' | '.join(rows[0])[:80]!r})",
            location=f"{path}:{line_number}",
            expected="a word and its tag on each line",
        )
    if sum(_TAGGED.fullmatch(cell) is not None for cell in cells) >= 0.9 * len(cells):
        raise InputError(
            f"found several words in a line ({' '.join(rows[0][:2])!r})",
            location=f"{path}:{line_number}",
            expected="a word and its tag on each line",
        )
    if sum(_ATTRIBUTE.fullmatch(cell) is not None for row in rows for cell in row[1:]) * 2 > len(cells):
        raise InputError(
            f"found attributes ({rows[0][1]!r})",
            location=f"{path}:{line_number}",
            expected=("a column of words (", Setting("data.columns.words"), ") and one of tags"),
        )


def check_not_running_text(
    location: str, rows: Sequence[Sequence[str]], width: int, tags: Column, context: ReadContext
) -> None:
    """Check that lines separated by spaces are columns, rather than sentences whose last words are taken for tags.

    Raises:
        InputError: there are no tags of entities or parts of speech, and many columns, or lines differ in their number.
    """
    is_stated = context.columns.words is not None or context.columns.tags is not None
    has_tags = tags.is_entity or tags.has_only_outside or is_part_of_speech(tags.counts)
    if is_stated or has_tags or context.scheme == "plain":
        return
    is_even = sum(len(row) == width for row in rows) >= _EVEN * len(rows)
    if not is_even or width > _MAX_WIDTH or (len(rows) < FEW and width > 2):  # noqa: PLR2004
        shortest, longest = min(map(len, rows)), max(map(len, rows))
        lengths = longest if shortest == longest else f"{shortest} to {longest}"
        raise InputError(
            f"found lines of {lengths} words, which seem to be text",
            location=location,
            expected="a word and a tag on each line",
            hint=(
                "raw text belongs in ",
                Setting("data.unlabeled"),
                "; if these are columns, name them in ",
                Setting("data.columns"),
            ),
        )


def not_columns(path: Path, first: tuple[int, str], rows: Sequence[Sequence[str]]) -> InputError:
    """Return the error for lines of one column."""
    return InputError(
        f"found 1 column ({', '.join(map(repr, rows[0][:1]))})",
        location=f"{path}:{first[0]}",
        expected="a word and a tag on each line",
        hint=("raw text belongs in ", Setting("data.unlabeled")),
    )


def missing_column(path: Path, context: ReadContext, cells: Sequence[str], line_number: int) -> InputError:
    """Return the error for columns of words or tags that the file does not have."""
    return InputError(
        f"found {len(cells)} columns ({', '.join(map(repr, cells))})",
        location=f"{path}:{line_number}",
        expected=(
            f"words in column {context.columns.words or 1} (",
            Setting("data.columns.words"),
            f") and tags in column {context.columns.tags or -1} (",
            Setting("data.columns.tags"),
            ")",
        ),
    )
