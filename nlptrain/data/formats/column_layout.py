"""The columns of a column file by their values: which one holds the words, and which one the tags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nlptrain.data.formats.column_values import FEW, Column
from nlptrain.data.tag_spellings import WITHOUT_TYPE, find_spelling, is_part_of_speech, is_tag_set, is_upos
from nlptrain.errors import InputError, Setting

Role = Literal["words", "tags"]
_WORD_NAMES = ("token", "tokens", "word", "words", "form", "text", "surface")
_TAG_NAMES = tuple("tag tags ner ner_tag ner_tags label labels entity bio iob ne upos pos".split())
_OTHER_NAMES = (
    "sentence #",
    *"id index idx lemma xpos chunk misc feats head deprel sentence sent_id sentence_id #".split(),
)
_NAME = re.compile(r"[^\W\d][\w .:/-]*")  # of a column
_MANY = 100  # rows from which the number of different values decides the column of tags


@dataclass(frozen=True)
class ChosenColumns:
    """The columns that are read.

    Attributes:
        words: index of the words, from 0.
        tags: index of the tags, from 0.
        reason: why, unless they are the first and the last one; for the log.
    """

    words: int
    tags: int
    reason: str = ""


def is_header(cells: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether ``cells`` are the names of columns, and no values of later rows.

    At least two names are known, one of them of words; or one is at least part of a name, and the others are no numbers
    or tags where all later rows have some.
    """
    names = [cell.strip().lower().removeprefix("#").strip() for cell in cells]
    later = [row for row in rows if row != cells]  # in joined files the header occurs again
    recurs = any(len(row) == len(cells) and row[-1] == cells[-1] for row in later)
    if recurs or len(set(names)) < len(names):
        return False
    if any(name in _WORD_NAMES for name in names) and sum(_is_known(name) for name in names) >= 2:
        return True
    parts = {part for name in names for part in re.split(r"[-_. ]", name)}
    if parts.isdisjoint((*_WORD_NAMES, *_TAG_NAMES, "tok", "gold")) or not all(map(_NAME.fullmatch, names)):
        return False
    later = [row for row in later if len(row) == len(cells)]
    if len(later) < FEW:
        return False
    columns = [Column(index, (tuple(row[index] for row in later),)) for index in range(len(cells))]
    tags = [column for column in columns if column.is_entity and column.spelling.kind == "tags"]
    if any(column.is_integer for column in columns):  # which has a name
        return True
    return bool(tags) and not any(_is_read(cells[column.index], column) for column in tags)


def _is_read(tag: str, column: Column) -> bool:
    """Return whether ``tag`` can be read as the other tags of a column are, or is one of their types."""
    spelling = find_spelling(column.counts + Counter([tag]), "ENTITY")
    return tag in (spelling.tags or {}) or tag.lower() in {label.lower() for label in column.types}


def _is_known(name: str) -> bool:
    return (
        name in (*_WORD_NAMES, *_TAG_NAMES, *_OTHER_NAMES)
        or re.match(r"(ne|ner|nel|pos|tag|label)[-_. ]", name) is not None
    )


def choose_columns(
    columns: Sequence[Column], names: Sequence[str], stated: Mapping[Role, int | str | None], location: str
) -> ChosenColumns:
    """Choose the columns of words and tags by their values.

    Args:
        columns: of the first rows.
        names: of the columns, if the file has a header; else empty.
        stated: the columns of words and tags, where the configuration names them.
        location: the file, for messages.

    Raises:
        InputError: a stated column does not exist, or two columns may be the tags.
    """
    words_index = _stated(stated.get("words"), "words", columns, names, location)
    tags_index = _stated(stated.get("tags"), "tags", columns, names, location)
    if words_index is None:
        words_index = _words_column([column for column in columns if column.index != tags_index])
    if tags_index is None:
        rest = [column for column in columns if column.index != words_index]
        tags_index = _tags_column(rest, names, columns[words_index], location) if rest else words_index
    is_usual = (words_index, tags_index) == (0, len(columns) - 1)
    is_stated = stated.get("words") is not None and stated.get("tags") is not None
    reason = (
        ""
        if is_usual or is_stated
        else (
            f"words in {_name(words_index, names)}, tags in {_name(tags_index, names)}, by their values (data.columns)"
        )
    )
    return ChosenColumns(words_index, tags_index, reason)


