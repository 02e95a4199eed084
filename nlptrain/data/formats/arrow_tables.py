"""Tables in Parquet and Arrow files, which are read in batches of rows, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nlptrain.data.formats.arrow_batches import ARROW_ERRORS, arrow_batches, parquet_batches
from nlptrain.errors import InputError

_MAX_REASON = 200  # characters of an error that are shown


@dataclass(frozen=True)
class Table:
    """An open file.

    Attributes:
        path: its path.
        schema: the schema of all its columns.
        batches: reads batches of a few rows, with the given columns.
    """

    path: Path
    schema: pa.Schema
    batches: Callable[[list[str]], Iterator[pa.RecordBatch]]

    def rows(self, columns: list[str]) -> Iterator[dict[str, Any]]:
        """Read the rows with ``columns``."""
        if repeated := [name for name in columns if self.schema.names.count(name) > 1]:
            raise repeated_column(self.path, repeated[0])
        if not columns:
            raise InputError("found no column", location=str(self.path))
        count = 0
        batches = self.batches(columns)
        while True:
            try:
                batch = next(batches, None)
                rows = [] if batch is None else batch.to_pylist()
            except ARROW_ERRORS as error:
                raise InputError(f"damaged after row {count:,}: {_reason(error)}", location=str(self.path)) from error
            if batch is None:
                return
            count += len(rows)
            yield from rows


@contextmanager
def open_table(path: Path, *, is_parquet: bool) -> Iterator[Table]:
    """Open a Parquet or an Arrow file.

    Raises:
        InputError: it is not one.
    """
    with ExitStack() as stack:
        try:
            # Not mapped into memory: if another process truncates a mapped file, the system ends this process.
            source = stack.enter_context(pa.OSFile(os.fsencode(path)))
            schema, batches = (_open_parquet if is_parquet else _open_arrow)(path, source, stack)
        except ARROW_ERRORS as error:
            name = "Parquet" if is_parquet else "Arrow"
            raise InputError(f"cannot be read as {name}: {_reason(error)}", location=str(path)) from error
        yield Table(path, schema, batches)


_Batches = Callable[[list[str]], Iterator[pa.RecordBatch]]


def _open_parquet(path: Path, source: pa.OSFile, stack: ExitStack) -> tuple[pa.Schema, _Batches]:
    file = stack.enter_context(pq.ParquetFile(source))
    return _validated(file.schema_arrow), partial(parquet_batches, path, file)


def _open_arrow(path: Path, source: pa.OSFile, _: ExitStack) -> tuple[pa.Schema, _Batches]:
    try:
        file = pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        stream = pa.ipc.open_stream(source)
        return _validated(stream.schema), partial(arrow_batches, path, iter(stream))
    batches = map(file.get_batch, range(file.num_record_batches))
    return _validated(file.schema), partial(arrow_batches, path, batches)


def _validated(schema: pa.Schema) -> pa.Schema:
    """Return ``schema``; raises one of ``ARROW_ERRORS`` if a name or a type is not valid text."""
    for name in schema.names:
        str(name)
    for data_type in schema.types:
        str(data_type)
    return schema


def repeated_column(path: Path, name: str) -> InputError:
    """Return the error for several columns of one name."""
    return InputError(f"found several columns {name!r}", location=str(path), hint="rename all but one")


def _reason(error: BaseException) -> str:
    """Return the first line of an error, shortened: a library may quote a whole file."""
    if isinstance(error, OSError) and error.strerror and error.errno:
        return os.strerror(error.errno)
    return shorten(str(error).split("\n", 1)[0], _MAX_REASON, placeholder=" ...") or type(error).__name__
