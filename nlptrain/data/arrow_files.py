"""Parquet and Arrow files: each row a sentence, with a list of words and one of tags, as ``datasets`` writes them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.arrow_batches import FAULTS, arrow_batches, parquet_batches
from nlptrain.data.sentence import Sentence
from nlptrain.data.tokens import listed_names, name_and_text, strings
from nlptrain.errors import InputError

_WORDS, _TAGS = ("tokens", "words"), ("tags", "ner_tags")
_SHOWN = 200  # characters of what is quoted


def read_parquet(path: Path, columns: ColumnsConfig) -> Iterator[Sentence]:
    """The sentences of a Parquet file, in bounded memory.

    Words are lists of strings; tags lists of strings, or of numbers that the file has names for, as ``datasets`` keeps
    them for its ``ClassLabel``. Columns ``id`` and ``text`` are also read, if there are any; other columns are ignored.

    Raises:
        InputError: the file is none, has no such column, numbers without names, or a row whose lists are not of equal
            length or hold anything but words.
    """
    with _parquet(path) as table:
        yield from _Rows(path, table.schema, columns).sentences(table)


def read_arrow(path: Path, columns: ColumnsConfig) -> Iterator[Sentence]:
    """The sentences of an Arrow file (Feather, too) or stream, as ``save_to_disk`` of ``datasets`` writes them.

    Raises:
        InputError: as for ``read_parquet``.
    """
    with _arrow(path) as table:
        yield from _Rows(path, table.schema, columns).sentences(table)


def other_parquet(path: Path, columns: ColumnsConfig) -> list[str]:
    """Return the columns that ``read_parquet`` ignores.

    Raises:
        InputError: as for ``read_parquet``.
    """
    with _parquet(path) as table:
        return _Rows(path, table.schema, columns).ignored


def other_arrow(path: Path, columns: ColumnsConfig) -> list[str]:
    """Return the columns that ``read_arrow`` ignores.

    Raises:
        InputError: as for ``read_arrow``.
    """
    with _arrow(path) as table:
        return _Rows(path, table.schema, columns).ignored


def read_rows(path: Path, *, parquet: bool, wanted: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet or an Arrow file with those of the ``wanted`` columns that it has; None: with all.

    Raises:
        InputError: the file is none, or has none of them.
    """
    with (_parquet if parquet else _arrow)(path) as table:
        read = [name for name in table.schema.names if wanted is None or name in wanted]
        if wanted is not None and not read:
            raise InputError(
                f"{path}: found no column {' or '.join(map(repr, wanted))} "
                f"(columns: {listed_names(table.schema.names)})"
            )
        yield from table.rows(read)


@dataclass(frozen=True)
class _Table:
    """An open file.

    Attributes:
        path: of it.
        schema: of all its columns.
        batches: those with the columns that are named, a few rows each.
    """

    path: Path
    schema: pa.Schema
    batches: Callable[[list[str]], Iterator[pa.RecordBatch]]

    def rows(self, read: list[str]) -> Iterator[dict[str, Any]]:
        """Its rows with the columns ``read``."""
        if twice := [name for name in read if self.schema.names.count(name) > 1]:
            raise InputError(f"{self.path}: has several columns {twice[0]!r}; rename all but one")
        if not read:
            raise InputError(f"{self.path}: has no column")
        number = 0
        batches = self.batches(read)
        while True:
            try:
                batch = next(batches, None)
                rows = [] if batch is None else batch.to_pylist()
            except FAULTS as error:
                raise InputError(f"{self.path}: damaged after row {number:,}: {_reason(error)}") from error
            if batch is None:
                return
            number += len(rows)
            yield from rows


@contextmanager
def _parquet(path: Path) -> Iterator[_Table]:
    with ExitStack() as stack:
        try:
            source = stack.enter_context(pa.OSFile(os.fsencode(path)))
            file = stack.enter_context(pq.ParquetFile(source))
            schema = _readable(file.schema_arrow)
        except FAULTS as error:
            raise InputError(f"{path}: cannot be read as Parquet: {_reason(error)}") from error
        yield _Table(path, schema, partial(parquet_batches, path, file))


@contextmanager
def _arrow(path: Path) -> Iterator[_Table]:
    with ExitStack() as stack:
        try:
            # Not mapped: a mapped file that another process cuts short would end this one.
            source = stack.enter_context(pa.OSFile(os.fsencode(path)))
            try:
                file = pa.ipc.open_file(source)
            except pa.ArrowInvalid:
                source.seek(0)
                stream = pa.ipc.open_stream(source)
                schema, batches = _readable(stream.schema), iter(stream)
            else:
                schema, batches = _readable(file.schema), map(file.get_batch, range(file.num_record_batches))
        except FAULTS as error:
            raise InputError(f"{path}: cannot be read as Arrow: {_reason(error)}") from error
        yield _Table(path, schema, partial(arrow_batches, path, batches))


def _readable(schema: pa.Schema) -> pa.Schema:
    """``schema``, whose names and types are text; where they are not, this raises what ``FAULTS`` names."""
    for name in schema.names:
        str(name)
    for kind in schema.types:
        str(kind)
    return schema


class _Rows:
    """How the rows of one file are to be read."""

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
        self._read = [self._words, self._tags, *beside]
        self.ignored = [name for name in schema.names if name not in self._read]

    def sentences(self, table: _Table) -> Iterator[Sentence]:
        for number, row in enumerate(table.rows(self._read), start=1):
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
        name, text = name_and_text(row, where)
        return Sentence(words, tags, where, id=name, text=text)

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
        raise InputError(f"data.columns.{key}: found {wanted}, and {path} has names ({listed_names(schema.names)})")
    usual = [wanted] if wanted is not None else usual
    found = next((name for name in usual if name in schema.names), None)
    if found is None:
        raise InputError(
            f"{path}: found no column {' or '.join(map(repr, usual))} (columns: {listed_names(schema.names)}); "
            f"name it with data.columns.{key}"
        )
    if schema.names.count(found) > 1:
        raise InputError(f"{path}: has several columns {found!r}; rename all but one")
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
    except (LookupError, ValueError, TypeError, RecursionError):
        return None
    inner = features[0] if isinstance(features, list) and features else features
    inner = inner.get("feature", inner) if isinstance(inner, dict) else {}
    names = inner.get("names") if isinstance(inner, dict) else None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def _reason(error: BaseException) -> str:
    """The first line of an error, or its head: what a library quotes of a file may be all of it."""
    if isinstance(error, OSError) and error.strerror and error.errno:
        return os.strerror(error.errno)
    return shorten(str(error).split("\n", 1)[0], _SHOWN, placeholder=" ...") or type(error).__name__
