"""Confidence thresholds of pseudo-labels, with results computed by hand."""

import math

import numpy as np
import pytest

from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.pseudo_labels import pseudo_label_sentences
from nlptrain.distillation.thresholds import Threshold, find_thresholds, lowest_threshold
from tests.helpers.transfer_sets import FixedTransferSet

LABELS = Labels.from_names(["O", "B-x", "I-x", "B-y", "I-y", "B-z", "I-z"])
ROWS = [(0.9, True), (0.8, False), (0.7, True), (0.6, True), (0.5, False), (0.4, True)]


@pytest.mark.parametrize(
    ("min_precision", "threshold", "accepted", "correct"),
    [
        (1.0, 0.9, 1, 1),
        (0.75, 0.6, 4, 3),  # although it is 1/2 at 0.8 and 2/3 at 0.7
        (0.66, 0.0, 6, 4),  # 3/5 at 0.5, 4/6 of all: then those are believed, too, that are less sure than any of these
        (0.01, 0.0, 6, 4),
    ],
)
def test_the_lowest_threshold_with_the_required_precision(
    min_precision: float, threshold: float, accepted: int, correct: int
) -> None:
    assert lowest_threshold(ROWS[::-1], min_precision=min_precision) == Threshold(threshold, accepted, correct, 6)


def test_equal_confidences_are_accepted_together() -> None:
    rows = [(0.9, True), (0.9, False), (0.9, True), (0.8, True)]
    assert lowest_threshold(rows, min_precision=0.75) == Threshold(0.0, 4, 3, 4)
    assert lowest_threshold([*rows, (0.1, False)], min_precision=0.75) == Threshold(0.8, 4, 3, 5)
    assert lowest_threshold(rows[:3], min_precision=0.75).min_confidence == math.inf


def test_the_threshold_is_at_least_min_confidence() -> None:
    assert lowest_threshold(ROWS, min_precision=0.75, min_confidence=0.65) == Threshold(0.65, 3, 2, 6)
    assert lowest_threshold(ROWS, min_precision=0.75, min_confidence=0.2) == Threshold(0.6, 4, 3, 6)
    assert lowest_threshold(ROWS[:1], min_precision=0.9, min_confidence=0.2) == Threshold(0.2, 1, 1, 1)
    assert lowest_threshold([], min_precision=0.9, min_confidence=0.2) == Threshold(math.inf)
    assert lowest_threshold([(0.9, False)], min_precision=0.9, min_confidence=0.2).min_confidence == math.inf


def row(label: str, sure: float) -> list[float]:
    """Return the probabilities of a word; the other labels share the rest."""
    rest = (1 - sure) / (len(LABELS) - 1)
    return [sure if name == label else rest for name in LABELS.names]


def test_sentences_below_the_threshold_of_a_type_are_dropped() -> None:
    o = row("O", 0.99)
    dev = FixedTransferSet(
        [row("B-x", 0.9), row("I-x", 0.8), o],  # right, sure by 0.8
        [row("B-x", 0.6), o, row("B-y", 0.9)],  # too short, and a wrong type
        [row("B-x", 0.7), o, o],  # right
        [row("B-x", 0.5), o, o],  # wrong
    )
    gold = [
        Sentence(("a", "b", "c"), ("B-x", "I-x", "O")),
        Sentence(("a", "b", "c"), ("B-x", "I-x", "B-x")),
        Sentence(("a", "b", "c"), ("B-x", "O", "O")),
        Sentence(("a", "b", "c"), ("O", "O", "O")),
    ]
    thresholds = find_thresholds(dev, gold, LABELS, min_precision=0.9, min_confidence=0.3)  # type: ignore[arg-type]
    assert list(thresholds) == ["x", "y", "z"]
    assert (thresholds["x"].min_confidence, thresholds["x"].accepted, thresholds["x"].correct) == (
        pytest.approx(0.7, abs=1e-3),
        2,
        2,
    )
    assert thresholds["y"].to_json() == {"min_confidence": None, "answered": 0, "right": 0}
    assert thresholds["z"] == Threshold(math.inf)
    assert thresholds["z"].describe() == "none (never predicted; its sentences are dropped)"
    assert thresholds["x"].describe() == f"{thresholds['x'].min_confidence:.4f} (2 of 2 correct)"
    assert thresholds["y"].describe() == "none (no threshold is precise enough; its sentences are dropped)"

    raw = FixedTransferSet(
        [row("B-x", 0.72), o], [row("B-x", 0.65), o], [o, row("B-y", 0.99)], [row("B-z", 0.31), o], [o, o]
    )
    minima = {name: threshold.min_confidence for name, threshold in thresholds.items()}
    kept = pseudo_label_sentences(raw, LABELS, min_confidence=0.3, path=None, thresholds=minima)  # type: ignore[arg-type]
    np.testing.assert_array_equal(kept.rows, [0, 4])
    assert (kept.entities, kept.below, kept.dropped) == (4, 3, 3)


def test_types_that_a_sentence_was_not_checked_for_decide_no_threshold() -> None:
    dev = FixedTransferSet([row("B-x", 0.9), row("B-y", 0.8)])
    gold = [Sentence(("a", "b"), ("B-x", "O"), asked=frozenset({"x"}))]
    thresholds = find_thresholds(dev, gold, LABELS, min_precision=0.9, min_confidence=0.3)  # type: ignore[arg-type]
    assert (thresholds["x"].accepted, thresholds["x"].predictions, thresholds["y"].predictions) == (1, 1, 0)


def test_plain_tags_are_evaluated_by_word() -> None:
    labels = Labels.from_names(["N", "V"], "plain")
    dev = FixedTransferSet([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    gold = [Sentence(("a", "b", "c", "d"), ("N", "V", "V", "N"))]
    thresholds = find_thresholds(dev, gold, labels, min_precision=1.0, min_confidence=0.0)  # type: ignore[arg-type]
    assert thresholds["N"].min_confidence == pytest.approx(0.9, abs=1e-3)
    assert thresholds["V"].min_confidence == pytest.approx(0.8, abs=1e-3)
