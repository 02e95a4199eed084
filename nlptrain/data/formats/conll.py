"""CoNLL column files: a word and its tag on each line, a blank line between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.fields import comment_lines, tagged_words
from nlptrain.data.sentence import MAX_WORDS, Sentence
from nlptrain.data.text_files import read_lines
from nlptrain.errors import InputError, Setting, Text

_DOCUMENT = "-DOCSTART-"
_COMMENT = re.compile(r"# (?:sent_)?(id|text) = (.*)", re.DOTALL)


def read_conll(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of a CoNLL file.

    If the first line with a word has a tab, tabs separate the columns, and a word may contain spaces; otherwise spaces
    separate them. A sentence ends at a blank line and at a line whose first column is ``-DOCSTART-``.

    A comment starts with ``#`` and a space. In a file with tabs, it has no tab. In a file with spaces, it has the form
    ``# name = value``, or another number of columns than the first line with a word: with two columns, ``# O`` and
    ``#NowPlaying O`` are words. ``# id = ...`` and ``# text = ...`` are the id and the text of the sentence.

    Raises:
        InputError: a line has too few columns, an empty word or no tag.
    """
    layout = _detect_layout(path, context.columns)
    if layout is None:
        return
    rows: list[tuple[str, str, int]] = []
    comments: dict[str, str] = {}

    def sentence() -> Sentence:
        words, tags, numbers = zip(*rows, strict=True)
        return Sentence(words, tags, f"{path}:{numbers[0]}", numbers, id=comments.get("id"), text=comments.get("text"))

    for line_number, line in read_lines(path):
        if not _is_break(line):
            cells = layout.cells(line)
            if layout.is_comment(line, cells):
                if match := _COMMENT.fullmatch(line):
                    comments[match[1]] = match[2]
            else:
                rows.append((*layout.word_and_tag(cells, f"{path}:{line_number}"), line_number))
                if len(rows) > MAX_WORDS:
                    raise too_many_words(f"{path}:{line_number}")
        elif rows:
            yield sentence()
            rows, comments = [], {}
    if rows:
        yield sentence()


def ignored_columns(path: Path, context: ReadContext) -> list[str]:
    """Return the columns that ``read_conll`` ignores, according to the first line that has columns.

    Raises:
        InputError: ``context`` names a column, and columns of CoNLL files have no names.
    """
    layout = _detect_layout(path, context.columns)
    if layout is None:
        return []
    read = {column if column > 0 else layout.width + 1 + column for column in (layout.word_column, layout.tag_column)}
    return [f"column {column}" for column in range(1, layout.width + 1) if column not in read]


def conll_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield the lines of a CoNLL file, separated by tabs.

    Raises:
        InputError: a word or a tag cannot be written in a column.
    """
    for sentence in sentences:
        if context.comments:
            yield from comment_lines(sentence, context, "id")
        else:
            context.count_lost(sentence, has_ids=False, has_texts=False)
        for word, tag in tagged_words(sentence, "\t\n\r"):
            if word.strip(" ") != word or word.startswith(_DOCUMENT):
                raise InputError(f"the word {word!r} cannot be written in a CoNLL file", location=sentence.where)
            yield f"{word}\t{tag}\n"
        yield "\n"


def too_many_words(location: str) -> InputError:
    """Return the error for a sentence of more than ``MAX_WORDS`` words."""
    return InputError(
        f"found a sentence of more than {MAX_WORDS:,} words",
        location=location,
        expected="a blank line after each sentence",
    )


class _Layout(NamedTuple):
    """How the lines of one file are read, according to its first line with a word."""

    word_column: int
    tag_column: int
    has_tabs: bool
    width: int
    line: int

    def cells(self, line: str) -> list[str]:
        # str.split() without an argument also splits at U+00A0, U+3000 and the like, which occur inside words.
        if self.has_tabs or "\t" in line:
            return [cell.strip(" ") for cell in line.split("\t")]
        return [cell for cell in line.split(" ") if cell]

    def is_comment(self, line: str, cells: list[str]) -> bool:
        if not line.startswith("# ") or "\t" in line:
            return False
        return self.has_tabs or len(cells) != self.width or cells[2:3] == ["="]

    def word_and_tag(self, cells: list[str], location: str) -> tuple[str, str]:
        width = len(cells)
        word, tag = (column - 1 if column > 0 else width + column for column in (self.word_column, self.tag_column))
        if not (0 <= word < width and 0 <= tag < width and word != tag):
            hint: Text = ("raw text belongs in ", Setting("data.unlabeled")) if self.width == 1 else ""
            raise InputError(self._describe(cells), location=location, expected=self._expected(), hint=hint)
        # Columns counted from both ends are the same only if the lines are equally long: 'New York O'.
        if width != self.width and (self.word_column > 0) != (self.tag_column > 0):
            raise InputError(
                f"{self._describe(cells)}, but line {self.line} has {self.width}",
                location=location,
                expected=self._expected(),
                hint=(
                    "correct the line, or count both columns from the same end (raw text belongs in ",
                    Setting("data.unlabeled"),
                    ")",
                ),
            )
        if not cells[word]:
            raise InputError(
                f"found an empty word in column {self.word_column}",
                location=location,
                hint="a blank line ends a sentence",
            )
        if not cells[tag]:
            raise InputError(
                f"found no tag for {cells[word]!r} in column {self.tag_column}",
                location=location,
                hint=("or set ", Setting("data.columns.tags")),
            )
        return cells[word], cells[tag]

    def _describe(self, cells: list[str]) -> str:
        has_no_tab = self.has_tabs and len(cells) == 1
        hint = f", and no tab, which separates the columns in line {self.line}" if has_no_tab else ""
        return f"found {len(cells)} column{'s' * (len(cells) != 1)} ({', '.join(map(repr, cells))}){hint}"

    def _expected(self) -> Text:
        return (
            f"words in column {self.word_column} (",
            Setting("data.columns.words"),
            f") and tags in column {self.tag_column} (",
            Setting("data.columns.tags"),
            ")",
        )


def _detect_layout(path: Path, columns: ColumnsConfig) -> _Layout | None:
    """Return the layout of the first line without a leading ``#``, or else of the last line; None if there is none."""
    words, tags = (_column_number(columns, key, path) for key in ("words", "tags"))
    example: tuple[int, str] | None = None
    for line_number, line in read_lines(path):
        if not _is_break(line):
            example = line_number, line
            if not line.startswith("#"):
                break
    if example is None:
        return None
    line_number, line = example
    layout = _Layout(words or 1, tags or -1, "\t" in line, 0, line_number)
    return layout._replace(width=len(layout.cells(line)))


def _column_number(columns: ColumnsConfig, key: str, path: Path) -> int | None:
    column: int | str | None = getattr(columns, key)
    if isinstance(column, str):
        raise InputError(
            f"found {column!r}",
            location=Setting(f"data.columns.{key}"),
            expected=f"a number; the columns of {path} have no names",
        )
    return column


def _is_break(line: str) -> bool:
    return not line.strip() or line.replace("\t", " ").split(" ", 1)[0] == _DOCUMENT
