"""Best paths and marginals of a chain equal those of a brute-force search over all paths."""

import itertools

import numpy as np
import pytest

from nlptrain_runtime.chain import best_paths, log_marginals
from nlptrain_runtime.transition_tables import FORBIDDEN, TransitionTables

COUNTS = np.array([4, 0, 1, 5, 2, 0, 3, 5])


def random_chain(seed: int, labels: int = 4, scale: float = 2.0) -> tuple[np.ndarray, TransitionTables]:
    rng = np.random.default_rng(seed)
    transitions = rng.normal(size=(labels, labels)) * scale
    transitions[(rng.random((labels, labels)) < 0.3) & ~np.eye(labels, dtype=bool)] = FORBIDDEN
    start, end = rng.normal(size=(2, labels)) * scale
    start[0] = FORBIDDEN
    emissions = rng.normal(size=(COUNTS.sum(), labels)).astype(np.float32) * scale
    return emissions, TransitionTables(transitions, start, end)


def score_all_paths(emissions: np.ndarray, tables: TransitionTables) -> dict[tuple[int, ...], float]:
    """Return the score of every path of a chain."""
    scores = {}
    for path in itertools.product(range(emissions.shape[1]), repeat=len(emissions)):
        steps = sum(tables.transitions[a, b] for a, b in itertools.pairwise(path))
        emitted = sum(float(emissions[position, label]) for position, label in enumerate(path))
        scores[path] = tables.start[path[0]] + emitted + steps + tables.end[path[-1]]
    return scores


@pytest.mark.parametrize("seed", range(8))
def test_paths_and_marginals_are_those_of_all_paths(seed):
    emissions, tables = random_chain(seed)
    best, marginals = best_paths(emissions, COUNTS, tables), log_marginals(emissions, COUNTS, tables)
    first = 0
    for count in COUNTS[COUNTS > 0]:
        rows = slice(first, first + count)
        paths = score_all_paths(emissions[rows].astype(np.float64), tables)
        assert tuple(best[rows].tolist()) == max(paths, key=paths.__getitem__)
        values = np.array(list(paths.values()))
        total = np.log(np.exp(values - values.max()).sum()) + values.max()
        for position, label in itertools.product(range(count), range(4)):
            share = sum(np.exp(score - total) for path, score in paths.items() if path[position] == label)
            assert np.exp(marginals[first + position, label]) == pytest.approx(share, abs=1e-9)
        first += count
    assert first == len(emissions)


def test_the_all_outside_shortcut_never_changes_the_best_path():
    rng = np.random.default_rng(0)
    shortcut_wins, outside_paths = 0, 0
    for seed in range(300):
        _, tables = random_chain(seed, scale=rng.choice([0.1, 0.5]))
        tables = TransitionTables(tables.transitions, np.abs(tables.start), tables.end)
        emissions = rng.normal(size=(rng.integers(1, 6), 4))
        emissions[:, 0] += rng.choice([0.0, 2.0, 3.0])
        paths = score_all_paths(emissions, tables)
        is_all_outside = max(paths, key=paths.__getitem__) == (0,) * len(emissions)
        assert tables.all_outside is not None
        assert is_all_outside or not tables.all_outside.wins(emissions)
        shortcut_wins += tables.all_outside.wins(emissions)
        outside_paths += is_all_outside
        assert tuple(best_paths(emissions, np.array([len(emissions)]), tables)) == max(paths, key=paths.__getitem__)
    assert outside_paths > shortcut_wins > 50
    assert TransitionTables(np.full((2, 2), FORBIDDEN), np.zeros(2), np.zeros(2)).all_outside is None
    assert TransitionTables(np.zeros((1, 1)), np.zeros(1), np.zeros(1)).all_outside is None


@pytest.mark.parametrize("scale", [100.0, 300.0, 3_000.0])
def test_marginals_of_extreme_scores_are_computed_by_logarithms(scale):
    emissions, tables = random_chain(3, scale=scale)
    marginals = np.exp(log_marginals(emissions, COUNTS, tables))
    assert np.isfinite(marginals).all()
    np.testing.assert_allclose(marginals.sum(axis=1), 1, atol=1e-9)
    first = 0
    for count in COUNTS[COUNTS > 0]:  # at such scales the best path has nearly all of the probability
        paths = score_all_paths(emissions[first : first + count].astype(np.float64), tables)
        values = np.array(list(paths.values()))
        with np.errstate(under="ignore"):
            shares = np.exp(values - values.max())
        shares /= shares.sum()
        for position, label in itertools.product(range(count), range(4)):
            expected = sum(share for path, share in zip(paths, shares, strict=True) if path[position] == label)
            assert marginals[first + position, label] == pytest.approx(expected, abs=1e-9)
        first += count


def test_forbidden_labels_are_never_predicted():
    emissions, tables = random_chain(5)
    emissions[:, 0] += 1_000  # the label that may not begin a sentence has the highest score at every word
    best = best_paths(emissions, COUNTS, tables)
    starts = np.cumsum(COUNTS) - COUNTS
    assert not (best[starts[COUNTS > 0]] == 0).any()


def test_a_batch_is_decoded_like_single_sentences():
    rng = np.random.default_rng(0)
    labels = 100  # with so many labels, 50 sentences are decoded together
    counts = rng.integers(0, 9, size=180)
    emissions = rng.normal(size=(counts.sum(), labels))
    tables = TransitionTables(rng.normal(size=(labels, labels)), *rng.normal(size=(2, labels)))
    best, marginals = best_paths(emissions, counts, tables), log_marginals(emissions, counts, tables)
    ends = np.cumsum(counts)
    for end, count in zip(ends, counts, strict=True):
        alone = emissions[end - count : end], np.array([count]), tables
        assert np.array_equal(best_paths(*alone), best[end - count : end])
        np.testing.assert_allclose(log_marginals(*alone), marginals[end - count : end], atol=1e-9)


def test_a_temperature_divides_scores_and_keeps_forbidden_transitions():
    _, tables = random_chain(1)
    divided = tables.divided(2.0)
    allowed = tables.transitions > FORBIDDEN
    np.testing.assert_allclose(divided.transitions[allowed], tables.transitions[allowed] / 2)
    assert (divided.transitions[~allowed] == FORBIDDEN).all()
    assert divided.start[0] == FORBIDDEN
