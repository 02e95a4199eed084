"""Which sentences have been seen: the map of digests against a dict."""

import random

import numpy as np
import pytest

from nlptrain.data.digests import DigestNumbers, packed


@pytest.mark.parametrize("seed", range(5))
def test_numbers_are_those_of_a_dict_however_they_are_added(seed: int) -> None:
    draw = random.Random(seed)
    numbers, expected = DigestNumbers(), {}
    for _ in range(40):
        new = {draw.randbytes(16) for _ in range(draw.choice([0, 1, 3, 50, 700]))} - set(expected)
        numbers.add(packed(list(new)))
        expected |= {digest: len(expected) + at for at, digest in enumerate(new)}
        asked = [*draw.sample(list(expected), min(30, len(expected))), draw.randbytes(16)]
        assert numbers.find(packed(asked)).tolist() == [expected.get(digest, -1) for digest in asked]
    assert len(numbers) == len(expected)
    # Each run is at least twice as long as the next, so that a search looks into few.
    lengths = [len(run) for run, _ in numbers._runs]
    assert all(one >= 2 * other for one, other in zip(lengths, lengths[1:], strict=False))
    assert sum(run.nbytes + theirs.nbytes for run, theirs in numbers._runs) == 24 * len(expected)


def test_a_digest_that_ends_in_zeros_is_itself() -> None:
    numbers = DigestNumbers()
    ends = [b"a" * 15 + b"\0", b"a" * 14 + b"\0\0", b"a" * 14 + b"\0a", bytes(16)]
    numbers.add(packed(ends))
    assert numbers.find(packed([*ends[::-1], b"a" * 16])).tolist() == [3, 2, 1, 0, -1]


def test_nothing_is_found_among_nothing() -> None:
    numbers = DigestNumbers()
    assert numbers.find(packed([b"x" * 16])).tolist() == [-1]
    assert numbers.find(packed([])).tolist() == []
    numbers.add(packed([]))
    assert len(numbers) == 0
    assert packed([]).dtype == np.dtype("S16")
