"""Batches of columns, as data pipelines pass them: read a column, and add columns of predictions.

A batch is a dictionary of lists or of numpy arrays, a ``pyarrow.Table``, a ``pyarrow.RecordBatch`` or a
``pandas.DataFrame``. The runtime does not depend on pyarrow and pandas: they are imported only if a batch is theirs.

Legend: R rows.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, cast

import numpy as np

from nlptrain_runtime.errors import BatchError, quoted

if TYPE_CHECKING:
    from numpy.typing import NDArray

Batch = TypeVar("Batch")
Content = Literal["entities", "words", "tags", "confidences", "error"]


class NewColumn(NamedTuple):
    """A column of predictions.

    Attributes:
        name: of the column.
        content: decides the Arrow type.
        values: None for rows without a prediction, [R].
    """

    name: str
    content: Content
    values: list[Any]


def column_names(batch: object) -> list[str]:
    """Return the names of the columns of ``batch``, in order.

    Raises:
        TypeError: it is not a batch.
    """
    if isinstance(batch, Mapping):
        return list(batch)
    if _is_arrow(batch):
        return list(cast(Any, batch).schema.names)
    if _is_pandas(batch):
        return list(cast(Any, batch).columns)
    raise TypeError(
        f"batch: found {type(batch).__name__}; expected a dict of columns, a pyarrow.Table, a pyarrow.RecordBatch or "
        "a pandas.DataFrame"
    )


def read_column(batch: object, name: str) -> list[Any]:
    """Return the values of a column of ``batch`` as Python objects, [R]; None for missing values.

    Raises:
        BatchError: the column is one string, as of a single row.
    """
    column = cast(Any, batch)[name]
    if _is_arrow(batch):
        return _arrow_values(column)
    if _is_pandas(batch):
        return list(column.astype(object).where(column.notna(), None))
    if isinstance(column, np.ndarray):
        return list(column.tolist())
    if isinstance(column, str | bytes) or not isinstance(column, Sequence):
        raise BatchError(
            f"batch: found {quoted(column, 40)} in the column {name!r}; expected a list with a value per row; pass "
            "batches instead of rows, e.g. map(..., batched=True)"
        )
    return list(column)


def add_columns(batch: Batch, columns: Sequence[NewColumn], like: str) -> Batch:
    """Return a batch of the same type with ``columns`` after its own.

    In Arrow batches, and in Arrow arrays of new lists, the type of a column depends on its content alone. A new numpy
    array or pandas column has objects.

    Args:
        batch: is not changed.
        columns: their names are not in the batch.
        like: a column of a dictionary; the new ones are numpy arrays if it is one.
    """
    if _is_arrow(batch):
        return cast(Batch, _add_to_arrow(cast(Any, batch), columns))
    if _is_pandas(batch):
        pandas = sys.modules["pandas"]
        index = cast(Any, batch).index
        series = {column.name: pandas.Series(column.values, index=index, dtype=object) for column in columns}
        return cast(Batch, cast(Any, batch).assign(**series))
    extended: Any = copy.copy(batch)
    is_array = isinstance(extended[like], np.ndarray)
    for column in columns:
        extended[column.name] = _object_array(column.values) if is_array else TypedList(column)
    return cast(Batch, extended)


class TypedList(list[Any]):
    """A list that ``pyarrow.array`` converts to the type of its content, also if it is empty or has only None.

    From a plain list, ``datasets`` would infer the type of a column. That of a first batch without errors would be
    null, and a later batch with one would end the job.
    """

    def __init__(self, column: NewColumn) -> None:
        """Take the values and the content of ``column``."""
        super().__init__(column.values)
        self.content = column.content

    def __arrow_array__(self, type: object = None) -> Any:  # noqa: ANN401 - a pyarrow.Array
        """Return the values as an array of ``type``; None: the type of the content."""
        return _pyarrow().array(list(self), type=_arrow_type(self.content) if type is None else type)


def _object_array(values: list[Any]) -> NDArray[np.object_]:
    """Return an array of one dimension, also of lists of the same length."""
    array = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        array[row] = value
    return array


def _pyarrow() -> Any:  # noqa: ANN401 - the module
    import pyarrow  # only for batches of Arrow

    return pyarrow


def _is_arrow(batch: object) -> bool:
    pyarrow = sys.modules.get("pyarrow")
    return pyarrow is not None and isinstance(batch, pyarrow.Table | pyarrow.RecordBatch)


def _is_pandas(batch: object) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(batch, pandas.DataFrame)


def _arrow_type(content: Content) -> Any:  # noqa: ANN401 - a pyarrow.DataType
    arrow = _pyarrow()
    text, offset, confidence = arrow.string(), arrow.int64(), arrow.float64()
    span = [("start", offset), ("end", offset)]
    types: dict[Content, Any] = {
        "entities": arrow.list_(arrow.struct([*span, ("label", text), ("text", text), ("confidence", confidence)])),
        "words": arrow.list_(arrow.struct([*span, ("text", text), ("tag", text), ("confidence", confidence)])),
        "tags": arrow.list_(text),
        "confidences": arrow.list_(confidence),
        "error": text,
    }
    return types[content]


def _add_to_arrow(batch: Any, columns: Sequence[NewColumn]) -> Any:  # noqa: ANN401 - a table or a record batch
    arrow = _pyarrow()
    schema, arrays = batch.schema, list(batch.columns)
    for column in columns:
        arrays.append(arrow.array(column.values, type=_arrow_type(column.content)))
        schema = schema.append(arrow.field(column.name, arrays[-1].type))
    return type(batch).from_arrays(arrays, schema=schema)


def _arrow_values(column: Any) -> list[Any]:  # noqa: ANN401 - a pyarrow.Array or ChunkedArray
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:  # Arrow does not verify the UTF-8 of a file
        return [_arrow_value(scalar) for scalar in column]


def _arrow_value(scalar: Any) -> Any:  # noqa: ANN401
    """Return the value of a scalar, or the error that its text is not UTF-8."""
    try:
        return scalar.as_py()
    except UnicodeDecodeError as error:
        return error
