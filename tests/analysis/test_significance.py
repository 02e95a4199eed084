"""The paired bootstrap on counts whose distribution is known."""

import time

import numpy as np
import pytest

from nlptrain.analysis import significance
from nlptrain.analysis.significance import f1_score, p_value, percentile_interval, resample_scores


def one_word(right: np.ndarray) -> np.ndarray:
    """Return counts [K, S, 3] of sentences of one word from [K, S] flags of correct words."""
    ones = np.ones_like(right)
    return np.stack([right, ones, ones], axis=-1).astype(float)


def test_f1_of_counts() -> None:
    # 3 of 4 predicted are among the 6 gold ones: precision 3/4, recall 1/2, F1 = 2 * 3/8 / (5/4) = 3/5
    assert f1_score(np.array([[3.0, 4, 6], [5, 10, 10], [0, 0, 0]])).tolist() == [0.6, 0.5, 0.0]


def test_two_sentences_have_three_resamples() -> None:
    # Both twice the first: 2*2/(2+4) = 2/3; both twice the second: 0; each once: 2*1/(3+2) = 2/5, half of the time.
    counts = np.array([[[1.0, 1, 2], [0, 2, 0]]])
    (scores,) = resample_scores([counts], 8000)
    values, times = np.unique(scores.round(12), return_counts=True)
    assert values.tolist() == pytest.approx([0, 0.4, 2 / 3])
    assert times / 8000 == pytest.approx(np.array([0.25, 0.5, 0.25]), abs=0.02)  # 4 standard errors


def test_equal_systems_do_not_differ() -> None:
    counts = np.random.default_rng(1).integers(0, 4, (1, 50, 3)).astype(float)
    three = np.repeat(counts, 3, axis=0)
    first, second, mean = resample_scores([counts, counts, three], 500)
    assert percentile_interval(first - second) == (0, 0)
    assert p_value(first - second) == 1
    assert p_value(first - mean) == 1  # whose last bits may differ


def test_a_system_better_on_every_sentence_has_the_smallest_p() -> None:
    better = np.tile([2.0, 2, 2], (1, 40, 1))
    worse = np.tile([1.0, 2, 2], (1, 40, 1))
    differences = np.subtract(*resample_scores([better, worse], 999))
    assert percentile_interval(differences) == (0.5, 0.5)
    assert p_value(differences) == p_value(-differences) == 2 / 1000


def test_p_value_of_given_differences() -> None:
    # 1 of 9 is at most 0, 8 are at least 0: 2 * (1 + 1) / (9 + 1); a 0 counts on both sides
    assert p_value(np.array([-1.0] + [1] * 8)) == p_value(np.array([1.0] + [-1] * 8)) == 0.4
    assert p_value(np.array([0.0] + [1] * 8)) == 0.4
    assert p_value(np.array([-1.0, 0, 2, 3])) == 1


def test_the_variance_of_a_difference_is_that_of_paired_words() -> None:
    # Of 400 words 300 are right in both, 40 in the first only, 20 in the second only: the difference of a word has
    # mean 20/400 and variance 60/400 - (20/400)**2, that of the mean a 400th of it. Unpaired it were nearly twice that.
    first = np.repeat([1, 1, 0, 0], [300, 40, 20, 40])[None]
    second = np.repeat([1, 0, 1, 0], [300, 40, 20, 40])[None]
    differences = np.subtract(*resample_scores([one_word(first), one_word(second)], 20_000))
    deviation = np.sqrt((60 / 400 - 0.05**2) / 400)
    assert differences.mean() == pytest.approx(0.05, abs=4 * deviation / np.sqrt(20_000))
    assert differences.std() == pytest.approx(deviation, rel=0.02)  # 4 standard errors, 1 / sqrt(2 * 20,000) each
    assert percentile_interval(differences) == pytest.approx(
        (0.05 - 1.96 * deviation, 0.05 + 1.96 * deviation), abs=0.003
    )
    # The tails of a normal distribution beyond 2.6 deviations.
    assert p_value(differences) == pytest.approx(0.0095, abs=0.004)


def test_five_percent_of_equal_systems_have_p_below_0_05() -> None:
    rng = np.random.default_rng(3)
    small = 0
    for _ in range(300):
        right = rng.random((2, 1, 200)) < 0.7
        small += p_value(np.subtract(*resample_scores([one_word(system) for system in right], 200))) <= 0.05
    assert 3 <= small <= 30  # 15, and 4 standard deviations


def test_seeds_are_resampled_together_and_averaged() -> None:
    counts = np.random.default_rng(2).integers(0, 4, (3, 30, 3)).astype(float)
    each = resample_scores([counts[:1], counts[1:2], counts[2:]], 100)
    both, other = resample_scores([counts[:2], counts[2:]], 100)
    assert both == pytest.approx((each[0] + each[1]) / 2, abs=1e-15)
    assert (other == each[2]).all()


def test_the_batch_size_does_not_change_the_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.random.default_rng(2).integers(0, 4, (1, 30, 3)).astype(float)
    whole = resample_scores([counts], 100)
    assert (resample_scores([counts], 100) == whole).all()
    assert (resample_scores([counts], 100, seed=1) != whole).any()
    monkeypatch.setattr(significance, "_CELLS", 7 * 30)
    assert (resample_scores([counts], 100) == whole).all()


def test_a_test_set_of_real_size_takes_less_than_two_seconds() -> None:
    resample_scores([np.ones((1, 2, 3))], 2)  # imports scipy
    systems = list(np.random.default_rng(4).integers(0, 4, (5, 3, 1300, 3)).astype(float))
    started = time.process_time()
    assert resample_scores(systems, 1000).shape == (5, 1000)
    assert time.process_time() - started < 2


def test_error_if_systems_have_other_sentences() -> None:
    with pytest.raises(ValueError, match=r"must be \[K, 4, 3\]"):
        resample_scores([np.ones((1, 4, 3)), np.ones((1, 5, 3))], 10)
