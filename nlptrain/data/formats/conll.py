"""CoNLL column files: a word and its tag on each line, a blank line between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.conll_layout import (
    ANY_SPACE,
    COMMENT_START,
    SPACES,
    ConllLayout,
    detect_layout,
    is_document,
)
from nlptrain.data.formats.fields import (
    BLANK_INSIDE,
    EMPTY_WORD,
    comment_lines,
    continues_entity,
    is_blank,
    tagged_words,
)
from nlptrain.data.sentence import MAX_WORDS, Sentence
from nlptrain.data.text_files import read_lines
from nlptrain.errors import InputError

_DOCUMENT_COMMENT = re.compile(
    r"#\s?(?:newdoc(?:\s+id\s*=\s*(\S.*))?|(?:\w+:)?(?:document_id|doc_id)\s*=\s*(\S.*)|begin document\s*(\S.*)?)"
)
_COMMENT = re.compile(r"#\s?(?:sent_)?(id|text)\s*=\s?(.*)", re.DOTALL)
_OUTSIDE = ("O", "o")
_ENTITY_TAG = re.compile(r"[BIESLU][-_:]\S+")  # also of a type that occurs after the first lines
_INVISIBLE = "words of invisible characters"


def read_conll(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of a CoNLL file.

    Tabs separate the columns if most lines have one, and a word may then contain spaces; otherwise spaces do. The
    columns of words and tags are chosen by their values, see ``column_layout``. A sentence ends at a blank line and at
    a line whose first column is ``-DOCSTART-``. A line that begins with ``#`` and a space, ``#name =`` or ``#begin`` is
    a comment unless it has as many columns as the others and one of their tags. ``# id = ...`` and ``# text = ...`` are
    the id and the text of the sentence.

    An empty word with the tag ``O`` is left out. A sentence with a line that has no word or no tag is skipped.

    Raises:
        InputError: two columns may be the tags, or the first line has one column alone.
    """
    layout = detect_layout(path, context)
    if layout is None:
        return
    reader = _Reader(path, layout, context)
    for line_number, line in read_lines(path):
        if line == layout.header and line:
            reader.add_header(line_number)
        elif not layout.is_break(line):
            reader.add(line, line_number)
        else:
            if sentence := reader.close():
                yield sentence
            if is_document(line):
                reader.start_document()
    if sentence := reader.close():
        yield sentence


def ignored_columns(path: Path, context: ReadContext) -> list[str]:
    """Return the columns that ``read_conll`` ignores.

    Raises:
        InputError: as for ``read_conll``.
    """
    layout = detect_layout(path, context)
    if layout is None:
        return []
    names = layout.names or [f"column {column}" for column in range(1, layout.width + 1)]
    return [name for index, name in enumerate(names) if index not in (layout.chosen.words, layout.chosen.tags)]


