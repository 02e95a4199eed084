"""The layout of a CoNLL file by its first lines: separator, width, header, and the columns that are read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.column_checks import (
    check_not_running_text,
    check_words,
    check_words_alone,
    missing_column,
    not_columns,
)
from nlptrain.data.formats.column_layout import ChosenColumns, choose_columns, is_header
from nlptrain.data.formats.column_values import Column
from nlptrain.data.formats.fields import is_blank
from nlptrain.data.read_report import ReadReport
from nlptrain.data.text_files import read_lines
from nlptrain.errors import InputError

DOCUMENT = re.compile(r"-*DOCSTART-*")
_DOCUMENT_LINE = re.compile(r"#\s?DOCSTART.*|#doc[ :=]+[\w.-]*\d[\w.-]*")
COMMENT_START = re.compile(r"#(?:\s|#|begin |end |[\w.:-]+\s*=)")
SPACES, ANY_SPACE = re.compile(r"[ \t]+"), re.compile(r"\s+")
_TAB = re.compile(r"\t")
_TABBED_COMMENT = re.compile(r"##|#\s*[\w.:-]+\s*=(?!.*\t\S+$)|# ?[^\t]+\t(?![BIESLU]-).*\S \S")
_GLOBAL_COLUMNS = re.compile(r"#\s*global\.columns\s*=\s*(.*)")
_MARK = re.compile(r"</?(?:s|p|doc|text|sentence|document|sent)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_BREAK_STARTS = frozenset("-D<#" + "".join(map(chr, range(33))))
_NEARLY_ALL = 0.9  # of the sentences
_SAMPLE = 3000  # lines that decide the layout
_LANGUAGE = re.compile(r"([a-z]{2,3}):.")


LoneLines = Literal["", "first", "last"]


@dataclass(frozen=True)
class ConllLayout:
    """How the lines of one file are read.

    Attributes:
        separator: of the columns.
        width: the number of columns of most lines.
        tags: the tags in the sample, by which a line of another width is read.
        header: the line with the names of the columns; "": there is none.
        language: what precedes each word, as in WikiANN (``en:``).
        has_entities: whether the tags are those of entities.
        values: those of each column in the sample.
        lone_lines: where nearly all sentences have a line of one column, as an intent or the sentence itself.
        varies: whether sentences differ in the number of columns, as with those of predicates in CoNLL-2012.
    """

    separator: re.Pattern[str]
    width: int
    chosen: ChosenColumns
    tags: frozenset[str]
    names: list[str]
    header: str = ""
    language: str = ""
    values: tuple[frozenset[str], ...] = ()
    varies: bool = False
    has_entities: bool = False
    lone_lines: LoneLines = ""

    @property
    def last(self) -> int:
        """The last column that is read, from 0."""
        return max(self.chosen.words, self.chosen.tags)

    def cells(self, line: str) -> list[str]:
        """Return the columns of ``line``."""
        if self.separator is _TAB:
            return line.split("\t")
        if self.separator is SPACES:  # str.split() also splits at U+00A0, U+3000 and the like, which occur inside words
            return [cell for cell in line.replace("\t", " ").split(" ") if cell]
        return line.split()

    def header_cells(self, line: str) -> list[str]:
        """Return the names in a header, which may begin with ``#``."""
        return [cell.strip(" \ufeff") for cell in self.cells(line.removeprefix("#").strip(" "))]

    @property
    def is_spaced(self) -> bool:
        """Whether spaces separate the columns."""
        return self.separator is not _TAB

    def may_be_comment(self, line: str) -> bool:
        """Return whether ``line``, of as many columns as the others, may be a comment rather than a word.

        In files with tabs, ``# 1`` is a word; ``## ...``, ``# name = ...`` and lines with a space in a later column
        that is no tag may be comments.
        """
        if not COMMENT_START.match(line):
            return False
        return self.is_spaced or "\t" not in line or _TABBED_COMMENT.match(line) is not None

    def is_break(self, line: str) -> bool:
        """Return whether a sentence ends at ``line``."""
        if line and line[0] not in _BREAK_STARTS and line[0].isascii():
            return False
        if is_blank(line):
            return True
        return is_document(line) or (line.startswith("<") and _MARK.fullmatch(line.strip()) is not None)


