"""The columns of a column file by their values: which one holds the words, and which one the tags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

from nlptrain.data.tag_spellings import WITHOUT_TYPE, Spelling, find_spelling, is_part_of_speech, is_tag_set
from nlptrain.errors import InputError, Setting

Role = Literal["words", "tags"]
_INTEGER = re.compile(r"\d+")
_NUMBERED = re.compile(r"([#A-Za-z_]{0,8})(\d{1,9})")
_DIGITS = re.compile(r"\d+")
_HEX_ID = re.compile(r"(?=\w*\d)[0-9a-f]{6,}(?:-[0-9a-f]{4,})*")
_LINK = re.compile(r"[\d.]+|Q\d+|https?://.*|NIL|NULL|None|[_-]")  # flags, numbers of classes, links of entities
_NUMBER = re.compile(r"[-+]?\d*[.,]\d+(?:[eE][-+]?\d+)?|[01]|nan")
_PLACEHOLDERS = frozenset({"_", "-", "-X-", "*", "", "NULL", "null", "\\N"})
_CHUNKS = frozenset("NP VP PP ADVP ADJP SBAR PRT CONJP INTJ LST UCP NC VC PC".split())  # the last three: German
_WORD_NAMES = ("token", "tokens", "word", "words", "form", "text", "surface")
_TAG_NAMES = tuple("tag tags ner ner_tag ner_tags label labels entity bio iob ne upos pos".split())
_OTHER_NAMES = (
    "sentence #",
    *"id index idx lemma xpos chunk misc feats head deprel sentence sent_id sentence_id #".split(),
)
_NAME = re.compile(r"[^\W\d][\w .:/-]*")  # of a column
_SHARE = 0.95
_FEW = 3  # rows below which the values decide nothing
_MANY = 100  # rows from which the number of different values decides the column of tags


@dataclass(frozen=True)
class Column:
    """A column of the first rows of a file.

    Attributes:
        index: from 0.
        sentences: its values, by sentence.
    """

    index: int
    sentences: tuple[tuple[str, ...], ...]

    @cached_property
    def values(self) -> list[str]:
        """All values."""
        return [value for sentence in self.sentences for value in sentence]

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each value occurs."""
        return Counter(self.values)

    @cached_property
    def spelling(self) -> Spelling:
        """The values as tags."""
        return find_spelling(self.counts, "ENTITY")

    @cached_property
    def is_index(self) -> bool:
        """Whether the values are integers that rise by one inside a sentence or from word to word, as 1, 2; t1, t2."""
        if len(self.values) < _FEW:
            return False
        numbers = [[_index(value) for value in values] for values in self.sentences]
        prefixes = Counter(prefix for values in numbers for prefix, _ in values)
        if prefixes.most_common(1)[0][1] < _SHARE * len(self.values) or prefixes.most_common(1)[0][0] is None:
            return False
        pairs = [(a[1], b[1]) for values in numbers for a, b in pairwise(values) if a[0] == b[0] is not None]
        if not pairs:
            firsts = [values[0][1] for values in numbers]
            return (
                len(set(firsts)) == 1
                and firsts[0] in (0, 1)
                or firsts == list(range(firsts[0], firsts[0] + len(firsts)))
            )
        return sum(b == a + 1 for a, b in pairs) >= _SHARE * len(pairs)

    @cached_property
    def is_token_id(self) -> bool:
        """Whether each value is an id of its own: of one shape (``1-2``, ``s0.t3``, ``a.txt:7``) or hexadecimal."""
        values = self.values
        if len(values) < _FEW or len(self.counts) < _SHARE * len(values) or not all(map(_DIGITS.search, values)):
            return False
        if self._share(_HEX_ID) >= _SHARE:
            return True
        shapes = Counter(_DIGITS.sub("0", value) for value in values)
        (shape, count), *_ = shapes.most_common(1)
        if count >= _SHARE * len(values):
            return shape != "0" and re.fullmatch(r"[-+]?0(?:[.,]0)?", shape) is None
        several = [sentence for sentence in self.sentences if len(sentence) > 1]
        return bool(several) and all(
            value[-1:].isdigit() and _DIGITS.sub("0", value) == _DIGITS.sub("0", sentence[0]) != "0"
            for sentence in several
            for value in sentence
        )

    @cached_property
    def is_integer(self) -> bool:
        """Whether the values are integers, as offsets in a text are."""
        return self._share(_INTEGER) >= _SHARE

    @cached_property
    def is_number(self) -> bool:
        """Whether the values are numbers such as confidences."""
        return self._share(_NUMBER) >= _SHARE and any("." in value or "," in value for value in self.counts)

    @cached_property
    def is_placeholder(self) -> bool:
        """Whether nearly all values mean that there is none, and the others are not tags of entities."""
        is_empty = sum(self.counts[value] for value in _PLACEHOLDERS) >= _SHARE * len(self.values)
        return is_empty and self.spelling.kind not in ("tags", "brackets")

    @cached_property
    def is_sentence_id(self) -> bool:
        """Whether each sentence, or the whole file, has one value of its own."""
        several = [values for values in self.sentences if len(values) > 1]
        return (
            len(several) > 1
            and not self.has_only_outside
            and all(len(set(values)) == 1 for values in several)
            and not self.is_entity
        )

    @cached_property
    def is_entity(self) -> bool:
        """Whether the values are tags with at least one entity."""
        tags = self.spelling.tags
        return self.spelling.kind == "brackets" or bool(tags and any(tag != "O" for tag in tags.values()))

    @cached_property
    def has_only_outside(self) -> bool:
        """Whether all values are ``O``."""
        return set(self.counts) <= {"O", "o"}

    @cached_property
    def types(self) -> frozenset[str]:
        """The entity types of the values."""
        return frozenset(tag[2:] for tag in (self.spelling.tags or {}).values() if tag != "O")

    @property
    def is_chunk(self) -> bool:
        """Whether the entities are phrases, as in the third column of CoNLL-2003."""
        return bool(self.types) and len(self.types & _CHUNKS) * 2 > len(self.types)

    @property
    def is_filler(self) -> bool:
        """Whether the column holds neither words nor tags."""
        return self.is_index or self.is_token_id or self.is_number or self.is_placeholder or self.is_sentence_id

    def predicts(self, gold: Column) -> bool:
        """Return whether the column seems to be a prediction of the tags in ``gold``."""
        tags, own = gold.spelling.tags, self.spelling.tags
        if tags is None or own is None or not self.types <= gold.types:
            return False
        pairs = list(zip((tags.get(v, "O") for v in gold.values), (own.get(v, "O") for v in self.values), strict=True))
        entities = [pair for pair in pairs if pair[0] != "O"]
        return bool(entities) and sum(a[2:] == b[2:] for a, b in entities) * 2 >= len(entities)

    def _share(self, pattern: re.Pattern[str]) -> float:
        matching = sum(count for value, count in self.counts.items() if pattern.fullmatch(value))
        return matching / max(1, len(self.values))


