"""Parquet and Arrow files: each row a sentence, with a list of words and one of tags, as ``datasets`` writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.annotation_tools import is_annotated_row, read_annotated_sentence, used_keys
from nlptrain.data.formats.arrow_tables import Table, open_table, repeated_column
from nlptrain.data.formats.entity_fields import plain_name
from nlptrain.data.formats.entity_lists import ENTITY_KEYS
from nlptrain.data.formats.fields import check_strings, clean_words, id_and_text, join_names
from nlptrain.data.formats.json_rows import MALFORMED
from nlptrain.data.formats.row_shapes import TEXT_KEYS
from nlptrain.data.formats.tag_names import UnnamedTagError, tag_name
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError, Setting

_WORDS, _TAGS = ("tokens", "words"), ("tags", "ner_tags", "labels", "ner", "pos_tags", "upos")
_WRITTEN_ROWS = 8192  # of a row group or batch: many small ones make a file larger, and slow to open


def read_parquet(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of a Parquet file, in bounded memory.

    Words are lists of strings; tags are lists of strings, or of integers if the file names their values, as
    ``datasets`` does for its ``ClassLabel``. Columns ``id`` and ``text`` are read as well; others are ignored.

    Raises:
        InputError: the file is malformed, lacks a column, has integers without names, or has a row whose lists are of
            different lengths or hold other values than words.
    """
    with open_table(path, is_parquet=True) as table:
        yield from _sentences(path, table, context)


