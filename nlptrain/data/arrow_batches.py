"""Record batches of Parquet and Arrow files that anyone may have written: checked, decoded and bounded in memory."""

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

# What pyarrow raises on bytes that are no such file: its own errors, and Python's while it converts names and values.
FAULTS = (OSError, pa.ArrowException, ValueError, LookupError, TypeError, OverflowError, MemoryError, RecursionError)
_ROWS = 1024  # that are in memory at once
_ROW_ITSELF, _VALUE = 64, 8  # bytes that each row and each value count at least
_LARGE = 2**20  # bytes of a row group, uncompressed, whose first row is looked at before the others
_AT_ONCE = 2**26  # bytes of the decoded rows that are in memory at once, if several
_ROW = 2**28  # bytes of one row
_FREE, _EXPANSION = 2**25, 100  # bytes that any file may expand to, and to how many times its size a large one
_VIEWS = (pa.types.is_string_view, pa.types.is_binary_view)
_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary, *_VIEWS)
_LISTS = (pa.types.is_list, pa.types.is_large_list)
_FLATTENED = (*_LISTS, pa.types.is_fixed_size_list, pa.types.is_list_view, pa.types.is_large_list_view)


class _Expansion:
    """How far a file has expanded."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._most = _FREE + _EXPANSION * path.stat().st_size
        self._read = 0

    def add(self, size: int) -> None:
        """Count ``size`` bytes more.

        Raises:
            InputError: they are too many for this file.
        """
        self._read += size
        if self._read > self._most:
            raise InputError(
                f"{self._path}: expands to more than {_EXPANSION} times its size; if that is right, write its rows as "
                "JSON Lines"
            )


def parquet_batches(path: Path, file: pq.ParquetFile, read: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Read the columns ``read`` of a Parquet file, a few rows at a time.

    Each row group has a reader of its own: one for all of them would hold on to what it has decoded.

    Raises:
        InputError: the file expands too far.
    """
    expansion = _Expansion(path)
    for number in range(file.metadata.num_row_groups):
        taken = partial(file.iter_batches, row_groups=[number], columns=list(read))
        rows = _ROWS
        # What the metadata says of single columns is left alone: pyarrow ends the process where it is damaged.
        if file.metadata.row_group(number).total_byte_size > _LARGE:
            # A dictionary may hold one text for many rows: the first row says how many of them fit into memory.
            size = sum(_size(column) for batch in islice(taken(1), 1) for column in batch.columns)
            rows = max(1, min(_ROWS, _AT_ONCE // max(1, size)))
        for batch in taken(rows):
            batch.validate(full=True)
            yield from _parts(batch, path, expansion)


def arrow_batches(path: Path, batches: Iterator[pa.RecordBatch], read: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Take the columns ``read`` of the ``batches`` of an Arrow file, a few rows at a time.

    Raises:
        InputError: the file expands too far.
    """
    expansion = _Expansion(path)
    for whole in batches:
        batch = whole.select(list(read))
        batch.validate(full=True)
        for start in range(0, batch.num_rows, _ROWS):
            yield from _parts(batch.slice(start, _ROWS), path, expansion)


def _parts(batch: pa.RecordBatch, path: Path, expansion: _Expansion) -> Iterator[pa.RecordBatch]:
    """Decode ``batch`` in parts that fit into memory."""
    size = _ROW_ITSELF * batch.num_rows + sum(map(_size, batch.columns))
    if size > _AT_ONCE and batch.num_rows > 1:
        half = batch.num_rows // 2
        yield from _parts(batch.slice(0, half), path, expansion)
        yield from _parts(batch.slice(half), path, expansion)
        return
    if size > _ROW:
        raise InputError(f"{path}: a row holds more than {_ROW >> 20} MB; split it")
    expansion.add(size)
    yield _decoded(batch)


def _is(kind: pa.DataType, checks: Sequence[Callable[[pa.DataType], bool]]) -> bool:
    return any(check(kind) for check in checks)


def _size(array: pa.Array) -> int:
    """The bytes that ``array`` takes once it is decoded, ``_VALUE`` at least for each value.

    Raises:
        pyarrow.ArrowException: its type is none that is read, or a place in a dictionary is out of its range.
    """
    array = array.storage if isinstance(array, pa.ExtensionArray) else array
    kind, own = array.type, _VALUE * len(array)
    if _is(kind, _TEXT):
        return own + _sum(_lengths(array))
    if pa.types.is_dictionary(kind) and not pa.types.is_nested(kind.value_type):
        return own + (_sum(_lengths(array.dictionary).take(array.indices)) if _is(kind.value_type, _TEXT) else 0)
    if _is(kind, _FLATTENED):
        values = _VALUE * _sum(pc.list_value_length(array))
        return own + (values if values > _ROW else _size(array.flatten()))
    if pa.types.is_struct(kind):
        return own + sum(map(_size, array.flatten()))
    if pa.types.is_map(kind):
        start, end = array.offsets[0].as_py(), array.offsets[-1].as_py()
        return own + sum(_size(values.slice(start, end - start)) for values in (array.keys, array.items))
    if pa.types.is_nested(kind) or pa.types.is_dictionary(kind):  # unions, runs
        raise pa.ArrowNotImplementedError(f"a column of type {kind}")
    return own


def _sum(numbers: pa.Array) -> int:
    return pc.sum(numbers).as_py() or 0


def _lengths(array: pa.Array) -> pa.Array:
    """The length of each text, in bytes."""
    if not _is(array.type, _VIEWS):
        return pc.binary_length(array)
    lengths = np.frombuffer(array.buffers()[1], dtype="<i4")[::4][array.offset :][: len(array)]  # of 16 bytes each
    return pa.array(lengths, mask=~array.is_valid().to_numpy(zero_copy_only=False))


def _decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """``batch`` with texts in the place of a dictionary and of places in it."""
    columns = []
    for column in batch.columns:
        kind = column.type
        if _is(kind, _LISTS) and pa.types.is_dictionary(kind.value_type):
            plain = pa.large_list if pa.types.is_large_list(kind) else pa.list_
            columns.append(column.cast(plain(kind.value_type.value_type)))
        elif pa.types.is_dictionary(kind):
            columns.append(column.dictionary_decode())
        else:
            columns.append(column)
    return pa.record_batch(columns, names=batch.schema.names)
