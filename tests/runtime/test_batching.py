"""Batches contain each word exactly once, with little padding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptrain_runtime.batching import batch_by_length, build_sequences
from nlptrain_runtime.windows import cut_windows

SENTENCES = st.lists(st.lists(st.integers(1, 4), max_size=12), min_size=1, max_size=8)


def build_units(sentences: list[list[int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return units from 100 on, each different, the units of each word, and the words of each sentence."""
    spans = np.array([size for sentence in sentences for size in sentence], dtype=np.int64)
    return 100 + np.arange(spans.sum()), spans, np.array([len(sentence) for sentence in sentences])


@pytest.mark.parametrize("pads_left", [False, True])
@given(SENTENCES, st.integers(8, 20), st.integers(8, 60))
def test_the_position_of_each_word_is_its_first_unit(pads_left, sentences, capacity, max_units):
    units, spans, counts = build_units(sentences)
    rows = build_sequences(units, spans, counts, max_units=capacity, prefix=[1], suffix=[2, 3])
    read_units: dict[int, int] = {}
    cells = 0
    for batch in batch_by_length(rows, max_units=max_units, padding=-7, pads_left=pads_left):
        assert batch.units.shape == (len(batch.sizes), batch.sizes.max())
        assert len(batch.sizes) == 1 or batch.units.size <= max_units
        cells += batch.units.size
        for row, size in zip(batch.units, batch.sizes, strict=True):
            unpadded = row[len(row) - size :] if pads_left else row[:size]
            assert unpadded[0] == 1
            assert unpadded[-2:].tolist() == [2, 3]
            assert (row == -7).sum() == len(row) - size
        flat = batch.units.ravel()
        for word, position in zip(batch.words, batch.positions, strict=True):
            assert word not in read_units
            read_units[int(word)] = int(flat[position])
    firsts = units[np.cumsum(spans) - spans]
    assert read_units == dict(enumerate(firsts.tolist()))


@given(SENTENCES, st.integers(8, 20))
def test_sequences_equal_the_windows_of_cut_windows(sentences, capacity):
    units, spans, counts = build_units(sentences)
    rows = build_sequences(units, spans, counts, max_units=capacity, prefix=[1], suffix=[2])
    actual = sorted(part.tolist() for part in np.split(rows.units, np.cumsum(rows.sizes)[:-1]) if len(part))
    expected = []
    first = 0
    for sentence in sentences:
        words = []
        for size in sentence:
            words.append(tuple(range(100 + first, 100 + first + size)))
            first += size
        if words:
            expected += [
                window.subwords for window in cut_windows(words, max_subwords=capacity, prefix=[1], suffix=[2])
            ]
    assert actual == sorted(expected)


def test_batches_have_little_padding():
    rng = np.random.default_rng(0)
    counts = np.minimum(rng.geometric(0.07, size=2000), 80)
    spans = np.ones(counts.sum(), dtype=np.int64)
    rows = build_sequences(spans, spans, counts, max_units=4096, prefix=[], suffix=[])
    cells = sum(batch.units.size for batch in batch_by_length(rows, max_units=2048, padding=0))
    assert cells < 1.06 * counts.sum()
