"""Calibration errors computed by hand, and temperatures recovered from sampled tags."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nlptrain.data.labels import Labels
from nlptrain.models.heads import CRFHead, IndependentDecoder
from nlptrain.training.calibration import (
    FEWEST_MISTAKES,
    MIN_TEMPERATURE,
    CalibrationTally,
    calibration_errors,
    expected_calibration_error,
    fit_temperature,
    golden_section_minimum,
)
from nlptrain_runtime.predictions import TaggedSentence

IOB2 = Labels.from_names(["O", "B-x", "I-x", "B-y", "I-y"], "iob2")


def predicted(tags: str, *confidences: float) -> TaggedSentence:
    return TaggedSentence(tags.split(), np.array(confidences, dtype=np.float32))


def test_calibration_error_of_four_words() -> None:
    # (14/15, 1]: accuracy 1/2, mean 0.95, gap 0.45; (7/15, 8/15]: accuracy 1/2, mean 0.51, gap 0.01; each half of all
    error = expected_calibration_error([0.95, 0.5, 0.95, 0.52], [True, True, False, False])
    assert error == pytest.approx(0.5 * 0.45 + 0.5 * 0.01, abs=1e-12)


def test_bins_include_their_upper_edge_and_average_errors() -> None:
    assert expected_calibration_error([1.0, 1.0], [True, True]) == 0.0
    assert expected_calibration_error([0.0], [False]) == 0.0
    assert expected_calibration_error([0.5, 0.51], [False, True], bins=1) == pytest.approx(abs(0.5 - 0.505), abs=1e-12)
    # with two bins, 0.5 is in the lower one: 0.5 wrong there, 0.51 right in the upper one
    assert expected_calibration_error([0.5, 0.51], [False, True], bins=2) == pytest.approx((0.5 + 0.49) / 2, abs=1e-12)
    assert expected_calibration_error([], []) == 0.0


def test_calibration_errors_of_words_and_entities() -> None:
    gold = [["B-x", "I-x", "O", "B-y"], ["O", "B-x"]]
    predictions = [predicted("B-x I-x O B-x", 0.9, 0.7, 1.0, 0.8), predicted("B-x O", 0.6, 0.5)]
    errors = calibration_errors(gold, predictions, "iob2")
    # six words, each in a bin of its own: right are 0.9, 0.7 and 1.0
    assert errors.word == pytest.approx((0.1 + 0.3 + 0.0 + 0.8 + 0.6 + 0.5) / 6, abs=1e-6)
    # three entities: the least of 0.9 and 0.7, right; 0.8 of another type and 0.6 where there is none, wrong
    assert errors.entity == pytest.approx((0.3 + 0.8 + 0.6) / 3, abs=1e-6)
    assert calibration_errors([["O"]], [predicted("O", 0.9)], "iob2").entity is None
    plain = calibration_errors([["NOUN", "VERB"]], [predicted("NOUN NOUN", 0.9, 0.4)], "plain")
    assert (plain.word, plain.entity) == (pytest.approx((0.1 + 0.4) / 2, abs=1e-6), None)
    assert plain.describe() == "ECE words 0.250"


@given(
    st.lists(st.tuples(st.sampled_from(["B-x", "O"]), st.sampled_from(["B-x", "O"]), st.floats(0, 1))),
    st.integers(0, 9),
)
def test_summed_errors_do_not_depend_on_the_blocks(rows, cut: int) -> None:
    gold = [[gold_tag] for gold_tag, _, _ in rows]
    predictions = [predicted(tag, confidence) for _, tag, confidence in rows]
    tally = CalibrationTally("iob2")
    tally.add(gold[:cut], predictions[:cut])
    tally.add(gold[cut:], predictions[cut:])
    assert tally.errors() == calibration_errors(gold, predictions, "iob2")


def test_golden_section_search_finds_the_minimum() -> None:
    assert golden_section_minimum(lambda x: (x - 1.3) ** 2, -3, 3, tolerance=1e-4) == pytest.approx(1.3, abs=1e-4)
    assert golden_section_minimum(lambda x: x, -3, 3, tolerance=1e-4) == pytest.approx(-3, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("expected", [0.5, 2.0, 6.0])
def test_the_temperature_of_sampled_tags_is_recovered(expected: float) -> None:
    random = np.random.default_rng(0)
    logits = [(3 * random.standard_normal((n, 5))).astype(np.float32) for n in random.integers(1, 40, 1_500)]
    gold = []
    for values in logits:
        label_ids = (values / expected + random.gumbel(size=values.shape)).argmax(
            axis=1
        )  # of softmax(logits / expected)
        gold.append([IOB2.names[index] for index in label_ids])
    temperature = fit_temperature(IndependentDecoder(), logits, gold, IOB2)
    assert temperature == pytest.approx(expected, rel=0.03)
    assert fit_temperature(IndependentDecoder(), logits, gold, IOB2) == temperature


def crf() -> CRFHead:
    torch.manual_seed(1)
    head = CRFHead(3, 5)
    with torch.no_grad():
        for scores in (head.transitions, head.start, head.end):
            scores.copy_(2 * torch.randn_like(scores))
    head.constrain(IOB2)
    return head


def sample_tags(head: CRFHead, temperature: float, sentences: int) -> tuple[list[np.ndarray], list[list[str]]]:
    """Return sentences of three words, with tags sampled from the CRF's distribution over all paths."""
    random = np.random.default_rng(0)
    paths = np.array(list(itertools.product(range(5), repeat=3)))
    allowed = head.may_open[paths[:, 0]] & head.allowed[paths[:, :2], paths[:, 1:]].all(1) & head.may_close[paths[:, 2]]
    paths = paths[allowed.numpy()]
    fixed = (
        head.start[paths[:, 0]] + head.end[paths[:, 2]] + head.transitions[paths[:, :2], paths[:, 1:]].sum(1)
    ).detach()
    emissions, gold = [], []
    for _ in range(sentences):
        values = (3 * random.standard_normal((3, 5))).astype(np.float32)
        scores = fixed.numpy() + values[np.arange(3), paths].sum(axis=1)
        path = paths[(scores / temperature + random.gumbel(size=len(paths))).argmax()]
        emissions.append(values)
        gold.append([IOB2.names[index] for index in path])
    return emissions, gold


