"""CoNLL-U: ten columns, comments, multiword tokens and empty nodes (universaldependencies.org/format.html)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.conll import too_many_words
from nlptrain.data.formats.fields import comment_lines, tagged_words
from nlptrain.data.sentence import MAX_WORDS, Sentence
from nlptrain.data.text_files import read_lines
from nlptrain.errors import InputError, Setting

_WIDTH = 10
_FORM, _UPOS, _XPOS = 2, 4, 5
_NAMES = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
_COLUMNS_BY_NAME = {"tags": {"upos": _UPOS, "xpos": _XPOS}, "words": {"form": _FORM}}
_MISC = "misc."
_ENTITY_KEYS = ("NER", "ner", "Entity", "NE", "BIO", "Tag", "name")  # of MISC
_NOT_A_WORD = re.compile(r"[1-9]\d*-[1-9]\d*|\d+\.[1-9]\d*")  # a multiword token 3-4, an empty node 8.1
_COMMENT = re.compile(r"#\s*(text|sent_id)\s*=\s?(.*)", re.DOTALL)
_DOCUMENT = re.compile(r"#\s*newdoc\b(?:\s+id\s*=\s*(.*))?")


def read_conllu(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of a CoNLL-U file: its syntactic words, FORM (2) with UPOS (4) unless ``context`` differs.

    ``misc.KEY`` reads the tags from ``KEY=...`` in MISC (10), where words without the key are ``O``. The comments
    ``# sent_id`` and ``# text`` are the id and the text of a sentence. A sentence is skipped if one of its lines has
    not ten columns, its words have not the IDs 1, 2, 3, ..., or a word is empty or has no tag.

    Raises:
        InputError: ``context`` names a column that CoNLL-U lacks.
    """
    columns = context.columns
    key = _misc_key(columns.tags)
    words = _column(columns.words or _FORM, "words")
    tags = _WIDTH if key else _column(columns.tags or _UPOS, "tags")
    offered: Counter[str] = Counter()
    for comments, rows in _blocks(path, context):
        try:
            _check_not_empty(rows, words, tags, path)
        except InputError as error:
            context.report.skip("word without a form or a tag", error)
            continue
        numbers = tuple(row.line for row in rows)
        forms = tuple(row.cells[words - 1] for row in rows)
        if key:
            keys = [_misc(row.cells[-1]) for row in rows]
            offered.update(name for row_keys in keys for name in row_keys)
            tag_sequence = tuple(row_keys.get(key, "O") for row_keys in keys)
        else:
            tag_sequence = tuple(row.cells[tags - 1] for row in rows)
            if columns.tags is None:
                offered.update(name for row in rows if "=" in row.cells[-1] for name in _entity_keys(row.cells[-1]))
        where = f"{path}:{numbers[0]}"
        sentence_id, text, document = map(comments.get, ("sent_id", "text", "document"))
        yield Sentence(forms, tag_sequence, where, numbers, id=sentence_id, text=text, document=document)
    name = next((name for name in _ENTITY_KEYS if offered[name]), None)
    if key and name and not offered[key]:
        raise InputError(
            f"found no {key}= in MISC", location=str(path), hint=(Setting("data.columns.tags"), f": {_MISC}{name}")
        )
    if name and not key and columns.tags is None:
        context.report.note(
            f"{path}: tags are UPOS; MISC has {name}= for {offered[name]:,} words (data.columns.tags: {_MISC}{name})"
        )


def _misc_key(column: int | str | None) -> str:
    """Return the key in MISC that holds the tags; "": a column does."""
    is_key = isinstance(column, str) and column.lower().startswith(_MISC) and len(column) > len(_MISC)
    return str(column)[len(_MISC) :] if is_key else ""


def _entity_keys(cell: str) -> list[str]:
    """Return the keys of entities in MISC."""
    return [] if cell == "SpaceAfter=No" else [key for key in _ENTITY_KEYS if f"{key}=" in cell]


def _misc(cell: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in cell.split("|") if "=" in part)


def ignored_columns(_: Path, context: ReadContext) -> list[str]:
    """Return the columns that ``read_conllu`` ignores, by their names in the format.

    Raises:
        InputError: ``context`` has a column that CoNLL-U lacks.
    """
    columns = context.columns
    tags = _WIDTH if _misc_key(columns.tags) else _column(columns.tags or _UPOS, "tags")
    read = {1, _column(columns.words or _FORM, "words"), tags}
    return [name for column, name in enumerate(_NAMES, start=1) if column not in read]


