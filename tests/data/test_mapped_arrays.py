"""Arrays that are written in parts and mapped from files equal those in memory, and no file remains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nlptrain.data import mapped_arrays
from nlptrain.data.mapped_arrays import ArrayWriter, mapped_array


@pytest.mark.parametrize("buffer", [1, 40, 10_000])
def test_parts_become_one_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, buffer: int) -> None:
    monkeypatch.setattr(mapped_arrays, "_BUFFER_BYTES", buffer)
    random = np.random.default_rng(0)
    parts = [random.integers(0, 100, size) for size in (3, 0, 50, 1, 7)]
    writer = ArrayWriter(np.int16, tmp_path)
    for part in parts:
        writer.append(part)
        assert list(tmp_path.iterdir()) == []  # also if the process is killed here
    values = writer.finish()
    assert values.dtype == np.int16
    assert values.tolist() == np.concatenate(parts).tolist()
    assert values.flags.writeable == (buffer == 10_000)


def test_writers_without_values_or_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped_arrays, "_BUFFER_BYTES", 1)
    assert ArrayWriter(np.float32, tmp_path).finish().tolist() == []
    writer = ArrayWriter(np.float32, tmp_path)
    writer.append([1.0])
    del writer
    assert list(tmp_path.iterdir()) == []


def test_long_arrays_are_mapped(tmp_path: Path) -> None:
    values = np.arange(300_000, dtype=np.int64).reshape(-1, 3)
    mapped = mapped_array(values, tmp_path)
    np.testing.assert_array_equal(mapped, values)
    assert not mapped.flags.writeable
    short = values[:5]
    assert mapped_array(short, tmp_path) is short
    assert mapped_array(values, tmp_path / "missing") is values
    assert list(tmp_path.iterdir()) == []
