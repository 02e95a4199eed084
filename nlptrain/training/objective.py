"""Objectives: what a training step minimizes, given a model's outputs and the targets of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from nlptrain.models.heads import WordOutput
from nlptrain.models.heads.softmax import NO_LABEL as NO_LABEL
from nlptrain.models.tokenization.inputs import move_tensor


@dataclass(frozen=True)
class Targets:
    """The targets of the W words of a batch.

    Attributes:
        gold: label ids [W], ``NO_LABEL`` for words without a label.
        pseudo: true where ``gold`` is a teacher's argmax and not a gold tag, [W].
        teacher_logits: the teacher's logits, [W, C]; None if no word of the whole set has any.
        has_teacher: true where ``teacher_logits`` holds logits, [W].
    """

    gold: Tensor
    pseudo: Tensor
    teacher_logits: Tensor | None
    has_teacher: Tensor

    def to(self, device: torch.device) -> Targets:
        """Return the targets on ``device``."""
        teacher_logits = None if self.teacher_logits is None else move_tensor(self.teacher_logits, device)
        gold, pseudo, has_teacher = (
            move_tensor(tensor, device) for tensor in (self.gold, self.pseudo, self.has_teacher)
        )
        return Targets(gold, pseudo, teacher_logits, has_teacher)

    def masked(self) -> Targets:
        """Return targets of the same words without any label or logits, so that their loss is 0."""
        has_teacher = torch.zeros_like(self.has_teacher)
        return replace(self, gold=torch.full_like(self.gold, NO_LABEL), has_teacher=has_teacher)


@dataclass(frozen=True)
class Loss:
    """The loss of a batch.

    Attributes:
        parts: the terms of the loss: scalars, weighted and summed over the words.
        notes: values that are only reported: scalars, summed over the words.
    """

    parts: dict[str, Tensor]
    notes: dict[str, Tensor] = field(default_factory=dict)


class Objective(Protocol):
    """What a training step minimizes."""

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """Return the loss of the model's outputs ``words``."""
        ...


@dataclass(frozen=True)
class SupervisedObjective:
    """Gold tags alone: the objective of ``transformer_token`` and ``tagger``."""

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """Return the negative log-likelihood of the gold tags."""
        return Loss({"gold": words.nll_loss(targets.gold)})
