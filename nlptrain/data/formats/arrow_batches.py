"""Record batches of untrusted Parquet and Arrow files: validated, decoded, and read in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nlptrain.errors import InputError

# The errors of pyarrow on malformed files: its own, and Python's while it converts names and values.
ARROW_ERRORS = (
    OSError,
    pa.ArrowException,
    ValueError,
    LookupError,
    TypeError,
    OverflowError,
    MemoryError,
    RecursionError,
)
_ROWS = 1024  # in memory at once
_MIN_ROW, _MIN_VALUE = 64, 8  # bytes that each row and each value count at least
_LARGE_GROUP = 2**20  # bytes of a row group, uncompressed, whose first row is measured before the others are read
_MAX_ROWS_SIZE = 2**26  # bytes of decoded rows in memory at once, unless it is a single row
_MAX_ROW_SIZE = 2**28  # bytes of one row
_FREE, _MAX_EXPANSION = 2**25, 100  # bytes that any file may expand to, and the factor by which a large one may
_VIEWS = (pa.types.is_string_view, pa.types.is_binary_view)
_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary, *_VIEWS)
_LISTS = (pa.types.is_list, pa.types.is_large_list)
_FLATTENED = (*_LISTS, pa.types.is_fixed_size_list, pa.types.is_list_view, pa.types.is_large_list_view)


class _Expansion:
    """Counts the bytes that a file has expanded to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._limit = _FREE + _MAX_EXPANSION * path.stat().st_size
        self._read = 0

    def add(self, size: int) -> None:
        """Count ``size`` bytes more.

        Raises:
            InputError: the file has expanded too far.
        """
        self._read += size
        if self._read > self._limit:
            raise InputError(
                f"expands to more than {_MAX_EXPANSION} times its size",
                location=str(self._path),
                hint="if this is right, write its rows as JSON Lines",
            )


def parquet_batches(path: Path, file: pq.ParquetFile, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Read the ``columns`` of a Parquet file, a few rows at a time.

    Each row group has a reader of its own: a single one would keep everything that it has decoded.

    Raises:
        InputError: the file expands too far.
    """
    expansion = _Expansion(path)
    for group in range(file.metadata.num_row_groups):
        read = partial(file.iter_batches, row_groups=[group], columns=list(columns))
        rows = _ROWS
        # Metadata of single columns are not read: if they are damaged, pyarrow ends the process.
        if file.metadata.row_group(group).total_byte_size > _LARGE_GROUP:
            # A dictionary may hold one text for many rows: the first row shows how many of them fit into memory.
            size = sum(_size(column) for batch in islice(read(1), 1) for column in batch.columns)
            rows = max(1, min(_ROWS, _MAX_ROWS_SIZE // max(1, size)))
        for batch in read(rows):
            batch.validate(full=True)
            yield from _parts(batch, path, expansion)


def arrow_batches(path: Path, batches: Iterator[pa.RecordBatch], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Return the ``columns`` of the ``batches`` of an Arrow file, a few rows at a time.

    Raises:
        InputError: the file expands too far.
    """
    expansion = _Expansion(path)
    for whole in batches:
        batch = whole.select(list(columns))
        batch.validate(full=True)
        for start in range(0, batch.num_rows, _ROWS):
            yield from _parts(batch.slice(start, _ROWS), path, expansion)


def _parts(batch: pa.RecordBatch, path: Path, expansion: _Expansion) -> Iterator[pa.RecordBatch]:
    """Yield ``batch`` decoded, in parts that fit into memory."""
    size = _MIN_ROW * batch.num_rows + sum(map(_size, batch.columns))
    if size > _MAX_ROWS_SIZE and batch.num_rows > 1:
        half = batch.num_rows // 2
        yield from _parts(batch.slice(0, half), path, expansion)
        yield from _parts(batch.slice(half), path, expansion)
        return
    if size > _MAX_ROW_SIZE:
        raise InputError(f"found a row of more than {_MAX_ROW_SIZE >> 20} MB", location=str(path), hint="split it")
    expansion.add(size)
    yield _decoded(batch)


def _is(data_type: pa.DataType, checks: Sequence[Callable[[pa.DataType], bool]]) -> bool:
    return any(check(data_type) for check in checks)


def _size(array: pa.Array) -> int:
    """Return the size of ``array`` once it is decoded, in bytes, at least ``_MIN_VALUE`` for each value.

    Raises:
        pyarrow.ArrowException: its type is not supported, or an index of a dictionary is out of range.
    """
    array = array.storage if isinstance(array, pa.ExtensionArray) else array
    data_type, own = array.type, _MIN_VALUE * len(array)
    if _is(data_type, _TEXT):
        return own + _sum(_lengths(array))
    if pa.types.is_dictionary(data_type) and not pa.types.is_nested(data_type.value_type):
        return own + (_sum(_lengths(array.dictionary).take(array.indices)) if _is(data_type.value_type, _TEXT) else 0)
    if _is(data_type, _FLATTENED):
        values = _MIN_VALUE * _sum(pc.list_value_length(array))
        return own + (values if values > _MAX_ROW_SIZE else _size(array.flatten()))
    if pa.types.is_struct(data_type):
        return own + sum(map(_size, array.flatten()))
    if pa.types.is_map(data_type):
        start, end = array.offsets[0].as_py(), array.offsets[-1].as_py()
        return own + sum(_size(values.slice(start, end - start)) for values in (array.keys, array.items))
    if pa.types.is_nested(data_type) or pa.types.is_dictionary(data_type):  # unions, runs
        raise pa.ArrowNotImplementedError(f"a column of type {data_type}")
    return own


def _sum(values: pa.Array) -> int:
    return pc.sum(values).as_py() or 0


def _lengths(array: pa.Array) -> pa.Array:
    """Return the length of each text, in bytes."""
    if not _is(array.type, _VIEWS):
        return pc.binary_length(array)
    lengths = np.frombuffer(array.buffers()[1], dtype="<i4")[::4][array.offset :][: len(array)]  # of 16 bytes each
    return pa.array(lengths, mask=~array.is_valid().to_numpy(zero_copy_only=False))


def _decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return ``batch`` with texts instead of dictionary indices."""
    columns = []
    for column in batch.columns:
        data_type = column.type
        if _is(data_type, _LISTS) and pa.types.is_dictionary(data_type.value_type):
            plain = pa.large_list if pa.types.is_large_list(data_type) else pa.list_
            columns.append(column.cast(plain(data_type.value_type.value_type)))
        elif pa.types.is_dictionary(data_type):
            columns.append(column.dictionary_decode())
        else:
            columns.append(column)
    return pa.record_batch(columns, names=batch.schema.names)
