"""JSON Lines and JSON: an object with words and tags for each sentence, or a row of an annotation tool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.annotation_tools import (
    ENTITIES_EXAMPLE,
    check_labels,
    ignored_task_keys,
    is_annotated_row,
    labels_are_tags,
    read_annotated_sentence,
    unusual_key,
    used_keys,
)
from nlptrain.data.formats.column_values import Column
from nlptrain.data.formats.fields import DOCUMENT_KEYS, check_strings, clean_words, id_and_text, join_names, json_line
from nlptrain.data.formats.head import read_head
from nlptrain.data.formats.json_rows import read_row_sentences
from nlptrain.data.formats.row_shapes import split_tagged_text
from nlptrain.data.formats.span_marks import KEYS as MARK_KEYS
from nlptrain.data.formats.span_marks import marks_of, read_marks
from nlptrain.data.formats.tag_names import tag_name
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError, Setting

_EXAMPLE = f'{{"tokens": ["Ada", "sings"], "tags": ["B-person", "O"]}} or {ENTITIES_EXAMPLE}'
# Of those that a row has, the first one with a list is read.
_KEYS = {
    "words": ("tokens", "words", "token", "word", "text", "sentence"),
    "tags": tuple(
        "tags ner_tags labels ner tag label ner_labels bio_tags bio iob_tags iob pos_tags upos upos_tags xpos "
        "pos".split()
    ),
}


def read_jsonl(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of JSON Lines, or of a JSON list: ``{"tokens": [...], "tags": [...]}``; a list all in memory.

    Marks that are not tags may be next to them, see ``span_marks``.

    Tags may be numbers that ``context`` names; ``context.columns`` may name the keys. A row may also be one of an
    annotation tool: a text with labeled spans, see ``annotation_tools``. Rows that are malformed are skipped.

    Raises:
        InputError: the file cannot be read, tags are numbers without names, or labels are those of whole texts.
    """
    rows = read_head(path).rows
    check_labels(rows, str(path))
    if (key := unusual_key(rows)) is not None:
        context.report.note(f"{path}: entities in {key!r}")
    if labels_are_tags(rows):
        context.report.note(f"{path}: labels of spans are tags, and neighboring spans are joined")
        context = replace(context, joins_tags=True)
    return read_row_sentences(path, context.report, partial(_sentence, _with_tags_key(path, context)))


def _with_tags_key(path: Path, context: ReadContext) -> ReadContext:
    """Return ``context`` with the key of the tags, if the first rows have several keys of tags, one of entities.

    Raises:
        InputError: several have tags of entities.
    """
    rows = [row for row in read_head(path).rows if not is_annotated_row(row)]
    keys = [key for key in _KEYS["tags"] if rows and all(_are_tags(row.get(key)) for row in rows)]
    if context.columns.tags is not None or len(keys) < 2:
        return context
    columns = [Column(0, tuple(tuple(row[key]) for row in rows if row[key])) for key in keys]
    entities = [key for key, column in zip(keys, columns, strict=True) if column.values and column.is_entity]
    if len(entities) > 1:
        raise InputError(
            f"found tags of entities under {join_names(entities)}",
            location=str(path),
            hint=("name one of them in ", Setting("data.columns.tags")),
        )
    key = entities[0] if entities else keys[0]
    context.report.note(f"{path}: tags under {key!r} (data.columns.tags)")
    return replace(context, columns=context.columns.model_copy(update={"tags": key}))


def _are_tags(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def ignored_keys(path: Path, context: ReadContext) -> list[str]:
    """Return the keys of the first object that are not read."""
    context = _with_tags_key(path, context)
    row = next(iter(read_head(path).rows), {})
    read = (
        {*used_keys(row)} if is_annotated_row(row) else {"id", "text", *MARK_KEYS, *_column_keys(row, context.columns)}
    )
    return [*ignored_task_keys(row), *(key for key in row if key not in (*read, *DOCUMENT_KEYS))]


def jsonl_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield the lines of a JSON Lines file with words, tags, and marks that are not tags."""
    del context
    for sentence in sentences:
        row: dict[str, Any] = {"id": sentence.id, "text": sentence.text, "doc_id": sentence.document}
        row = {name: value for name, value in row.items() if value is not None}
        yield json_line({**row, "tokens": sentence.words, "tags": sentence.tags, **marks_of(sentence)})


def _sentence(context: ReadContext, row: dict[str, Any], location: str) -> Sentence | None:
    row = split_tagged_text(row)
    if is_annotated_row(row):
        return read_annotated_sentence(row, location, context)
    words_key, tags_key = (_key(row, name, context.columns, location) for name in _KEYS)
    tokens, names = row[words_key], row[tags_key]
    if isinstance(names, list) and (context.tag_names or set(map(type, names)) != {str}):
        names = [tag_name(name, context.tag_names, location) for name in names]
    tokens, names = clean_words(tokens, names, location, context.report)
    words = check_strings(tokens, words_key, location, example=_EXAMPLE)
    tags = check_strings(names, tags_key, location, are_tags=True, example=_EXAMPLE)
    if len(words) != len(tags):
        raise InputError(
            f"found {len(words)} tokens and {len(tags)} tags", location=location, expected="one tag for each token"
        )
    if not words:
        return None
    sentence_id, text = id_and_text(row, location)
    return Sentence(words, tags, location, id=sentence_id, text=text, **read_marks(row, len(words), location))


def _key(row: dict[str, Any], name: str, columns: ColumnsConfig, location: str) -> str:
    if key := _find_key(row, name, columns):
        return key
    column = getattr(columns, name)
    is_bare = isinstance(row.get("text"), str) and not any(isinstance(value, list | dict) for value in row.values())
    hint = "a text without an entity has 'entities': []" if is_bare else ""
    raise InputError(
        f"found no {column if isinstance(column, str) else _KEYS[name][0]!r} (keys: {join_names(row)})",
        location=location,
        expected=_EXAMPLE,
        hint=hint,
    )


def _column_keys(row: dict[str, Any], columns: ColumnsConfig) -> list[str]:
    """Return the keys of the words and of the tags, as far as the row has them."""
    return [key for name in _KEYS if (key := _find_key(row, name, columns))]


def _find_key(row: dict[str, Any], name: str, columns: ColumnsConfig) -> str | None:
    """Return the key of the words, or of the tags: one with a list, else one with another value; None: neither."""
    column = getattr(columns, name)
    candidates = _KEYS[name] if column is None or isinstance(column, int) else (column,)
    present = [key for key in candidates if key in row]
    if not present:
        lowered = {key.lower(): key for key in row}
        present = [lowered[key] for key in candidates if key in lowered]
    return next((key for key in present if isinstance(row[key], list)), next(iter(present), None))
