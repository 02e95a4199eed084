"""The divergence of a student from its teacher."""

import numpy as np
import pytest

from nlptrain.training.model_selection import divergence


def logs(*rows: list[float]) -> np.ndarray:
    return np.log(np.array(rows, dtype=np.float32))


def test_divergence_of_three_words():
    # 0.5 ln(0.5 / 0.25) + 0.5 ln(0.5 / 0.75) = 0.1438; the other two words are equal.
    teacher = [logs([0.5, 0.5]), logs([0.9, 0.1], [0.2, 0.8])]
    student = [logs([0.25, 0.75]), logs([0.9, 0.1], [0.2, 0.8])]
    assert divergence(teacher, student) == pytest.approx(0.14384 / 3, abs=1e-5)


def test_divergence_ignores_a_constant_shift_of_logits():
    teacher, student = logs([0.7, 0.2, 0.1]), logs([0.1, 0.6, 0.3])
    assert divergence([teacher + 5], [student - 3]) == pytest.approx(divergence([teacher], [student]), rel=1e-5)


def test_divergence_is_finite_for_excluded_labels():
    impossible = np.array([[0.0, -1e8]], dtype=np.float32)
    value = divergence([logs([0.5, 0.5])], [impossible])
    assert 10 < value < 20
    assert divergence([impossible], [impossible]) == pytest.approx(0.0, abs=1e-9)


def test_divergence_of_no_words_is_zero():
    assert divergence([], []) == 0.0
    assert divergence([np.empty((0, 2), dtype=np.float32)], [np.empty((0, 2), dtype=np.float32)]) == 0.0
