"""Inverse label frequencies of labels and sentences, and sampling weights."""

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nlptrain.config.objectives import KLConfig, MSEConfig
from nlptrain.distillation.objectives import DistillObjective
from nlptrain.distillation.sampling import inverse_label_frequency
from nlptrain.models.heads.softmax import IndependentWords
from nlptrain.training.objective import Targets


class Text:
    """Stored logits of a few sentences."""

    def __init__(self, *sentences: list[list[float]], size: int = 1000) -> None:
        self.logits = [np.log(np.array(rows, dtype=np.float32)).reshape(len(rows), 2) for rows in sentences]
        self.size = size
        self.ensemble = SimpleNamespace(labels=["O", "X"])

    def parts(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(self.logits), self.size):
            part = self.logits[start : start + self.size]
            yield np.concatenate(part), np.array([len(rows) for rows in part])


def test_inverse_label_frequency_of_three_sentences():
    # Over four words O has 0.9 + 0.9 + 0.9 + 0.1 = 2.8 of 4: its inverse frequency is 0.3, that of X 0.7.
    frequency = inverse_label_frequency(Text([[0.9, 0.1], [0.9, 0.1]], [[0.9, 0.1], [0.1, 0.9]]))
    np.testing.assert_allclose(frequency.labels, [0.3, 0.7], atol=1e-6)
    np.testing.assert_allclose(frequency.sampling_weights(1, slice(1, None)), [0.0, frequency.sentences[1]])
    assert frequency.sentences[0] > 0
    plain, name = 0.9 * 0.3 + 0.1 * 0.7, 0.1 * 0.3 + 0.9 * 0.7
    np.testing.assert_allclose(frequency.sentences, [2 * plain, plain + name], atol=1e-6)


def test_weights_are_capped_and_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch):
    sentences = [*([[0.5 + row / 20, 0.5 - row / 20]] * (row % 4 + 1) for row in range(9)), [[0.5, 0.5]] * 40]
    whole = inverse_label_frequency(Text(*sentences))
    monkeypatch.setattr("nlptrain.distillation.sampling._SLICE", 3)
    parts = inverse_label_frequency(Text(*sentences, size=3))
    np.testing.assert_allclose(parts.sentences, whole.sentences)
    np.testing.assert_allclose(parts.labels, whole.labels)
    assert whole.sentences[-1] == 5.0
    assert whole.sentences[:-1].max() < 5.0


def test_rare_labels_have_larger_weights():
    student = IndependentWords(torch.log(torch.tensor([[0.5, 0.5], [0.5, 0.5]])))
    teacher = torch.log(torch.tensor([[0.9, 0.1], [0.1, 0.9]]))
    targets = Targets(torch.tensor([-100, -100]), torch.zeros(2).bool(), teacher, torch.ones(2).bool())
    rare = torch.tensor([0.1, 0.9])
    word_loss = float((teacher[0].exp() * (teacher[0] - np.log(0.5))).sum())  # the same for both words
    mean = 1 + 3 * (0.9 * 0.1 + 0.1 * 0.9)  # O has 0.9 of all words
    weights = (1 + 3 * (0.9 * 0.1 + 0.1 * 0.9)) / mean + (1 + 3 * (0.1 * 0.1 + 0.9 * 0.9)) / mean
    for factor, expected in ((3.0, weights * word_loss), (0.0, 2 * word_loss)):
        loss = DistillObjective(KLConfig(rare_label_weight=factor), rare).loss(student, targets)
        assert float(loss.parts["teacher"]) == pytest.approx(expected, rel=1e-5)
    squared = DistillObjective(MSEConfig(rare_label_weight=3.0), rare).loss(student, targets).parts["teacher"]
    each = [((teacher[n] - np.log(0.5)) ** 2).mean() for n in range(2)]
    assert float(squared) == pytest.approx(float((1.54 * each[0] + 3.46 * each[1]) / mean), rel=1e-5)
