"""Entity types that a teacher was not asked for: in the loss, ``O`` and their labels are one class.

A teacher that was asked for persons alone predicts ``O`` for a city, which does not mean that it is none. Its
probability of ``O`` is that of ``O`` or any label of a type that it was not asked for, and the student's is summed
alike.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nlptrain.data.labels import Labels
from nlptrain.models.heads import WordOutput
from nlptrain.training.objective import Targets


def label_classes(labels: Labels, asked_types: Collection[str]) -> Tensor | None:
    """Return the class of each label, [C], 0 for ``O`` and the types that are not asked for; None: each is its own."""
    if "O" not in labels.ids or set(labels.types) <= set(asked_types):
        return None
    classes = torch.zeros(len(labels), dtype=torch.long)
    asked = [index for index, name in enumerate(labels.names) if labels.type_of(name) in asked_types]
    classes[asked] = torch.arange(1, len(asked) + 1)
    return classes


def merge_labels(scores: Tensor, classes: Tensor) -> Tensor:
    """Return the logarithm of the sum of exponentials of the ``scores`` [W, C] of each class, [W, K]."""
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    first = torch.logsumexp(scores[:, classes == 0], dim=1, keepdim=True)
    return torch.cat([first, scores[:, classes > 0]], dim=1)  # the ids of the other classes follow the columns


@dataclass(frozen=True)
class MergedWords:
    """The words of a batch with classes of labels instead of labels.

    Attributes:
        words: with labels.
        classes: the class of each label, [C].
        temperature: of the loss, at which logits are merged.
    """

    words: WordOutput
    classes: Tensor
    temperature: float

    @property
    def logits(self) -> Tensor:
        """The logits of the classes, [W, K], whose softmax at the temperature is the sum over the labels."""
        return self.temperature * merge_labels(self.words.logits / self.temperature, self.classes)

    @property
    def possible(self) -> Tensor | None:
        """False where no allowed sequence has a label of this class on this word, [W, K]; None: all are possible."""
        if self.words.possible is None:
            return None
        scores = torch.zeros_like(self.words.possible, dtype=torch.float32)
        return merge_labels(scores.masked_fill(~self.words.possible, float("-inf")), self.classes).isfinite()

    def nll_loss(self, gold: Tensor) -> Tensor:
        """Return the loss of the ``gold`` labels [W], which are no classes."""
        return self.words.nll_loss(gold)

    def log_probabilities(self, temperature: float = 1.0) -> Tensor:
        """Return the log-probability of each class at a temperature, [W, K]."""
        return merge_labels(self.words.log_probabilities(temperature), self.classes)


def merge_targets(targets: Targets, classes: Tensor, temperature: float) -> Targets:
    """Return ``targets`` with the teacher's logits of the classes, [W, K], merged at a temperature."""
    assert targets.teacher_logits is not None
    merged = temperature * merge_labels(targets.teacher_logits / temperature, classes)
    return replace(targets, teacher_logits=merged)