def is_document(line: str) -> bool:
    """Return whether a document begins at ``line``: its first column is ``-DOCSTART-``."""
    if line.startswith("#"):
        return _DOCUMENT_LINE.fullmatch(line.strip()) is not None
    return DOCUMENT.fullmatch(line.replace("\t", " ").split(" ", 1)[0]) is not None


def detect_layout(path: Path, context: ReadContext) -> ConllLayout | None:
    """Return the layout of the first lines; None if there is none with a word."""
    sample = [(line_number, line) for line_number, line in islice(read_lines(path), _SAMPLE)]
    lines = [(line_number, line) for line_number, line in sample if not is_blank(line) and not is_document(line)]
    if lines and lines[0][1].startswith("#FORMAT=WebAnno"):
        raise InputError("found WebAnno TSV", location=str(path), expected="columns", hint="export as CoNLL 2002")
    names = next((match[1].split() for _, line in lines if (match := _GLOBAL_COLUMNS.match(line))), [])
    content = [(line_number, line) for line_number, line in lines if not line.startswith("#")]
    content = content or [entry for entry in lines if not COMMENT_START.match(entry[1])] or lines[-1:]
    content = [(line_number, line) for line_number, line in content if not _MARK.fullmatch(line.strip())]
    if not content:
        return None
    separator = _separator([line for _, line in content])
    draft = ConllLayout(separator, 0, ChosenColumns(0, 0), frozenset(), [])
    rows = [[cell.strip(" \ufeff") for cell in draft.cells(line)] for _, line in content]
    header_line, header = _find_header([lines[0], content[0]], rows, draft)
    if header:
        names = draft.header_cells(header)
        rows = [row for row in rows if row != names]
        if not rows:
            return None
    width = _common_width(rows)
    if width < 2:
        raise not_columns(path, content[0], rows)
    check_words_alone(path, content[0][0], rows)
    names = names if len(names) == width else []
    columns = _columns(sample, draft, width, header)
    if not columns[0].values:
        raise not_columns(path, content[0], rows)
    stated = context.columns
    chosen = choose_columns(columns, names, {"words": stated.words, "tags": stated.tags}, str(path))
    first = content[bool(header_line)][0]
    if not (0 <= chosen.words < width and 0 <= chosen.tags < width and chosen.words != chosen.tags):
        raise missing_column(path, context, rows[0], first)
    if stated.words is None:
        check_words(columns[chosen.words], f"{path}:{first}")
    if separator is not _TAB:
        check_not_running_text(f"{path}:{first}", rows, width, columns[chosen.tags], context)
    layout = ConllLayout(
        separator,
        width,
        chosen,
        _tags(columns[chosen.tags]),
        names,
        header,
        _language(columns[chosen.words]),
        tuple(frozenset(column.counts) for column in columns),
        _varies(sample, draft, context),
        columns[chosen.tags].is_entity,
        _lone_lines(sample, draft, width),
    )
    _note_decisions(path, layout, header_line, context.report)
    return layout


def _note_decisions(path: Path, layout: ConllLayout, header_line: int, report: ReadReport) -> None:
    if header_line:
        report.note(f"{path}: line {header_line} is a header ({', '.join(layout.header_cells(layout.header))})")
    if layout.chosen.reason:
        report.note(f"{path}: {layout.chosen.reason}")
    if layout.language:
        report.note(f"{path}: {layout.language!r} before each word, removed")
    if layout.lone_lines:
        report.note(f"{path}: the {layout.lone_lines} line of each sentence has one column, and is left out")


