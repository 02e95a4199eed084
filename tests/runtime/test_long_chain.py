"""A long chain that is cut, or computed in segments, has the results of the full chain."""

import numpy as np
import pytest

from nlptrain_runtime import chain, long_chain
from nlptrain_runtime.chain import best_paths, log_marginals
from nlptrain_runtime.decoding import Decoder, scheme_tables
from nlptrain_runtime.transition_tables import FORBIDDEN, TransitionTables

pytestmark = pytest.mark.slow

TYPES = ["person", "place", "group"]
NAMES = ["O", *(f"{prefix}-{label}" for label in TYPES for prefix in "BI")]


def build_tables(kind: str, rng: np.random.Generator) -> TransitionTables:
    """Return tables of a CRF without forbidden labels, of a CRF in IOB2, of IOB2 alone, or without label changes."""
    size = len(NAMES)
    if kind == "free":
        return TransitionTables(rng.normal(size=(size, size)), *rng.normal(size=(2, size)))
    if kind == "sticky":  # every word has the label of the first: messages depend on the start
        return TransitionTables(np.where(np.eye(size, dtype=bool), 0.0, FORBIDDEN), np.zeros(size), np.zeros(size))
    allowed = scheme_tables(NAMES, "iob2")
    if kind == "scheme":
        return allowed
    tables = (allowed.transitions, allowed.start, allowed.end)
    return TransitionTables(
        *(np.where(scores < 0, FORBIDDEN, rng.normal(size=scores.shape) * 1.5) for scores in tables)
    )


def random_emissions(words: int, confidence: float, rng: np.random.Generator) -> np.ndarray:
    """Return emissions [words, C] in which a label of each word, mostly O, has a high score."""
    emissions = rng.normal(size=(words, len(NAMES))) * 1.5
    labels = np.where(rng.random(words) < 0.85, 0, rng.integers(0, len(NAMES), words))
    emissions[np.arange(words), labels] += confidence
    return emissions.astype(np.float32)


def without_segments(monkeypatch, function, *arguments):
    with monkeypatch.context() as patch:
        patch.setattr(chain, "LONG", 10**9)
        return function(*arguments)


@pytest.mark.parametrize("kind", ["free", "crf", "scheme", "sticky"])
@pytest.mark.parametrize("confidence", [0.0, 5.0, 12.0])
def test_long_chains_have_the_paths_and_marginals_of_the_full_chain(kind, confidence, monkeypatch):
    rng = np.random.default_rng(int(confidence))
    tables = build_tables(kind, rng)
    for counts in ([257], [1500], [3, 700, 0, 40, 300]):
        emissions, counts = random_emissions(sum(counts), confidence, rng), np.array(counts)
        arguments = emissions, counts, tables
        assert np.array_equal(best_paths(*arguments), without_segments(monkeypatch, best_paths, *arguments))
        marginals, expected = log_marginals(*arguments), without_segments(monkeypatch, log_marginals, *arguments)
        np.testing.assert_allclose(np.exp(marginals), np.exp(expected), atol=1e-9)


@pytest.mark.parametrize("kind", ["free", "crf", "scheme"])
def test_every_other_label_of_a_certain_word_scores_lower(kind):
    rng = np.random.default_rng(1)
    tables = build_tables(kind, rng)
    emissions = random_emissions(60, 8.0, rng)
    labels = long_chain.certain_labels(emissions, tables)
    best = best_paths(emissions, np.array([60]), tables)
    assert (labels >= 0).sum() > 10
    for word in np.flatnonzero(labels >= 0):
        assert labels[word] == best[word]
        forbidden_emissions = emissions.copy()
        forbidden_emissions[word, labels[word]] = FORBIDDEN
        path = best_paths(forbidden_emissions, np.array([60]), tables)
        assert score(emissions, path, tables) < score(emissions, best, tables)


def score(emissions: np.ndarray, path: np.ndarray, tables: TransitionTables) -> float:
    transition_scores = tables.transitions[path[:-1], path[1:]].sum()
    return float(
        tables.start[path[0]] + emissions[np.arange(len(path)), path].sum() + transition_scores + tables.end[path[-1]]
    )


def test_a_chain_without_certain_words_is_decoded_without_cuts(monkeypatch):
    rng = np.random.default_rng(2)
    tables = build_tables("crf", rng)
    emissions = random_emissions(3000, 0.0, rng)
    arguments = emissions, np.array([3000]), tables
    expected = without_segments(monkeypatch, best_paths, *arguments)
    lengths = []
    monkeypatch.setattr(chain, "long_path", lambda *args: lengths.append(len(args[0])) or long_chain.long_path(*args))
    monkeypatch.setattr(long_chain, "_PAIRS", 10_000)
    assert np.array_equal(best_paths(*arguments), expected)
    assert max(lengths) > 1000


@pytest.mark.parametrize("scale", [300.0, 3_000.0])
def test_marginals_of_extreme_scores_are_computed_by_logarithms(scale, monkeypatch):
    rng = np.random.default_rng(3)
    tables = build_tables("crf", rng)
    scaled = TransitionTables(
        *(np.where(s <= FORBIDDEN, FORBIDDEN, s * scale) for s in (tables.transitions, tables.start, tables.end))
    )
    arguments = random_emissions(900, 1.0, rng) * scale, np.array([900]), scaled
    marginals, expected = log_marginals(*arguments), without_segments(monkeypatch, log_marginals, *arguments)
    np.testing.assert_allclose(np.exp(marginals), np.exp(expected), atol=1e-9)


def test_inconsistent_segments_are_recomputed_sequentially(monkeypatch):
    rng = np.random.default_rng(4)
    tables = build_tables("sticky", rng)
    emissions = random_emissions(1500, 0.0, rng) * 0.01
    called = []
    for name in ("_segment_marginals", "_sequential_marginals"):
        real = getattr(long_chain, name)
        monkeypatch.setattr(long_chain, name, lambda *args, name=name, real=real: called.append(name) or real(*args))
    log_marginals(emissions, np.array([1500]), tables)
    assert called == ["_segment_marginals", "_segment_marginals", "_sequential_marginals"]


def test_memory_is_proportional_to_words_times_labels():
    import tracemalloc

    rng = np.random.default_rng(5)
    size, words = 49, 20_000
    tables = TransitionTables(rng.normal(size=(size, size)), *rng.normal(size=(2, size)))
    emissions = rng.normal(size=(words, size)).astype(np.float32)
    for rule in ("chain", "scheme"):
        decoder = Decoder(rule, tables)
        tracemalloc.start()
        best = decoder.decode(emissions, np.array([words]))
        decoder.confidences(emissions, np.array([words]), best, 1.0)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 100e6  # pairs of labels of all words would be 384 MB
