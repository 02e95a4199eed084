"""Which of very many sentences have been seen: their digests in a few bytes each, where a set takes a hundred."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Digests = NDArray[np.bytes_]  # of 16 bytes each
Keys = NDArray[np.uint64]
_Values = TypeVar("_Values", bound="np.generic[Any]")
_LONGEST = 2**18  # entries of a run that is not merged any more: what merging takes for a moment is bounded, too


def packed(digests: Sequence[bytes]) -> Digests:
    """``digests``, of 16 bytes each, as one array; those that end in zeros stay apart, as all are of one length."""
    return np.frombuffer(b"".join(digests), dtype="S16")


def _keys(digests: Digests) -> Keys:
    keys: Keys = np.ascontiguousarray(digests).view("<u8")[::2]
    return keys


def _kept(run: NDArray[_Values]) -> NDArray[_Values]:
    """``run``; one of the longest is mapped from a file, which is gone with it."""
    if len(run) < _LONGEST:
        return run
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(run.data)  # numpy's own tofile does not tell of a disk that is full by its end
            file.flush()
            return np.frombuffer(pa.memory_map(file.name).read_buffer(), run.dtype)  # unlike numpy's, no open file
    except OSError:  # no room there
        return run


class DigestSet:
    """Digests that were added, 8 bytes each: of 16 bytes the first 8.

    Among a million sentences one is taken for another with a chance of 1 in 37 million, among a hundred million with
    one of 1 in 3,700. They are held in sorted runs, of which each is at least twice as long as the one behind it, up to
    a quarter of a million: a search looks into few of them, and adding seldom merges. The longest are in temporary
    files, so that memory holds the others alone.

    Example:
        >>> seen = DigestSet()
        >>> seen.add(packed([b"a" * 16]))
        >>> seen.has(packed([b"a" * 16, b"b" * 16])).tolist()
        [True, False]
    """

    def __init__(self) -> None:
        """No digest yet."""
        self._runs: list[Keys] = []

    def add(self, digests: Digests) -> None:
        """Add ``digests``."""
        if not len(digests):
            return
        keys = _keys(digests)
        while self._runs and _to_be_merged(len(self._runs[-1]), len(keys)):
            keys = np.concatenate([self._runs.pop(), keys])
        self._runs.append(_kept(np.sort(keys, kind="stable")))

    def has(self, digests: Digests) -> NDArray[np.bool_]:
        """Whether each of ``digests`` was added."""
        keys = _keys(digests)
        found = np.zeros(len(keys), dtype=bool)
        for run in self._runs:
            found |= _places(run, keys) >= 0
        return found


class DigestNumbers:
    """The number of each digest that was added, from 0, in 12 bytes an entry; held as ``DigestSet`` holds them.

    What it finds is to be compared with the digest that is looked for.
    """

    def __init__(self) -> None:
        """No digest yet."""
        self._runs: list[tuple[Keys, NDArray[np.uint32]]] = []
        self._count = 0

    def __len__(self) -> int:
        """How many were added."""
        return self._count

    def add(self, digests: Digests) -> None:
        """Number ``digests``, in this order, behind those that are there."""
        if not len(digests):
            return
        keys, numbers = _keys(digests), np.arange(self._count, self._count + len(digests), dtype=np.uint32)
        self._count += len(digests)
        while self._runs and _to_be_merged(len(self._runs[-1][0]), len(keys)):
            before, theirs = self._runs.pop()
            keys, numbers = np.concatenate([before, keys]), np.concatenate([theirs, numbers])
        order = np.argsort(keys, kind="stable")
        self._runs.append((_kept(keys[order]), _kept(numbers[order])))

    def find(self, digests: Digests) -> NDArray[np.int64]:
        """The number of each of ``digests`` or of one with the same first 8 bytes, -1 where no such one was added."""
        keys = _keys(digests)
        found = np.full(len(keys), -1)
        for run, numbers in self._runs:
            places = _places(run, keys)
            found = np.where(places >= 0, numbers[places], found)
        return found


def _to_be_merged(before: int, new: int) -> bool:
    return before < min(2 * new, _LONGEST)


def _places(run: Keys, keys: Keys) -> NDArray[np.int64]:
    """Where each of ``keys`` stands in ``run``, which is sorted and not empty, or -1."""
    places = np.minimum(np.searchsorted(run, keys), len(run) - 1)
    return np.where(run[places] == keys, places, -1)
