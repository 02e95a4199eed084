"""The runtime's chains against brute force over all paths."""

import itertools

import numpy as np
import pytest

from nlptrain_runtime.chain import best_paths, log_marginals
from nlptrain_runtime.transition_tables import FORBIDDEN, TransitionTables

COUNTS = np.array([4, 0, 1, 5, 2, 0, 3, 5])


def draw(seed: int, labels: int = 4, scale: float = 2.0) -> tuple[np.ndarray, TransitionTables]:
    random = np.random.default_rng(seed)
    transitions = random.normal(size=(labels, labels)) * scale
    transitions[(random.random((labels, labels)) < 0.3) & ~np.eye(labels, dtype=bool)] = FORBIDDEN
    start, end = random.normal(size=(2, labels)) * scale
    start[0] = FORBIDDEN
    emissions = random.normal(size=(COUNTS.sum(), labels)).astype(np.float32) * scale
    return emissions, TransitionTables(transitions, start, end)


def every_path(emissions: np.ndarray, tables: TransitionTables) -> dict[tuple[int, ...], float]:
    """Return the score of every path of one chain, summed by hand."""
    scores = {}
    for path in itertools.product(range(emissions.shape[1]), repeat=len(emissions)):
        steps = sum(tables.transitions[a, b] for a, b in itertools.pairwise(path))
        gained = sum(float(emissions[place, label]) for place, label in enumerate(path))
        scores[path] = tables.start[path[0]] + gained + steps + tables.end[path[-1]]
    return scores


@pytest.mark.parametrize("seed", range(8))
def test_paths_and_marginals_are_those_of_all_paths(seed):
    emissions, tables = draw(seed)
    best, marginals = best_paths(emissions, COUNTS, tables), log_marginals(emissions, COUNTS, tables)
    first = 0
    for count in COUNTS[COUNTS > 0]:
        region = slice(first, first + count)
        paths = every_path(emissions[region].astype(np.float64), tables)
        assert tuple(best[region].tolist()) == max(paths, key=paths.__getitem__)
        values = np.array(list(paths.values()))
        total = np.log(np.exp(values - values.max()).sum()) + values.max()
        for place, label in itertools.product(range(count), range(4)):
            share = sum(np.exp(score - total) for path, score in paths.items() if path[place] == label)
            assert np.exp(marginals[first + place, label]) == pytest.approx(share, abs=1e-9)
        first += count
    assert first == len(emissions)


def test_one_label_throughout_is_seen_only_where_it_is_the_best_path():
    random = np.random.default_rng(0)
    seen, best = 0, 0
    for seed in range(300):
        _, tables = draw(seed, scale=random.choice([0.1, 0.5]))
        tables = TransitionTables(tables.transitions, np.abs(tables.start), tables.end)
        emissions = random.normal(size=(random.integers(1, 6), 4))
        emissions[:, 0] += random.choice([0.0, 2.0, 3.0])
        paths = every_path(emissions, tables)
        throughout = max(paths, key=paths.__getitem__) == (0,) * len(emissions)
        assert tables.all_outside is not None
        assert throughout or not tables.all_outside.wins(emissions)
        seen, best = seen + tables.all_outside.wins(emissions), best + throughout
        assert tuple(best_paths(emissions, np.array([len(emissions)]), tables)) == max(paths, key=paths.__getitem__)
    assert best > seen > 50
    assert TransitionTables(np.full((2, 2), FORBIDDEN), np.zeros(2), np.zeros(2)).all_outside is None
    assert TransitionTables(np.zeros((1, 1)), np.zeros(1), np.zeros(1)).all_outside is None


@pytest.mark.parametrize("scale", [100.0, 300.0, 3_000.0])
def test_what_products_lose_is_computed_by_logarithms(scale):
    emissions, tables = draw(3, scale=scale)
    actual = np.exp(log_marginals(emissions, COUNTS, tables))
    assert np.isfinite(actual).all()
    np.testing.assert_allclose(actual.sum(axis=1), 1, atol=1e-9)
    first = 0
    for count in COUNTS[COUNTS > 0]:  # at such scales the best path has nearly all of the probability
        paths = every_path(emissions[first : first + count].astype(np.float64), tables)
        values = np.array(list(paths.values()))
        with np.errstate(under="ignore"):
            shares = np.exp(values - values.max())
        shares /= shares.sum()
        for place, label in itertools.product(range(count), range(4)):
            wanted = sum(share for path, share in zip(paths, shares, strict=True) if path[place] == label)
            assert actual[first + place, label] == pytest.approx(wanted, abs=1e-9)
        first += count


def test_forbidden_labels_are_never_predicted():
    emissions, tables = draw(5)
    emissions[:, 0] += 1_000  # what may not begin a sentence is what every word looks like
    best = best_paths(emissions, COUNTS, tables)
    starts = np.cumsum(COUNTS) - COUNTS
    assert not (best[starts[COUNTS > 0]] == 0).any()


def test_many_sentences_are_decoded_as_one_by_one():
    random = np.random.default_rng(0)
    labels = 100  # of so many, 50 sentences are decoded side by side
    counts = random.integers(0, 9, size=180)
    emissions = random.normal(size=(counts.sum(), labels))
    tables = TransitionTables(random.normal(size=(labels, labels)), *random.normal(size=(2, labels)))
    best, marginals = best_paths(emissions, counts, tables), log_marginals(emissions, counts, tables)
    ends = np.cumsum(counts)
    for end, count in zip(ends, counts, strict=True):
        alone = emissions[end - count : end], np.array([count]), tables
        assert np.array_equal(best_paths(*alone), best[end - count : end])
        np.testing.assert_allclose(log_marginals(*alone), marginals[end - count : end], atol=1e-9)


def test_a_temperature_divides_what_is_allowed_and_forgets_nothing_forbidden():
    _, tables = draw(1)
    divided = tables.divided(2.0)
    allowed = tables.transitions > FORBIDDEN
    np.testing.assert_allclose(divided.transitions[allowed], tables.transitions[allowed] / 2)
    assert (divided.transitions[~allowed] == FORBIDDEN).all()
    assert divided.start[0] == FORBIDDEN