def read_arrow(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of an Arrow (or Feather) file or stream, as ``save_to_disk`` of ``datasets`` writes them.

    Raises:
        InputError: as for ``read_parquet``.
    """
    with open_table(path, is_parquet=False) as table:
        yield from _sentences(path, table, context)


def _sentences(path: Path, table: Table, context: ReadContext) -> Iterator[Sentence]:
    """Yield the sentences of a table of words and tags, or of texts with entities."""
    if not _has_entities(table.schema, context.columns):
        yield from _RowReader(path, table.schema, context).sentences(table)
        return
    for row_number, row in enumerate(table.rows(table.schema.names), start=1):
        location = f"{path}:{row_number}"
        if not is_annotated_row(row):
            context.report.skipped("row that is malformed", location, f"found no entities (columns: {join_names(row)})")
        elif sentence := read_annotated_sentence(row, location, context):
            yield sentence


def _has_entities(schema: pa.Schema, columns: ColumnsConfig) -> bool:
    """Return whether a table has texts and entities, and no lists of words."""
    if columns.words is not None or columns.tags is not None or any(_is_list(schema, name) for name in _WORDS):
        return False
    names = {plain_name(name) for name in schema.names}
    return not names.isdisjoint(TEXT_KEYS) and not names.isdisjoint(ENTITY_KEYS)


def ignored_parquet_columns(path: Path, context: ReadContext) -> list[str]:
    """Return the columns that ``read_parquet`` ignores, which raises the same errors."""
    with open_table(path, is_parquet=True) as table:
        return _ignored(path, table, context)


def ignored_arrow_columns(path: Path, context: ReadContext) -> list[str]:
    """Return the columns that ``read_arrow`` ignores, which raises the same errors."""
    with open_table(path, is_parquet=False) as table:
        return _ignored(path, table, context)


def read_parquet_rows(
    path: Path, columns: Sequence[str] | None = None, report: ReadReport | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the rows of a Parquet file, with those of ``columns`` that it has; None: with all columns.

    Raises:
        InputError: the file is malformed, or has none of the columns.
    """
    del report  # the columns of all rows have the same types
    return enumerate(_table_rows(path, columns, is_parquet=True), start=1)


def read_arrow_rows(
    path: Path, columns: Sequence[str] | None = None, report: ReadReport | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the rows of an Arrow file; as ``read_parquet_rows``."""
    del report
    return enumerate(_table_rows(path, columns, is_parquet=False), start=1)


def _ignored(path: Path, table: Table, context: ReadContext) -> list[str]:
    if not _has_entities(table.schema, context.columns):
        return _RowReader(path, table.schema, context).ignored
    row = next(table.rows(table.schema.names), {})
    return [name for name in row if name not in used_keys(row)]


def _table_rows(path: Path, columns: Sequence[str] | None, *, is_parquet: bool) -> Iterator[dict[str, Any]]:
    with open_table(path, is_parquet=is_parquet) as table:
        read = [name for name in table.schema.names if columns is None or name in columns]
        if columns is not None and not read:
            raise InputError(
                f"found the columns {join_names(table.schema.names)}",
                location=str(path),
                expected=f"a column {' or '.join(map(repr, columns))}",
            )
        yield from table.rows(read)


def write_parquet(sentences: Iterable[Sentence], paths: Sequence[Path], context: WriteContext) -> None:
    """Write ``sentences`` as a Parquet file, a few thousand at a time."""
    _write_table(sentences, paths[0], context, open_writer=pq.ParquetWriter)


def write_arrow(sentences: Iterable[Sentence], paths: Sequence[Path], context: WriteContext) -> None:
    """Write ``sentences`` as an Arrow file, a few thousand at a time."""
    _write_table(sentences, paths[0], context, open_writer=pa.ipc.new_file)


def _write_table(
    sentences: Iterable[Sentence], path: Path, context: WriteContext, *, open_writer: Callable[..., Any]
) -> None:
    strings = pa.list_(pa.string())
    fields = [pa.field("tokens", strings), pa.field("tags", strings)]
    optional = (("id", context.has_ids), ("text", context.has_texts))
    fields += [pa.field(name, pa.string()) for name, is_present in optional if is_present]
    schema = pa.schema(fields)
    rest = iter(sentences)
    with open_writer(str(path), schema) as writer:
        while chunk := list(islice(rest, _WRITTEN_ROWS)):
            for sentence in chunk:
                context.count_lost(sentence, has_scores=False, has_partial=False)
            values = {
                "tokens": [list(sentence.words) for sentence in chunk],
                "tags": [list(sentence.tags or ()) for sentence in chunk],
                "id": [sentence.id for sentence in chunk],
                "text": [sentence.text for sentence in chunk],
            }
            arrays = [pa.array(values[column.name], column.type) for column in schema]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


class _RowReader:
    """Reads the rows of one file as sentences."""

    def __init__(self, path: Path, schema: pa.Schema, context: ReadContext) -> None:
        columns = context.columns
        self._path = path
        self._context = context
        self._words = _find_column(path, schema, "words", columns.words, _WORDS)
        self._tags = _find_column(path, schema, "tags", columns.tags, _TAGS)
        self._label_names = _class_label_names(schema, self._tags)
        tag_type = _item_type(schema.field(self._tags).type)
        are_numbers = tag_type is not None and pa.types.is_integer(tag_type)
        if are_numbers and self._label_names is None and not context.tag_names:
            raise InputError(
                f"column {self._tags!r} holds numbers, and the file has no names for them",
                location=str(path),
                expected="the names of the labels",
                hint=("give their names in ", Setting("data.tag_names"), ", e.g. [O, B-PER, I-PER]"),
            )
        others = [name for name in ("id", "text") if name in schema.names and name not in (self._words, self._tags)]
        self._columns = [self._words, self._tags, *others]
        self.ignored = [name for name in schema.names if name not in self._columns]

    def sentences(self, table: Table) -> Iterator[Sentence]:
        for row_number, row in enumerate(table.rows(self._columns), start=1):
            try:
                sentence = self._sentence(row, f"{self._path}:{row_number}")
            except UnnamedTagError:
                raise
            except InputError as error:
                self._context.report.skip(MALFORMED, error)
                continue
            if sentence is not None:
                yield sentence

    def _sentence(self, row: dict[str, Any], location: str) -> Sentence | None:
        names = self._to_names(row[self._tags], location)
        tokens, names = clean_words(row[self._words], names, location, self._context.report)
        words = check_strings(tokens, self._words, location)
        tags = check_strings(names, self._tags, location, are_tags=True)
        if len(words) != len(tags):
            raise InputError(
                f"found {len(words)} {self._words} and {len(tags)} {self._tags}",
                location=location,
                expected="one tag for each word",
            )
        if not words:
            return None
        sentence_id, text = id_and_text(row, location)
        return Sentence(words, tags, location, id=sentence_id, text=text)

    def _to_names(self, tags: Any, location: str) -> Any:  # noqa: ANN401 - the caller validates the result
        if not isinstance(tags, list):
            return tags
        if self._label_names is None:
            return [tag_name(tag, self._context.tag_names, location) for tag in tags]
        for label_id in tags:
            if not isinstance(label_id, int) or not 0 <= label_id < len(self._label_names):
                raise InputError(
                    f"found {label_id!r} in {self._tags!r}",
                    location=location,
                    expected=f"0 to {len(self._label_names) - 1}, the labels that the file names",
                )
        return [self._label_names[label_id] for label_id in tags]


def _find_column(path: Path, schema: pa.Schema, key: str, column: int | str | None, usual: Sequence[str]) -> str:
    setting = Setting(f"data.columns.{key}")
    if isinstance(column, int):
        raise InputError(
            f"found {column}", location=setting, expected=f"a column name of {path} ({join_names(schema.names)})"
        )
    candidates = [column] if column is not None else usual
    present = [name for name in candidates if name in schema.names]
    name = next((name for name in present if _is_list(schema, name)), next(iter(present), None))
    if name is None:
        raise InputError(
            f"found no column {' or '.join(map(repr, candidates))} (columns: {join_names(schema.names)})",
            location=str(path),
            hint=("set ", setting, " to its name"),
        )
    if schema.names.count(name) > 1:
        raise repeated_column(path, name)
    if _item_type(schema.field(name).type) is None:
        raise InputError(
            f"column {name!r} holds {schema.field(name).type}",
            location=str(path),
            expected=f"a list of {key}, one for each word",
        )
    return name


def _is_list(schema: pa.Schema, name: str) -> bool:
    return schema.names.count(name) == 1 and _item_type(schema.field(name).type) is not None


def _item_type(data_type: pa.DataType) -> pa.DataType | None:
    """Return the type of the items of a column of lists; None if it holds no lists."""
    lists = pa.types.is_list(data_type) or pa.types.is_large_list(data_type) or pa.types.is_fixed_size_list(data_type)
    return data_type.value_type if lists else None


def _class_label_names(schema: pa.Schema, column: str) -> list[str] | None:
    """Return the names that ``datasets`` has written for the integers of ``column``, or None."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][column]
    except (LookupError, ValueError, TypeError, RecursionError):
        return None
    inner = features[0] if isinstance(features, list) and features else features
    inner = inner.get("feature", inner) if isinstance(inner, dict) else {}
    names = inner.get("names") if isinstance(inner, dict) else None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None
