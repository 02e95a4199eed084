"""Compact sets of hashes behave like a set."""

import random
import resource
import signal
import tempfile
from pathlib import Path

import numpy as np
import pytest

from nlptrain.data import sentence
from nlptrain.data.sentence import HashSet, hash_array


@pytest.mark.parametrize("seed", range(5))
def test_a_hash_set_equals_a_set(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence, "_MAX_BLOCK", 2_000)
    draw = random.Random(seed)
    hash_set, expected = HashSet(), set()
    for _ in range(40):
        new = {draw.randbytes(16) for _ in range(draw.choice([0, 1, 3, 50, 700]))} - expected
        hash_set.add(hash_array(list(new)))
        expected |= new
        queries = [*draw.sample(list(expected), min(30, len(expected))), draw.randbytes(16)]
        assert hash_set.has(hash_array(queries)).tolist() == [query in expected for query in queries]
    # Each block is at least twice as long as the next, or as long as a block becomes.
    lengths = [len(block) for block in hash_set._blocks]
    assert all(length >= min(2 * following, 2_000) for length, following in zip(lengths, lengths[1:], strict=False))
    assert sum(block.nbytes for block in hash_set._blocks) == 8 * len(expected)


@pytest.mark.parametrize("room", [True, False])
def test_large_blocks_are_in_files_unless_the_disk_is_full(
    room: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sentence, "_MAX_BLOCK", 100)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path if room else tmp_path / "missing"))
    hash_set, hashes = HashSet(), [value.to_bytes(16, "little") for value in range(1, 251)]
    for start in range(0, 250, 50):
        hash_set.add(hash_array(hashes[start : start + 50]))
    assert [(len(block), block.flags.writeable) for block in hash_set._blocks] == [(100, not room)] * 2 + [(50, True)]
    assert hash_set.has(hash_array(hashes)).all()
    assert not list(tmp_path.iterdir())


def test_a_disk_that_becomes_full_loses_no_hash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sentence, "_MAX_BLOCK", 10)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (80, before[1]))
    try:
        hash_set, hashes = HashSet(), hash_array([value.to_bytes(16, "little") for value in range(1, 14)])
        hash_set.add(hashes)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert hash_set.has(hashes).all()


def test_trailing_zeros_of_hashes_are_kept() -> None:
    ends = [b"a" * 15 + b"\0", b"a" * 14 + b"\0\0", b"a" * 14 + b"\0a", bytes(16)]
    assert hash_array(ends).tolist() == [end.rstrip(b"\0") for end in ends]
    assert len(set(hash_array(ends).tolist())) == 4
    hash_set = HashSet()
    hash_set.add(hash_array([bytes(16)]))
    assert hash_set.has(hash_array([bytes(16), b"a" * 16])).tolist() == [True, False]


def test_empty_sets_and_queries() -> None:
    hash_set = HashSet()
    for _ in range(2):
        assert hash_set.has(hash_array([b"x" * 16])).tolist() == [False]
        hash_set.add(hash_array([]))
    assert hash_array([]).dtype == np.dtype("S16")