def _find_header(
    candidates: Sequence[tuple[int, str]], rows: Sequence[list[str]], draft: ConllLayout
) -> tuple[int, str]:
    """Return the number and the text of the line with the names of the columns; 0 and "": there is none."""
    for line_number, line in candidates:
        cells = draft.header_cells(line)
        is_row = cells == rows[0]
        if is_header(cells, rows[is_row:]) and (is_row or len(cells) == _common_width(rows)):
            return line_number, line
    return 0, ""


def _lone_lines(sample: Sequence[tuple[int, str]], draft: ConllLayout, width: int) -> LoneLines:
    """Return at which end nearly all sentences have a line of one column."""
    blocks: list[list[int]] = [[]]
    for _, line in sample:
        if draft.is_break(line):
            blocks.append([])
        elif not COMMENT_START.match(line):
            blocks[-1].append(len(draft.cells(line.strip())))
    blocks = [block for block in blocks if width in block]
    if len(blocks) < 2:
        return ""
    first = sum(block[0] == 1 and block.count(1) < 3 and block[-1] != 1 for block in blocks)
    last = sum(block[-1] == 1 and block.count(1) == 1 for block in blocks)
    if max(first, last) < _NEARLY_ALL * len(blocks):
        return ""
    return "first" if first > last else "last"


def _varies(sample: Sequence[tuple[int, str]], draft: ConllLayout, context: ReadContext) -> bool:
    """Return whether the columns are stated by their numbers, and sentences differ in how many they have."""
    stated = context.columns.words, context.columns.tags
    if not all(isinstance(column, int) and column > 0 for column in stated):
        return False
    widths: list[set[int]] = [set()]
    for _, line in sample:
        if draft.is_break(line):
            widths.append(set())
        elif not COMMENT_START.match(line):
            widths[-1].add(len(draft.cells(line)))
    filled = [each for each in widths if each]
    return len({max(each) for each in filled}) > 1 and sum(len(each) == 1 for each in filled) >= 0.9 * len(filled)


def _tags(column: Column) -> frozenset[str]:
    """Return the tags of a column, and those of the same types with other prefixes."""
    tags = set(column.counts)
    if column.is_entity:
        tags.add("O")
        if column.spelling.kind == "tags":
            tags |= {f"{prefix}{tag[1:]}" for tag in tags if tag[:1] in "BIESLU" for prefix in "BIESLU" if len(tag) > 2}
    return frozenset(tags)


def _language(words: Column) -> str:
    """Return the language that precedes every word, with its colon; "": there is none."""
    match = _LANGUAGE.match(words.values[0])
    is_prefix = match is not None and all(word.startswith(f"{match[1]}:") and len(word) > 3 for word in words.counts)
    return f"{match[1]}:" if match is not None and is_prefix and len(words.values) > 3 else ""


def _separator(lines: Sequence[str]) -> re.Pattern[str]:
    if sum("\t" in line.strip() for line in lines) * 2 >= len(lines):
        return _TAB
    if sum(" " in line.strip() for line in lines) * 2 >= len(lines):
        return SPACES
    return ANY_SPACE


def _common_width(rows: Sequence[Sequence[str]]) -> int:
    """Return the number of columns of most rows."""
    widths = Counter(len(row) for row in rows)
    return max(widths, key=lambda width: (widths[width], width == len(rows[0])))


def _columns(sample: Sequence[tuple[int, str]], draft: ConllLayout, width: int, header: str) -> list[Column]:
    """Return the columns of the lines of the common width, by sentence."""
    sentences: list[list[list[str]]] = [[]]
    is_hash_only = all(line.startswith("#") or is_blank(line) for _, line in sample)
    for _, line in sample:
        if draft.is_break(line):
            sentences.append([])
        elif line != header and (is_hash_only or not draft.may_be_comment(line)):
            cells = draft.cells(line)
            if len(cells) == width:
                sentences[-1].append([cell.strip(" \ufeff") for cell in cells])
    filled = [rows for rows in sentences if rows]
    return [Column(index, tuple(tuple(row[index] for row in rows) for rows in filled)) for index in range(width)]