def conllu_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield the lines of a CoNLL-U file, with the tags as UPOS.

    Raises:
        InputError: a word or a tag has a tab or a line break.
    """
    for sentence in sentences:
        context.count_lost(sentence, has_scores=False, has_partial=False)
        yield from comment_lines(sentence, context, "sent_id")
        offsets = sentence.offsets
        for word_id, (word, tag) in enumerate(tagged_words(sentence, "\t\n\r"), start=1):
            is_joined = 0 < word_id < len(offsets) and offsets[word_id - 1][1] == offsets[word_id][0]
            space = "SpaceAfter=No" if is_joined else "_"
            yield "\t".join([str(word_id), word, "_", tag, "_", "_", "_", "_", "_", f"{space}\n"])
        yield "\n"


class _Row(NamedTuple):
    line: int
    cells: list[str]


def _blocks(path: Path, context: ReadContext) -> Iterator[tuple[dict[str, str], list[_Row]]]:
    """Yield the comments and the words' lines of each sentence whose lines can be read."""
    comments: dict[str, str] = {}
    document, documents = "", 0
    lines: list[tuple[int, str]] = []
    for line_number, line in read_lines(path):
        if not line or not line.strip():
            if lines and (rows := _rows(lines, path, context)):
                yield comments, rows
            comments, lines = {"document": document} if document else {}, []
        elif line[0] == "#":
            if match := _COMMENT.fullmatch(line):
                comments[match[1]] = match[2]
            elif match := _DOCUMENT.match(line):
                documents += 1
                document = f"{path.name}:{match[1] or documents}"
                comments["document"] = document
        else:
            lines.append((line_number, line))
            if len(lines) > MAX_WORDS:
                raise too_many_words(f"{path}:{line_number}")
    if lines and (rows := _rows(lines, path, context)):
        yield comments, rows


def _rows(lines: Sequence[tuple[int, str]], path: Path, context: ReadContext) -> list[_Row]:
    """Return the words of a sentence; none if one of its lines cannot be read."""
    rows: list[_Row] = []
    try:
        for line_number, line in lines:
            cells = line.split("\t")
            if len(cells) == _WIDTH and cells[0] == str(len(rows) + 1):
                rows.append(_Row(line_number, cells))
            elif row := _row(path, line_number, line, len(rows)):
                rows.append(row)
    except InputError as error:
        context.report.skip("line that is not CoNLL-U", error)
        return []
    return rows


def _row(path: Path, line_number: int, line: str, words_before: int) -> _Row | None:
    """Return the word of a line, or None for a multiword token or an empty node.

    Raises:
        InputError: the line has not ten columns, or another ID than the next one.
    """
    cells = line.split("\t")
    if len(cells) != _WIDTH:
        cells = line.split()
    if len(cells) != _WIDTH:
        raise InputError(
            f"found {len(cells)} column{'s' * (len(cells) != 1)}",
            location=f"{path}:{line_number}",
            expected=f"{_WIDTH}, separated by tabs, in CoNLL-U",
            hint=("for a word and a tag on each line, set ", Setting("data.format"), " to conll"),
        )
    if _NOT_A_WORD.fullmatch(cells[0]):
        return None
    # Without this check, a missing blank line would join two sentences.
    if cells[0] != str(words_before + 1):
        raise InputError(
            f"found ID {cells[0]!r} after {words_before} words",
            location=f"{path}:{line_number}",
            expected=f"{words_before + 1}, or a blank line if the sentence ends before",
        )
    return _Row(line_number, cells)


def _check_not_empty(rows: Sequence[_Row], words: int, tags: int, path: Path) -> None:
    """Check that each word has a form and a tag.

    Raises:
        InputError: one has not.
    """
    # In other columns _ may be a value: FEATS of a word without features.
    no_tag = "_" if tags in (_UPOS, _XPOS) else ""
    for row in rows:
        word, tag = row.cells[words - 1], row.cells[tags - 1]
        if not word:
            raise InputError(
                f"found an empty word in column {words}",
                location=f"{path}:{row.line}",
                hint=("or set ", Setting("data.columns.words")),
            )
        if not tag or tag == no_tag:
            raise InputError(
                f"found {tag!r} (no tag) for {word!r} in column {tags}",
                location=f"{path}:{row.line}",
                hint=("add the tag, or set ", Setting("data.columns.tags"), " to another column"),
            )


def _column(column: int | str, key: str) -> int:
    if isinstance(column, str) and column not in _COLUMNS_BY_NAME[key]:
        raise InputError(
            f"found {column!r}",
            location=Setting(f"data.columns.{key}"),
            expected=f"{' or '.join(_COLUMNS_BY_NAME[key])}{', misc.KEY' * (key == 'tags')}, "
            f"or a number from 1 to {_WIDTH}, in CoNLL-U",
        )
    column_number = _COLUMNS_BY_NAME[key][column] if isinstance(column, str) else column
    position = column_number if column_number > 0 else _WIDTH + 1 + column_number
    if not 1 <= position <= _WIDTH:
        raise InputError(
            f"found {column_number}",
            location=Setting(f"data.columns.{key}"),
            expected=f"one of the {_WIDTH} columns of CoNLL-U",
        )
    return position
