"""Column files: a word and its tag on a line, a blank line between sentences (the CoNLL shared tasks' format)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.sentence import MOST_WORDS, Sentence
from nlptrain.data.text_files import lines
from nlptrain.errors import InputError

_DOCUMENT = "-DOCSTART-"
_COMMENT = re.compile(r"# (?:sent_)?(id|text) = (.*)", re.DOTALL)


def read_columns(path: Path, columns: ColumnsConfig) -> Iterator[Sentence]:
    """The sentences of a column file.

    Tabs separate the columns if the file's first line with a word has one, and then they are all that does, so that
    a word may hold spaces; otherwise any run of spaces does. A line of nothing but white space ends a sentence. Lines
    whose first column is ``-DOCSTART-`` are no words.

    A comment is a line that starts with ``#`` and a space and cannot be a word's: it has no tab where tabs separate;
    where spaces do, it has not as many columns as the words' lines, or reads ``# name = value``. So ``# O``,
    ``#<TAB>O`` and ``#NowPlaying O`` are words. ``# id = ...`` and ``# text = ...`` are the sentence's.

    Raises:
        InputError: a line has too few columns, an empty word or no tag.
    """
    layout = _layout(path, columns)
    if layout is None:
        return
    found: list[tuple[str, str, int]] = []
    said: dict[str, str] = {}

    def sentence() -> Sentence:
        words, tags, numbers = zip(*found, strict=True)
        return Sentence(words, tags, f"{path}:{numbers[0]}", numbers, id=said.get("id"), text=said.get("text"))

    for number, line in lines(path):
        if not _is_break(line):
            cells = layout.cells(line)
            if layout.is_comment(line, cells):
                if match := _COMMENT.fullmatch(line):
                    said[match[1]] = match[2]
            else:
                found.append((*layout.word_and_tag(cells, f"{path}:{number}"), number))
                if len(found) > MOST_WORDS:
                    raise InputError(
                        f"{path}:{number}: found a sentence of more than {MOST_WORDS:,} words; a blank line ends one"
                    )
        elif found:
            yield sentence()
            found, said = [], {}
    if found:
        yield sentence()


def other_columns(path: Path, columns: ColumnsConfig) -> list[str]:
    """Return the columns that ``read_columns`` ignores, by the first line that has columns.

    Raises:
        InputError: ``columns`` names one, and these have no names.
    """
    layout = _layout(path, columns)
    if layout is None:
        return []
    read = {number if number > 0 else layout.width + 1 + number for number in (layout.words, layout.tags)}
    return [f"column {number}" for number in range(1, layout.width + 1) if number not in read]


class _Layout(NamedTuple):
    """How the lines of one file are to be read, by the first one that has a word."""

    words: int
    tags: int
    tabbed: bool
    width: int
    line: int

    def cells(self, line: str) -> list[str]:
        # str.split() without an argument would also split at U+00A0, U+3000 and the like, which stand inside words.
        if self.tabbed or "\t" in line:
            return [cell.strip(" ") for cell in line.split("\t")]
        return [cell for cell in line.split(" ") if cell]

    def is_comment(self, line: str, cells: list[str]) -> bool:
        if not line.startswith("# ") or "\t" in line:
            return False
        return self.tabbed or len(cells) != self.width or cells[2:3] == ["="]

    def word_and_tag(self, cells: list[str], where: str) -> tuple[str, str]:
        width = len(cells)
        word, tag = (column - 1 if column > 0 else width + column for column in (self.words, self.tags))
        if not (0 <= word < width and 0 <= tag < width and word != tag):
            raw = "; raw text is for data.unlabeled" if self.width == 1 else ""
            raise InputError(f"{where}: found {self._found(cells)}; {self._wanted()}{raw}")
        # Columns counted from both ends meet the same two only if the lines are equally long: 'New York O'.
        if width != self.width and (self.words > 0) != (self.tags > 0):
            raise InputError(
                f"{where}: found {self._found(cells)} where line {self.line} has {self.width}; {self._wanted()}, "
                "so each line needs as many: mend it, or count both from the same end (raw text is for data.unlabeled)"
            )
        if not cells[word]:
            raise InputError(f"{where}: found an empty word in column {self.words}; a blank line ends a sentence")
        if not cells[tag]:
            raise InputError(f"{where}: found no tag for {cells[word]!r} in column {self.tags} (data.columns.tags)")
        return cells[word], cells[tag]

    def _found(self, cells: list[str]) -> str:
        hint = f", and no tab, which separates the columns in line {self.line}" if self.tabbed else ""
        hint = hint if len(cells) == 1 else ""
        return f"{len(cells)} column{'s' * (len(cells) != 1)} ({', '.join(map(repr, cells))}){hint}"

    def _wanted(self) -> str:
        return f"the words are in column {self.words} and the tags in column {self.tags} (data.columns)"


def _layout(path: Path, columns: ColumnsConfig) -> _Layout | None:
    """The layout by the first line that must be a word's, or, if all start with ``#``, by the last; None if none is."""
    words, tags = (_number(columns, key, path) for key in ("words", "tags"))
    shown: tuple[int, str] | None = None
    for number, line in lines(path):
        if not _is_break(line):
            shown = number, line
            if not line.startswith("#"):
                break
    if shown is None:
        return None
    number, line = shown
    layout = _Layout(words or 1, tags or -1, "\t" in line, 0, number)
    return layout._replace(width=len(layout.cells(line)))


def _number(columns: ColumnsConfig, key: str, path: Path) -> int | None:
    found: int | str | None = getattr(columns, key)
    if isinstance(found, str):
        raise InputError(f"data.columns.{key}: found {found!r}, and the columns of {path} have no names; give a number")
    return found


def _is_break(line: str) -> bool:
    return not line.strip() or line.replace("\t", " ").split(" ", 1)[0] == _DOCUMENT