def conll_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield the lines of a CoNLL file, separated by tabs.

    Raises:
        InputError: a word or a tag cannot be written in a column.
    """
    for sentence in sentences:
        has_comments = context.comments
        context.count_lost(sentence, has_ids=has_comments, has_texts=has_comments, has_scores=False, has_partial=False)
        if has_comments:
            yield from comment_lines(sentence, context, "id")
        rows = list(tagged_words(sentence, "\t\n\r"))
        visible = [(word, tag) for word, tag in rows if tag not in _OUTSIDE or not is_blank(word)]
        if len(visible) < len(rows):  # the reader would omit them
            context.lost[_INVISIBLE] += 1
        for word, tag in visible:
            if word.strip(" ") != word or not word.strip() or is_document(word):
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


@dataclass
class _Reader:
    """The sentence that is being read."""

    path: Path
    layout: ConllLayout
    context: ReadContext
    rows: list[tuple[str, str, int]] = field(default_factory=list)
    comments: dict[str, str] = field(default_factory=dict)
    is_faulty: bool = False
    lone: tuple[int, list[str], int] | None = None
    has_header: bool = False
    documents: int = 0
    document: str | None = None

    def start_document(self, name: str = "") -> None:
        """Begin a document; without a name, its number is the name."""
        self.documents += 1
        self.document = f"{self.path.name}:{name or self.documents}"

    def close(self) -> Sentence | None:
        """Return the sentence that ends here; None if it is empty or has a fault."""
        self._check_lone()
        rows, comments, is_faulty = self.rows, self.comments, self.is_faulty
        if not rows:
            self.is_faulty = False
            return None
        self.rows, self.comments, self.is_faulty = [], {}, False
        if is_faulty:
            return None
        words, tags, numbers = zip(*rows, strict=True)
        where = f"{self.path}:{numbers[0]}"
        names = comments.get("id"), comments.get("text")
        return Sentence(words, tags, where, numbers, id=names[0], text=names[1], document=self.document)

    def add(self, line: str, line_number: int) -> None:
        """Add the word of ``line``, or report its fault."""
        layout = self.layout
        cells = layout.cells(line)
        if len(cells) == layout.width or (layout.varies and len(cells) > layout.last):
            word, tag = cells[layout.chosen.words].strip(" \ufeff"), cells[layout.chosen.tags].strip(" ")
            if word and tag and (line[0] != "#" or not self._is_comment(line, tag)) and not is_blank(word):
                self.rows.append((word.removeprefix(layout.language), tag, line_number))
                if len(self.rows) > MAX_WORDS:
                    raise too_many_words(f"{self.path}:{line_number}")
                return
        self._add_unusual(line, cells, line_number)

    def _check_lone(self) -> None:
        """Skip the sentence if words follow a line of one column that should be its last one."""
        if self.lone is not None and self.layout.lone_lines == "last" and self.lone[0] != len(self.rows):
            self._skip_line(*self.lone[1:])
        self.lone = None

    def add_header(self, line_number: int) -> None:
        """Report a header that occurs again, in files that were joined."""
        if self.has_header:
            self.context.report.repaired("header that occurs again, left out", f"{self.path}:{line_number}")
        self.has_header = True

    def _is_comment(self, line: str, tag: str) -> bool:
        if not self.layout.may_be_comment(line):
            return False
        is_tag = tag in self.layout.tags or (self.layout.has_entities and _ENTITY_TAG.fullmatch(tag) is not None)
        return not is_tag or bool(_COMMENT.fullmatch(line)) and "\t" not in line

    def _add_unusual(self, line: str, cells: list[str], line_number: int) -> None:
        layout, location, report = self.layout, f"{self.path}:{line_number}", self.context.report
        cells = [cell.strip(" \ufeff") for cell in cells]
        if COMMENT_START.match(line) and (
            len(cells) != layout.width or self._is_comment(line, cells[layout.chosen.tags])
        ):
            if match := _COMMENT.fullmatch(line):
                self.comments[match[1]] = match[2]
            elif match := _DOCUMENT_COMMENT.match(line):
                self.start_document(match[1] or match[2] or match[3] or "")
            return
        read = _repair_cells(cells, line, layout)
        if read is None:
            if len(cells) == 1 and layout.lone_lines and (layout.lone_lines == "last" or not self.rows):
                self._check_lone()
                self.lone = (len(self.rows), cells, line_number)
            else:
                self._skip_line(cells, line_number)
            return
        cause, word, tag = read
        if is_blank(word) and (tag in _OUTSIDE or not word.strip()):
            if tag in _OUTSIDE or continues_entity(tag, self.rows[-1][1] if self.rows else ""):
                report.repaired(EMPTY_WORD if tag in _OUTSIDE else BLANK_INSIDE, location)
                return
            self._skip("empty word with a tag", line_number, f"found the tag {tag!r} without a word")
            return
        if cause:
            report.repaired(cause, location, f"found {line[:60]!r}")
        self.rows.append((word.removeprefix(layout.language), tag, line_number))

    def _skip_line(self, cells: Sequence[str], line_number: int) -> None:
        layout = self.layout
        count = f"{len(cells)} column{'s' * (len(cells) != 1)} ({', '.join(map(repr, cells[:8]))})"
        cause = "line with more columns than the others" if len(cells) > layout.width else "line without a tag"
        expected = (
            f"{layout.width}, the words in column {layout.chosen.words + 1} and the tags in column "
            f"{layout.chosen.tags + 1}"
        )
        self._skip(cause, line_number, f"found {count}", expected)

    def _skip(self, cause: str, line_number: int, detail: str, expected: str = "") -> None:
        """Skip the sentence; its other faults are reported only if all faults are errors."""
        report = self.context.report
        if not self.is_faulty or report.is_strict:
            report.skipped(cause, f"{self.path}:{line_number}", detail, expected=expected)
        self.is_faulty = True
        self.rows.append(("", "", line_number))


def _repair_cells(cells: list[str], line: str, layout: ConllLayout) -> tuple[str, str, str] | None:
    """Return the repair that gives ``line`` a word and a tag, and these; None: there is none."""
    words, tags = layout.chosen.words, layout.chosen.tags
    if len(cells) == layout.width:
        return ("", cells[words], cells[tags]) if cells[tags] else None
    while len(cells) > layout.width and not cells[-1]:
        cells = cells[:-1]
    if len(cells) == layout.width and cells[tags]:
        return "separators at the end of a line", cells[words], cells[tags]
    for separator in (SPACES, ANY_SPACE):
        others = [cell for cell in separator.split(line.strip()) if cell]
        if len(others) == layout.width and others[tags] in layout.tags:
            return "columns that are separated otherwise than in other lines", others[words], others[tags]
    more = cells[tags + 1 :] if len(cells) > layout.width and layout.width == 2 else []
    if more and cells[tags] in layout.tags and all(cell in layout.tags for cell in more):
        return "tags of nested entities in further columns, the first one kept", cells[words], cells[tags]
    is_last = tags == layout.width - 1
    is_short = is_last and words == 0 and 2 <= len(cells) < layout.width and cells[0]
    if is_short and cells[-1] in layout.tags and cells[-1] not in layout.values[len(cells) - 1]:
        return "line with fewer columns than the others", cells[0], cells[-1]
    if tags < len(cells) and len(cells) > layout.width and not layout.is_spaced and cells[tags] in layout.tags:
        return "line with more columns than the others", cells[words], cells[tags]
    if len(cells) < layout.width and [cell for cell in cells if cell] in [[tag] for tag in _OUTSIDE]:
        return "", "", "O"
    return None