def _index(value: str) -> tuple[str | None, int]:
    """Return what precedes the number of a word, e.g. ``t`` of ``t12``, and the number; None: there is no number."""
    match = _NUMBERED.fullmatch(value)
    return (match[1], int(match[2])) if match else (None, 0)


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

    At least two names are known, one of them of words; or one is at least part of a name, and the others are no tags
    where all later rows have some.
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
    columns = [Column(index, (tuple(row[index] for row in later),)) for index in range(len(cells))]
    tags = [column for column in columns if column.is_entity and column.spelling.kind == "tags"]
    return len(later) >= _FEW and bool(tags) and not any(_is_read(cells[column.index], column) for column in tags)


def _is_read(tag: str, column: Column) -> bool:
    """Return whether ``tag`` can be read as the other tags of a column are, or is one of their types."""
    spelling = find_spelling(column.counts + Counter([tag]), "ENTITY")
    return tag in (spelling.tags or {}) or tag.lower() in {label.lower() for label in column.types}


def _is_known(name: str) -> bool:
    return (
        name in (*_WORD_NAMES, *_TAG_NAMES, *_OTHER_NAMES)
        or re.match(r"(ne|ner|nel|pos|tag|label)[-_. ]", name) is not None
    )


def check_words(column: Column, location: str) -> None:
    """Check that the words of a file are words.

    Raises:
        InputError: most of them are texts of several words.
    """
    values = [value for value in column.values if value]
    if len(values) >= _FEW and sum(" " in value.strip() for value in values) > 0.5 * len(values):
        raise InputError(
            f"found texts of several words ({values[0][:60]!r}, {values[1][:60]!r}, ...) where the words should be",
            location=location,
            expected="a word and its tag on each line; labels of whole texts are no tags",
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
    if len(columns[0].values) < _FEW:
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
    """Return the columns of entities without flags, links and types that repeat a column of tags with prefixes."""
    prefixed = [column for column in columns if column.spelling.kind == "tags" and column.spelling.name != WITHOUT_TYPE]

    def repeats(column: Column) -> bool:
        return (
            column.spelling.name == WITHOUT_TYPE
            or all(map(_LINK.fullmatch, column.types))
            or any(column.predicts(other) for other in prefixed)
        )

    return [column for column in columns if not prefixed or column in prefixed or not repeats(column)]


def _plain_column(usable: Sequence[Column], names: Sequence[str], words: Column, location: str) -> int:
    """Return the column of plain tags."""
    known = [column for column in usable if names and names[column.index].strip().lower() in _TAG_NAMES]
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
    samples = list(zip(words.values, *(column.values for column in columns[-2:]), strict=True))
    informative = [row for row in samples if any(value not in ("O", "_") for value in row[1:])]
    rows = "; ".join(" ".join(row) for row in (informative or samples)[:3])
    first, second = (_name(column.index, names) for column in columns[-2:])
    return InputError(
        f"found tags in {first} and in {second} ({rows})",
        location=location,
        expected="one column of tags",
        hint=("name it in ", Setting("data.columns.tags")),
    )


def _name(index: int, names: Sequence[str]) -> str:
    return f"column {names[index]}" if names else f"column {index + 1}"
