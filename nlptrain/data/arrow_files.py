"""Parquet and Arrow files: each row a sentence, with a list of words and one of tags, as ``datasets`` writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.corpus import Sentence
from nlptrain.data.tokens import strings
from nlptrain.errors import InputError

_WORDS, _TAGS = ("tokens", "words"), ("tags", "ner_tags")
_ROWS = 1024  # that are in memory at once


def read_parquet(path: Path, columns: ColumnsConfig) -> Iterator[Sentence]:
    """The sentences of a Parquet file, in bounded memory.

    Words are lists of strings; tags lists of strings, or of numbers that the file has names for, as ``datasets`` keeps
    them for its ``ClassLabel``. Columns ``id`` and ``text`` are read, too, where there are any; others are passed over.

    Raises:
        InputError: the file is none, has no such column, numbers without names, or a row whose lists are not of equal
            length or hold anything but words.
    """
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read as Parquet: {_first_line(error)}") from error
    with file:
        reader = _Rows(path, file.schema_arrow, columns)
        yield from reader.sentences(file.iter_batches(_ROWS, columns=reader.read))


def read_arrow(path: Path, columns: ColumnsConfig) -> Iterator[Sentence]:
    """The sentences of an Arrow file (Feather, too) or stream, as ``save_to_disk`` of ``datasets`` writes them.

    Raises:
        InputError: as for ``read_parquet``.
    """
    try:
        source = pa.memory_map(str(path))
        try:
            file = pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            stream = pa.ipc.open_stream(source)
            schema, batches = stream.schema, iter(stream)
        else:
            schema, batches = file.schema, map(file.get_batch, range(file.num_record_batches))
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read as Arrow: {_first_line(error)}") from error
    with source:
        reader = _Rows(path, schema, columns)
        yield from reader.sentences(
            batch.slice(start, _ROWS).select(reader.read)
            for batch in batches
            for start in range(0, batch.num_rows, _ROWS)
        )


class _Rows:
    """How the rows of one file are to be read.

    Attributes:
        read: the columns that are.
    """

    def __init__(self, path: Path, schema: pa.Schema, columns: ColumnsConfig) -> None:
        self._path = path
        self._words = _chosen(path, schema, "words", columns.words, _WORDS)
        self._tags = _chosen(path, schema, "tags", columns.tags, _TAGS)
        self._names = _class_names(schema, self._tags)
        kind = _items(schema.field(self._tags).type)
        if kind is not None and pa.types.is_integer(kind) and self._names is None:
            raise InputError(
                f"{path}: column {self._tags!r} holds numbers, and the file says no names for them; write the names of "
                "the labels, or let `datasets` write the file, which keeps those of its ClassLabel"
            )
        beside = [name for name in ("id", "text") if name in schema.names and name not in (self._words, self._tags)]
        self.read = [self._words, self._tags, *beside]

    def sentences(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Sentence]:
        number = 0
        batches = iter(batches)
        while True:
            try:
                batch = next(batches, None)
            except (OSError, pa.ArrowException) as error:
                raise InputError(f"{self._path}: damaged behind row {number:,}: {_first_line(error)}") from error
            if batch is None:
                return
            for row in batch.to_pylist():
                number += 1
                if sentence := self._sentence(row, f"{self._path}:{number}"):
                    yield sentence

    def _sentence(self, row: dict[str, Any], where: str) -> Sentence | None:
        words = strings(row[self._words], self._words, where)
        tags = strings(self._named(row[self._tags], where), self._tags, where, tags=True)
        if len(words) != len(tags):
            raise InputError(
                f"{where}: found {len(words)} {self._words} and {len(tags)} {self._tags}; each word has one tag"
            )
        if not words:
            return None
        text, name = row.get("text"), row.get("id")
        text = text if isinstance(text, str) else None
        return Sentence(words, tags, where, id=None if name is None else str(name), text=text)

    def _named(self, tags: Any, where: str) -> Any:  # noqa: ANN401 - checked by who reads it
        if self._names is None or not isinstance(tags, list):
            return tags
        for number in tags:
            if not isinstance(number, int) or not 0 <= number < len(self._names):
                raise InputError(
                    f"{where}: found {number!r} in {self._tags!r}; the file names 0 to {len(self._names) - 1}"
                )
        return [self._names[number] for number in tags]


def _chosen(path: Path, schema: pa.Schema, key: str, wanted: int | str | None, usual: Sequence[str]) -> str:
    if isinstance(wanted, int):
        raise InputError(f"data.columns.{key}: found {wanted}, and {path} has names ({', '.join(schema.names)})")
    names = [wanted] if wanted is not None else usual
    found = next((name for name in names if name in schema.names), None)
    if found is None:
        raise InputError(
            f"{path}: found no column {' or '.join(map(repr, names))} (columns: {', '.join(schema.names) or 'none'}); "
            f"name it with data.columns.{key}"
        )
    if _items(schema.field(found).type) is None:
        raise InputError(
            f"{path}: column {found!r} holds {schema.field(found).type}; {key} are a list, one for each word"
        )
    return found


def _items(kind: pa.DataType) -> pa.DataType | None:
    """What the lists of a column hold; None where it holds no lists."""
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return kind.value_type if lists else None


def _class_names(schema: pa.Schema, column: str) -> list[str] | None:
    """The names that ``datasets`` has written for the numbers of ``column``, or None."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][column]
    except (KeyError, ValueError, TypeError):
        return None
    inner = features[0] if isinstance(features, list) and features else features
    inner = inner.get("feature", inner) if isinstance(inner, dict) else {}
    names = inner.get("names") if isinstance(inner, dict) else None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
