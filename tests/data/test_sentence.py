"""Which sentences have been seen: the compact maps of digests against a dict."""

import random
import resource
import signal
import tempfile
from pathlib import Path

import numpy as np
import pytest

from nlptrain.data import sentence
from nlptrain.data.sentence import HashIndex, HashSet, hash_array


@pytest.mark.parametrize("seed", range(5))
def test_they_answer_as_a_dict_does_however_they_are_filled(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence, "_MAX_RUN", 2_000)
    draw = random.Random(seed)
    numbers, seen, expected = HashIndex(), HashSet(), {}
    for _ in range(40):
        new = {draw.randbytes(16) for _ in range(draw.choice([0, 1, 3, 50, 700]))} - set(expected)
        numbers.add(hash_array(list(new)))
        seen.add(hash_array(list(new)))
        expected |= {digest: len(expected) + at for at, digest in enumerate(new)}
        asked = [*draw.sample(list(expected), min(30, len(expected))), draw.randbytes(16)]
        assert numbers.find(hash_array(asked)).tolist() == [expected.get(digest, -1) for digest in asked]
        assert seen.has(hash_array(asked)).tolist() == [digest in expected for digest in asked]
    assert len(numbers) == len(expected)
    # Each run is at least twice as long as the next, or as long as a run becomes.
    lengths = [len(run) for run, _ in numbers._runs]
    assert lengths == [len(run) for run in seen._runs]
    assert all(one >= min(2 * other, 2_000) for one, other in zip(lengths, lengths[1:], strict=False))
    assert sum(run.nbytes + theirs.nbytes for run, theirs in numbers._runs) == 12 * len(expected)
    assert sum(run.nbytes for run in seen._runs) == 8 * len(expected)


@pytest.mark.parametrize("room", [True, False])
def test_the_longest_are_in_files_and_in_memory_where_there_is_no_room(
    room: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sentence, "_MAX_RUN", 100)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path if room else tmp_path / "missing"))
    numbers, all_of_them = HashIndex(), [one.to_bytes(16, "little") for one in range(1, 251)]
    for start in range(0, 250, 50):
        numbers.add(hash_array(all_of_them[start : start + 50]))
    assert [(len(run), run.flags.writeable) for run, _ in numbers._runs] == [(100, not room)] * 2 + [(50, True)]
    assert numbers.find(hash_array(all_of_them)).tolist() == list(range(250))
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_at_the_very_end_loses_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sentence, "_MAX_RUN", 10)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before, heard = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (80, before[1]))
    try:
        seen, all_of_them = HashSet(), hash_array([one.to_bytes(16, "little") for one in range(1, 14)])
        seen.add(all_of_them)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, heard)
    assert seen.has(all_of_them).all()


def test_a_digest_that_ends_in_zeros_is_itself() -> None:
    ends = [b"a" * 15 + b"\0", b"a" * 14 + b"\0\0", b"a" * 14 + b"\0a", bytes(16)]
    assert hash_array(ends).tolist() == [end.rstrip(b"\0") for end in ends]
    assert len(set(hash_array(ends).tolist())) == 4
    seen = HashSet()
    seen.add(hash_array([bytes(16)]))
    assert seen.has(hash_array([bytes(16), b"a" * 16])).tolist() == [True, False]


def test_nothing_is_found_among_nothing() -> None:
    numbers, seen = HashIndex(), HashSet()
    for _ in range(2):
        assert numbers.find(hash_array([b"x" * 16])).tolist() == [-1]
        assert numbers.find(hash_array([])).tolist() == []
        assert seen.has(hash_array([b"x" * 16])).tolist() == [False]
        numbers.add(hash_array([]))
        seen.add(hash_array([]))
    assert len(numbers) == 0
    assert hash_array([]).dtype == np.dtype("S16")
