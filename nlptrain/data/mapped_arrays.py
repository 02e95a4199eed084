"""Arrays in temporary files that are mapped into memory: they take room on the disk, and of the memory what is free."""

from __future__ import annotations

import mmap
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

_Values = TypeVar("_Values", bound="np.generic[Any]")
_BUFFER_BYTES = 2**20


def mapped_array(
    values: NDArray[_Values], folder: Path | None = None, *, min_bytes: int = _BUFFER_BYTES
) -> NDArray[_Values]:
    """Return ``values``, mapped from an unlinked temporary file if they are long; the same if the disk is full.

    Args:
        values: the array.
        folder: of the file; None: the system's folder of temporary files.
        min_bytes: shorter ones stay in memory.
    """
    if values.nbytes < min_bytes:
        return values
    import pyarrow as pa  # imported on use: the help of the commands reads this module

    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(np.ascontiguousarray(values).data)  # numpy's own tofile does not raise if the disk is full
            file.flush()
            content = pa.memory_map(file.name).read_buffer()  # unlike other mappings, it keeps no file open
            return np.frombuffer(content, values.dtype).reshape(values.shape)
    except OSError:  # no room on the disk
        return values


class ArrayWriter(Generic[_Values]):
    """Values of one type that are appended, and then are one array; a long one is mapped from a temporary file.

    Example:
        >>> writer = ArrayWriter(np.int32)
        >>> writer.append([1, 2])
        >>> writer.append([3])
        >>> writer.finish().tolist()
        [1, 2, 3]
    """

    def __init__(self, dtype: type[_Values], folder: Path | None = None) -> None:
        """Start without values.

        Args:
            dtype: their type.
            folder: of the file; None: the system's folder of temporary files.
        """
        self._dtype = np.dtype(dtype)
        self._folder = folder
        self._buffer: list[NDArray[_Values]] = []
        self._buffered = 0
        self._file: IO[bytes] | None = None

    def append(self, values: Any) -> None:  # noqa: ANN401 - whatever numpy converts
        """Append ``values``, of any number."""
        array = np.array(values, dtype=self._dtype).reshape(-1)
        self._buffer.append(array)
        self._buffered += array.nbytes
        if self._buffered >= _BUFFER_BYTES:
            self._write()

    def finish(self) -> NDArray[_Values]:
        """Return all values; nothing can be appended afterwards.

        Raises:
            OSError: the disk is full.
        """
        if self._file is None:
            return np.concatenate([np.empty(0, self._dtype), *self._buffer])
        self._write()
        with self._file as file:
            file.flush()
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), self._dtype)

    def _write(self) -> None:
        if self._file is None:
            # Without a name, so that nothing of a killed process remains in the folder.
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by finish, or with this
        for array in self._buffer:
            self._file.write(array.data)
        self._buffer, self._buffered = [], 0

    def __del__(self) -> None:
        """Remove the file if ``finish`` has not done so."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
