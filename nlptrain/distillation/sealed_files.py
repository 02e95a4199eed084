"""Sealed files: one batch of Arrow rows in a stream, followed by its checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa

_CHECKSUM_BYTES = 32


class DamagedFileError(Exception):
    """A file differs from what was written; the message is the reason."""


def sealed_content(batch: pa.RecordBatch) -> bytes:
    """Return ``batch`` as an Arrow stream, followed by its SHA-256. Readers of Arrow streams ignore what follows."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content + hashlib.sha256(content).digest()


def open_sealed(path: Path) -> pa.RecordBatch:
    """Verify the file ``path``, and map its batch into memory.

    Raises:
        DamagedFileError: it differs from what was written.
        OSError: it cannot be opened.
    """
    with pa.memory_map(str(path)) as file:
        return read_sealed(file.read_buffer())  # which keeps the mapping alive


def read_sealed(content: pa.Buffer) -> pa.RecordBatch:
    """Verify the ``content`` of a sealed file, and return its batch.

    Raises:
        DamagedFileError: it differs from what was written.
    """
    arrow, checksum = content[: max(0, len(content) - _CHECKSUM_BYTES)], content[-_CHECKSUM_BYTES:]
    if len(content) < _CHECKSUM_BYTES or hashlib.sha256(arrow).digest() != checksum.to_pybytes():
        raise DamagedFileError("its checksum differs")
    try:
        batch = pa.ipc.open_stream(pa.BufferReader(arrow)).read_next_batch()
        batch.validate(full=True)
    except (pa.ArrowException, StopIteration, UnicodeDecodeError) as error:
        raise DamagedFileError(str(error).split("\n", 1)[0]) from error
    return batch