def test_the_temperature_of_a_crf_is_recovered() -> None:
    head = crf()
    emissions, gold = sample_tags(head, 2.0, 4_000)
    assert fit_temperature(head, emissions, gold, IOB2) == pytest.approx(2.0, rel=0.05)


def test_words_that_the_model_cannot_tag_correctly_are_ignored() -> None:
    head = crf()
    emissions, gold = sample_tags(head, 2.0, 300)
    kept = fit_temperature(head, emissions, gold, IOB2)
    impossible = [["I-x", "B-z", "E-y"]] * 3  # no I- opens a sentence, and of the others there is no column
    more = [np.full((3, 5), 100, dtype=np.float32)] * 3
    assert fit_temperature(head, [*emissions, *more], [*gold, *impossible], IOB2) == kept
    assert fit_temperature(head, more, impossible, IOB2) == 1.0
    assert fit_temperature(head, [], [], IOB2) == 1.0
    assert fit_temperature(IndependentDecoder(), [np.empty((0, 5), dtype=np.float32)], [[]], IOB2) == 1.0


def test_temperature_is_1_for_few_mistakes() -> None:
    values = np.tile(np.eye(5, dtype=np.float32), (40, 1))
    gold = list(IOB2.names) * 40
    assert fit_temperature(IndependentDecoder(), [values], [gold], IOB2) == 1.0
    wrong = [*(["O"] * FEWEST_MISTAKES), *gold[FEWEST_MISTAKES:]]  # a fifth of these are right
    assert fit_temperature(IndependentDecoder(), [values], [wrong], IOB2) == 1.0
    more = [*(["O"] * 2 * FEWEST_MISTAKES), *gold[2 * FEWEST_MISTAKES :]]
    assert MIN_TEMPERATURE < fit_temperature(IndependentDecoder(), [values], [more], IOB2) != 1.0


def test_temperature_is_1_if_the_fit_reaches_a_bound() -> None:
    random = np.random.default_rng(0)
    values = random.standard_normal((2_000, 5)).astype(np.float32)
    anything = [IOB2.names[index] for index in random.integers(5, size=2_000)]  # no temperature is high enough
    assert fit_temperature(IndependentDecoder(), [100 * values], [anything], IOB2) == 1.0


def test_unknown_words_do_not_count_in_the_errors() -> None:
    gold = [["B-x", "O", "O"], ["O"]]
    predictions = [predicted("B-x B-y B-x", 0.9, 0.7, 0.6), predicted("O", 0.8)]
    errors = calibration_errors(gold, predictions, "iob2", [frozenset({"x"}), None])
    assert errors.word == pytest.approx((0.1 + 0.2) / 2, abs=1e-6)
    assert errors.entity == pytest.approx((0.1 + 0.6) / 2, abs=1e-6)


def test_the_temperature_of_partial_tags_is_that_of_the_sums() -> None:
    """Tags that are sampled at temperature 2, with only one of two types known, give that temperature."""
    random = np.random.default_rng(0)
    logits = [(3 * random.standard_normal((8, 5))).astype(np.float32) for _ in range(1_000)]
    gold, asked = [], []
    for index, values in enumerate(logits):
        label_ids = (values / 2.0 + random.gumbel(size=values.shape)).argmax(axis=1)
        # A word at a time, so that no label would extend a mark: at the odd words, O instead of the sampled label.
        names = [IOB2.names[label] for label in label_ids]
        types = (frozenset(), None)[index % 2]
        gold.append(["O" for _ in names] if types is not None else names)
        asked.append(types)
    complete = fit_temperature(IndependentDecoder(), logits[1::2], gold[1::2], IOB2)
    assert fit_temperature(IndependentDecoder(), logits, gold, IOB2, asked) == complete  # nothing is known of the rest
    assert complete == pytest.approx(2.0, rel=0.1)
    assert fit_temperature(IndependentDecoder(), logits[::2], gold[::2], IOB2, asked[::2]) == 1.0
    halves = [["O" if name[2:] == "y" else name for name in names] for names in gold[1::2]]
    spread = [[name] for names in halves for name in names]  # a word is a sentence
    words = [row[None] for values in logits[1::2] for row in values]
    partial = fit_temperature(IndependentDecoder(), words, spread, IOB2, [frozenset({"x"})] * len(words))
    assert partial == pytest.approx(2.0, rel=0.1)
    assert fit_temperature(IndependentDecoder(), words, spread, IOB2) > 2.2  # O for y would be wrong
