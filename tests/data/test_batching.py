"""Batches of an epoch with oversampling."""

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from nlptrain.data import batching
from nlptrain.data.batching import BatchPlan, Oversampling

LENGTHS = np.full(100, 8, dtype=np.int64)
WEIGHTS = np.concatenate([np.zeros(20), np.full(40, 1.0), np.full(40, 9.0)])


def plan_batches(weights: NDArray[np.float64], share: float, seed: int = 1) -> BatchPlan:
    return BatchPlan(LENGTHS, subwords=80, sentences=None, seed=seed, oversampling=Oversampling(weights, share))


def plan_sevens(count: int, oversampling: Oversampling) -> BatchPlan:
    return BatchPlan(np.full(count, 5), subwords=None, sentences=7, seed=3, oversampling=oversampling)


def count_sequences(plan: BatchPlan, epoch: int) -> Counter[int]:
    return Counter(int(sequence) for batch in plan.epoch(epoch) for sequence in batch)


def test_an_epoch_has_unweighted_sequences_once():
    plan = plan_batches(WEIGHTS, 0.5)
    for epoch in range(3):
        counts = count_sequences(plan, epoch)
        assert all(counts[sequence] == 1 for sequence in range(20))
        assert sum(counts.values()) == 100


def test_sequences_are_sampled_in_proportion_to_their_weights():
    plan = plan_batches(WEIGHTS, 0.5)
    counts = Counter[int]()
    for epoch in range(200):
        counts.update(count_sequences(plan, epoch))
    light = sum(counts[sequence] for sequence in range(20, 60)) / (200 * 80)
    # Half of the samples are even (half of those are light), half are weighted (a tenth of those).
    assert abs(light - (0.25 + 0.05)) < 0.01


def test_shares_of_1_and_0_and_weights_of_zero():
    heavy = count_sequences(plan_batches(WEIGHTS * (WEIGHTS > 5), 1.0), 0)
    assert all(heavy[sequence] == 1 for sequence in range(60))  # sequences of weight 0 occur once
    even = count_sequences(plan_batches(WEIGHTS, 0.0), 0)
    unweighted = count_sequences(plan_batches(np.zeros(100), 0.5), 0)
    assert set(even.values()) == set(unweighted.values()) == {1}


def test_the_order_depends_only_on_seed_and_step():
    forwards, backwards = (plan_batches(WEIGHTS, 0.5, seed=4) for _ in range(2))
    assert [forwards.batch(step)[1].tolist() for step in range(30)] == [
        backwards.batch(step)[1].tolist() for step in reversed(range(30))
    ][::-1]


def test_sources_are_read_in_proportion_to_their_weights() -> None:
    sources = np.array([0.0] * 10 + [1.0] * 40 + [2.0] * 20 + [0.5] * 40)
    plan = plan_sevens(110, Oversampling(sources, 0.0, sources))
    read = np.zeros(110)
    for epoch in range(60):
        batches = plan.epoch(epoch)
        counts = np.bincount(np.concatenate(batches), minlength=110)
        assert (counts[:10] == 1).all()  # those with gold tags
        assert counts.sum() == 110
        assert set(counts[10:50]) <= {1}  # the mean weight is 1
        assert set(counts[50:70]) <= {2}
        assert set(counts[70:]) <= {0, 1}
        read += counts
    assert read[70:].min() > 15  # each of them now and then


def test_slices_do_not_change_what_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    weights, sources = np.random.default_rng(0).random((2, 100))
    plans = [plan_sevens(100, Oversampling(weights, share, sources)) for share in (0.0, 0.5)]
    whole = [plan.epoch(1).sequences.tolist() for plan in plans]
    monkeypatch.setattr(batching, "_SLICE", 7)
    assert [plan.epoch(1).sequences.tolist() for plan in plans] == whole


def test_sources_of_equal_weight_are_each_read_once() -> None:
    sources = np.full(30, 4.0)
    plan = plan_sevens(30, Oversampling(sources, 0.0, sources))
    assert np.bincount(np.concatenate(plan.epoch(0))).tolist() == [1] * 30


def test_oversampling_by_label_respects_the_weights_of_sources() -> None:
    label_weights, sources = np.full(100, 1.0), np.array([1.0] * 50 + [3.0] * 50)
    plan = plan_sevens(100, Oversampling(label_weights * sources, 0.5, sources))
    read = sum(np.bincount(np.concatenate(plan.epoch(epoch)), minlength=100) for epoch in range(40))
    assert read[50:].sum() / read[:50].sum() == pytest.approx(3.0, rel=0.1)


def test_all_sequences_are_read_evenly_before_one_is_read_again() -> None:
    weights = np.append(np.zeros(3), np.ones(40))
    plan = plan_sevens(43, Oversampling(weights, 0.5))
    even = [plan._next_of(np.arange(3, 43), epoch, 20).tolist() for epoch in range(6)]
    for first in range(0, 6, 2):
        assert sorted(even[first] + even[first + 1]) == list(range(3, 43))
    assert even[0] != even[2]
    every = {int(sequence) for epoch in range(2) for batch in plan.epoch(epoch) for sequence in batch}
    assert every == set(range(43))
    assert plan._next_of(np.arange(3, 43), 1, 30).tolist()[:10] == plan._next_of(np.arange(3, 43), 0, 40).tolist()[30:]
