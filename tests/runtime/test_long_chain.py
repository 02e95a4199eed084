"""A long chain that is cut, or computed in segments, has the results of the whole chain."""

import numpy as np
import pytest

from nlptrain_runtime import chain, long_chain
from nlptrain_runtime.chain import best_paths, log_marginals
from nlptrain_runtime.decoding import Decoder, scheme_tables
from nlptrain_runtime.transition_tables import FORBIDDEN, TransitionTables

pytestmark = pytest.mark.slow

TYPES = ["person", "place", "group"]
NAMES = ["O", *(f"{prefix}-{label}" for label in TYPES for prefix in "BI")]


def tables_of(kind: str, random: np.random.Generator) -> TransitionTables:
    """Transitions of a CRF with all labels allowed, of one in IOB2, of the scheme alone, or that never mix."""
    size = len(NAMES)
    if kind == "free":
        return TransitionTables(random.normal(size=(size, size)), *random.normal(size=(2, size)))
    if kind == "sticky":  # no label ever follows another one: no message forgets where it began
        return TransitionTables(np.where(np.eye(size, dtype=bool), 0.0, FORBIDDEN), np.zeros(size), np.zeros(size))
    allowed = scheme_tables(NAMES, "iob2")
    if kind == "scheme":
        return allowed
    tables = (allowed.transitions, allowed.start, allowed.end)
    return TransitionTables(
        *(np.where(scores < 0, FORBIDDEN, random.normal(size=scores.shape) * 1.5) for scores in tables)
    )


def draw(words: int, confidence: float, random: np.random.Generator) -> np.ndarray:
    """Emissions [words, C] in which one label has a high score, mostly O."""
    emissions = random.normal(size=(words, len(NAMES))) * 1.5
    labels = np.where(random.random(words) < 0.85, 0, random.integers(0, len(NAMES), words))
    emissions[np.arange(words), labels] += confidence
    return emissions.astype(np.float32)


def whole(monkeypatch, function, *arguments):
    with monkeypatch.context() as patched:
        patched.setattr(chain, "LONG", 10**9)
        return function(*arguments)


@pytest.mark.parametrize("kind", ["free", "crf", "scheme", "sticky"])
@pytest.mark.parametrize("confidence", [0.0, 5.0, 12.0])
def test_paths_and_marginals_are_those_of_the_whole_chain(kind, confidence, monkeypatch):
    random = np.random.default_rng(int(confidence))
    tables = tables_of(kind, random)
    for counts in ([257], [1500], [3, 700, 0, 40, 300]):
        emissions, counts = draw(sum(counts), confidence, random), np.array(counts)
        asked = emissions, counts, tables
        assert np.array_equal(best_paths(*asked), whole(monkeypatch, best_paths, *asked))
        marginals, wanted = log_marginals(*asked), whole(monkeypatch, log_marginals, *asked)
        np.testing.assert_allclose(np.exp(marginals), np.exp(wanted), atol=1e-9)


@pytest.mark.parametrize("kind", ["free", "crf", "scheme"])
def test_words_are_certain_only_where_every_other_label_loses(kind):
    random = np.random.default_rng(1)
    tables = tables_of(kind, random)
    emissions = draw(60, 8.0, random)
    labels = long_chain.certain_labels(emissions, tables)
    best = best_paths(emissions, np.array([60]), tables)
    assert (labels >= 0).sum() > 10
    for word in np.flatnonzero(labels >= 0):
        assert labels[word] == best[word]
        others = emissions.copy()
        others[word, labels[word]] = FORBIDDEN
        path = best_paths(others, np.array([60]), tables)
        assert score(emissions, path, tables) < score(emissions, best, tables)


def score(emissions: np.ndarray, path: np.ndarray, tables: TransitionTables) -> float:
    moves = tables.transitions[path[:-1], path[1:]].sum()
    return float(tables.start[path[0]] + emissions[np.arange(len(path)), path].sum() + moves + tables.end[path[-1]])


def test_a_long_chain_without_a_certain_word_is_decoded_word_by_word(monkeypatch):
    random = np.random.default_rng(2)
    tables = tables_of("crf", random)
    emissions = draw(3000, 0.0, random)
    asked = emissions, np.array([3000]), tables
    wanted = whole(monkeypatch, best_paths, *asked)
    calls = []
    monkeypatch.setattr(chain, "long_path", lambda *given: calls.append(len(given[0])) or long_chain.long_path(*given))
    monkeypatch.setattr(long_chain, "_PAIRS", 10_000)
    assert np.array_equal(best_paths(*asked), wanted)
    assert max(calls) > 1000


@pytest.mark.parametrize("scale", [300.0, 3_000.0])
def test_products_that_are_lost_are_computed_by_logarithms(scale, monkeypatch):
    random = np.random.default_rng(3)
    tables = tables_of("crf", random)
    scaled = TransitionTables(
        *(np.where(s <= FORBIDDEN, FORBIDDEN, s * scale) for s in (tables.transitions, tables.start, tables.end))
    )
    asked = draw(900, 1.0, random) * scale, np.array([900]), scaled
    marginals, wanted = log_marginals(*asked), whole(monkeypatch, log_marginals, *asked)
    np.testing.assert_allclose(np.exp(marginals), np.exp(wanted), atol=1e-9)


def test_inconsistent_segments_are_computed_again(monkeypatch):
    random = np.random.default_rng(4)
    tables = tables_of("sticky", random)
    emissions = draw(1500, 0.0, random) * 0.01
    tried = []
    for name in ("_segment_marginals", "_sequential_marginals"):
        real = getattr(long_chain, name)
        monkeypatch.setattr(long_chain, name, lambda *given, name=name, real=real: tried.append(name) or real(*given))
    log_marginals(emissions, np.array([1500]), tables)
    assert tried == ["_segment_marginals", "_segment_marginals", "_sequential_marginals"]


def test_memory_is_bounded_by_words_times_labels():
    import tracemalloc

    random = np.random.default_rng(5)
    size, words = 49, 20_000
    tables = TransitionTables(random.normal(size=(size, size)), *random.normal(size=(2, size)))
    emissions = random.normal(size=(words, size)).astype(np.float32)
    for rule in ("chain", "scheme"):
        decoder = Decoder(rule, tables)
        tracemalloc.start()
        best = decoder.decode(emissions, np.array([words]))
        decoder.confidences(emissions, np.array([words]), best, 1.0)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 100e6  # pairs of labels of all words would be 384 MB
