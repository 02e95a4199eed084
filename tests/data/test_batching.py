"""What an epoch holds when some sequences are drawn more often than others."""

from collections import Counter

import numpy as np
import pytest

from nlptrain.data.batching import BatchPlan, Oversampling

LENGTHS = np.full(100, 8, dtype=np.int64)
WEIGHTS = np.concatenate([np.zeros(20), np.full(40, 1.0), np.full(40, 9.0)])


def members(plan: BatchPlan, epoch: int) -> Counter[int]:
    return Counter(int(number) for batch in plan.epoch(epoch) for number in batch)


def test_an_epoch_has_what_is_not_drawn_once_and_as_many_of_the_others_as_there_are():
    plan = BatchPlan(LENGTHS, subwords=80, sentences=None, seed=1, oversampling=Oversampling(WEIGHTS, 0.5))
    for epoch in range(3):
        found = members(plan, epoch)
        assert all(found[number] == 1 for number in range(20))
        assert sum(found.values()) == 100


def test_heavy_ones_come_more_often_by_as_much_as_they_weigh():
    plan = BatchPlan(LENGTHS, subwords=80, sentences=None, seed=1, oversampling=Oversampling(WEIGHTS, 0.5))
    found = Counter[int]()
    for epoch in range(200):
        found.update(members(plan, epoch))
    light = sum(found[number] for number in range(20, 60)) / (200 * 80)
    # Half of the draws are even (half of those are light), half by weight (a tenth of those).
    assert abs(light - (0.25 + 0.05)) < 0.01


def test_all_by_weight_none_by_weight_and_no_weights():
    heavy = members(
        BatchPlan(
            LENGTHS, subwords=80, sentences=None, seed=1, oversampling=Oversampling(WEIGHTS * (WEIGHTS > 5), 1.0)
        ),
        0,
    )
    assert all(heavy[number] == 1 for number in range(60))  # 0 is not drawn, so once
    even = members(BatchPlan(LENGTHS, subwords=80, sentences=None, seed=1, oversampling=Oversampling(WEIGHTS, 0.0)), 0)
    nothing = members(
        BatchPlan(LENGTHS, subwords=80, sentences=None, seed=1, oversampling=Oversampling(np.zeros(100), 0.5)), 0
    )
    assert set(even.values()) == set(nothing.values()) == {1}


def test_the_order_is_a_function_of_seed_and_step():
    one, other = (
        BatchPlan(LENGTHS, subwords=80, sentences=None, seed=4, oversampling=Oversampling(WEIGHTS, 0.5))
        for _ in range(2)
    )
    assert [one.batch(step)[1].tolist() for step in range(30)] == [
        other.batch(step)[1].tolist() for step in reversed(range(30))
    ][::-1]


def test_sources_are_read_in_proportion_to_their_weights() -> None:
    sources = np.array([0.0] * 10 + [1.0] * 40 + [2.0] * 20 + [0.5] * 40)
    plan = BatchPlan(
        np.full(110, 5), subwords=None, sentences=7, seed=3, oversampling=Oversampling(sources, 0.0, sources)
    )
    read = np.zeros(110)
    for epoch in range(60):
        batches = plan.epoch(epoch)
        counts = np.bincount(np.concatenate(batches), minlength=110)
        assert (counts[:10] == 1).all()  # those with gold tags
        assert counts.sum() == 110
        assert set(counts[10:50]) <= {1}  # as many as there are: a weight of 1 is once, where the mean is 1
        assert set(counts[50:70]) <= {2}
        assert set(counts[70:]) <= {0, 1}
        read += counts
    assert read[70:].min() > 15  # and each of them now and then


def test_sources_that_weigh_the_same_are_each_read_once() -> None:
    sources = np.full(30, 4.0)
    plan = BatchPlan(
        np.full(30, 5), subwords=None, sentences=7, seed=3, oversampling=Oversampling(sources, 0.0, sources)
    )
    assert np.bincount(np.concatenate(plan.epoch(0))).tolist() == [1] * 30


def test_what_is_rare_is_drawn_by_its_source_too() -> None:
    rare, sources = np.full(100, 1.0), np.array([1.0] * 50 + [3.0] * 50)
    plan = BatchPlan(
        np.full(100, 5), subwords=None, sentences=7, seed=3, oversampling=Oversampling(rare * sources, 0.5, sources)
    )
    read = sum(np.bincount(np.concatenate(plan.epoch(epoch)), minlength=100) for epoch in range(40))
    assert read[50:].sum() / read[:50].sum() == pytest.approx(3.0, rel=0.1)