def _stated(
    column: int | str | None, role: Role, columns: Sequence[Column], names: Sequence[str], location: str
) -> int | None:
    if column is None:
        return None
    setting = Setting(f"data.columns.{role}")
    if isinstance(column, str):
        lowered = [name.strip().lower() for name in names]
        if column.strip().lower() in lowered:
            return lowered.index(column.strip().lower())
        raise InputError(
            f"found {column!r}",
            location=setting,
            expected=f"one of {', '.join(names)}, the columns of {location}"
            if names
            else f"a number; the columns of {location} have no names",
        )
    index = column - 1 if column > 0 else len(columns) + column
    return index if 0 <= index < len(columns) else -1


def _words_column(columns: Sequence[Column]) -> int:
    """Return the first column that holds neither numbers, ids nor tags; of many rows, one with many values."""
    if len(columns[0].values) < FEW:
        others = [column for column in columns if not column.is_integer] if len(columns) > 2 else []
        return (others or columns)[0].index
    candidates = [column for column in columns if not (column.is_filler or column.is_integer or _is_tags(column))]
    if not candidates:
        candidates = [column for column in columns if not _is_tags(column)] or list(columns)
    first = candidates[0]
    if len(first.values) >= _MANY:
        richest = max(candidates, key=lambda column: len(column.counts))
        if len(first.counts) * 5 < len(richest.counts):
            return richest.index
    return first.index


def _is_tags(column: Column) -> bool:
    return (
        column.is_entity
        and column.spelling.kind != "types"
        or column.has_only_outside
        or is_part_of_speech(column.counts)
        or (column.spelling.kind == "types" and column.spelling.tags is not None and "O" in column.counts)
    )


def _tags_column(columns: Sequence[Column], names: Sequence[str], words: Column, location: str) -> int:
    usable = [column for column in columns if not column.is_filler] or list(columns)
    entities = [column for column in usable if column.is_entity]
    entities = _with_prefixes(entities)
    if any(column.is_chunk for column in entities):
        outside = [column for column in usable if column.has_only_outside and column.index > entities[-1].index]
        entities = [column for column in entities if not column.is_chunk] or outside[-1:] or entities[-1:]
    while len(entities) > 1 and any(entities[-1].predicts(column) for column in entities[:-1]):
        entities.pop()
    if len(entities) > 1:
        raise _ambiguous(entities, names, words, location)
    if entities:
        return entities[0].index
    if outside := [column for column in usable if column.has_only_outside]:
        return outside[-1].index
    return _plain_column(usable, names, words, location)


def _with_prefixes(columns: Sequence[Column]) -> list[Column]:
    """Return the columns of tags with prefixes and types, if there are some besides chunks.

    The others are flags, links, notes, or the same types without prefixes.
    """
    prefixed = [column for column in columns if column.spelling.kind == "tags" and column.spelling.name != WITHOUT_TYPE]
    return prefixed if any(not column.is_chunk for column in prefixed) else list(columns)


def _plain_column(usable: Sequence[Column], names: Sequence[str], words: Column, location: str) -> int:
    """Return the column of plain tags."""
    known = [column for column in usable if names and names[column.index].strip().lower() in _TAG_NAMES]
    known = known or [column for column in usable if is_upos(column.counts)]
    known = known or [column for column in usable if is_part_of_speech(column.counts)]
    if len(known) == 1:
        return known[0].index
    if len(words.values) < _MANY:
        return usable[-1].index
    closed = [column for column in usable if is_tag_set(column.counts) and len(column.counts) > 1]
    small = [column for column in closed if len(column.counts) * 4 <= len(words.counts) and len(column.counts) <= 100]
    if len(small) > 1:
        raise _ambiguous(small, names, words, location)
    return small[0].index if small else usable[-1].index


def _ambiguous(columns: Sequence[Column], names: Sequence[str], words: Column, location: str) -> InputError:
    samples = list(zip(words.values, *(column.values for column in columns[:2]), strict=True))
    informative = [row for row in samples if any(value not in ("O", "_") for value in row[1:])]
    rows = "; ".join(" ".join(row) for row in (informative or samples)[:3])
    first, second = (_name(column.index, names) for column in columns[:2])
    return InputError(
        f"found tags in {first} and in {second} ({rows})",
        location=location,
        expected="one column of tags",
        hint=("name it in ", Setting("data.columns.tags")),
    )


def _name(index: int, names: Sequence[str]) -> str:
    return f"column {names[index]}" if names else f"column {index + 1}"
