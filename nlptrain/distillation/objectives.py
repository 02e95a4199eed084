"""The objectives of ``tagger_kd`` and ``pseudo_label``: the terms of their losses, weighted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, assert_never

import torch
from torch import Tensor

from nlptrain.config.objectives import LOSSES, KLConfig, LossConfig, MSEConfig, PseudoLabelConfig
from nlptrain.distillation.asked_types import MergedWords, merge_targets
from nlptrain.distillation.losses import constrained_kl_loss, kl_loss, mse_loss
from nlptrain.errors import InputError
from nlptrain.models.heads import WordOutput
from nlptrain.training.objective import NO_LABEL, Loss, Targets, supervised_loss


class TeacherLoss(Protocol):
    """The loss between student and teacher of ``tagger_kd``, as ``objective.loss`` names it."""

    def __call__(
        self,
        words: WordOutput,
        targets: Targets,
        config: Any,  # noqa: ANN401 - the model of the loss
        weights: Tensor | None,  # noqa: ANN401
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss, a scalar: the sum over the words in ``targets.has_teacher``; and notes, summed as well.

        Args:
            words: the student's outputs; ``log_probabilities`` are comparable to a teacher's also with a CRF.
            targets: with ``teacher_logits`` [W, C], into which no gradient may flow.
            config: the keys of the loss; ``dist_w`` is applied to the result.
            weights: of each word, [W]; None: 1.
        """
        ...


def kl_teacher_loss(
    words: WordOutput, targets: Targets, config: KLConfig, weights: Tensor | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the divergence at ``config.temperature``; with a CRF, also the note ``lost_mass``."""
    return _kl(words, targets, config.temperature, weights)


def mse_teacher_loss(
    words: WordOutput, targets: Targets, config: MSEConfig, weights: Tensor | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the squared difference of the logits."""
    assert targets.teacher_logits is not None, "the transfer set has logits for every sentence"
    return mse_loss(words.logits, targets.teacher_logits, targets.has_teacher, weights), {}


@dataclass(frozen=True)
class DistillObjective:
    """The objective of ``tagger_kd``: the gold tags of the words that have some, the teacher's logits of all words.

    Attributes:
        config: the loss and its weights.
        label_weights: inverse frequency of each label, [C], from 0 to 1; None: all words have the same weight.
        classes: the class of each label, [C], from ``label_classes``, if the teacher was not asked for all types.
    """

    config: LossConfig
    label_weights: Tensor | None = None
    classes: Tensor | None = None

    @cached_property
    def _teacher_loss(self) -> TeacherLoss:
        kind = self.config.name
        teacher_loss: TeacherLoss = LOSSES.load(kind, LOSSES[kind].function)
        return CheckedLoss(teacher_loss, LOSSES[kind].function) if LOSSES.package(kind) else teacher_loss

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """Return the weighted sums ``gold`` and ``teacher``, and the notes of the loss."""
        assert targets.teacher_logits is not None, "the transfer set has logits for every sentence"
        weights = _word_weights(targets.teacher_logits, self.label_weights, self.config.rare_label_weight)
        known, known_targets = words, targets
        if self.classes is not None:
            classes = self.classes.to(targets.gold.device)
            known = MergedWords(words, classes, self.config.temperature)
            known_targets = merge_targets(targets, classes, self.config.temperature)
        teacher_loss, notes = self._teacher_loss(known, known_targets, self.config, weights)
        nll_loss = self.config.loss_w * supervised_loss(words, targets)
        return Loss({"gold": nll_loss, "teacher": self.config.dist_w * teacher_loss}, notes)


class CheckedLoss:
    """The loss of a plug-in, whose results are checked."""

    def __init__(self, function: TeacherLoss, path: str) -> None:
        """Check the results of ``function``, which is at the dotted ``path``."""
        self.function = function
        self.path = path
        self.is_first = True

    def __call__(
        self,
        words: WordOutput,
        targets: Targets,
        config: Any,  # noqa: ANN401 - the model of the loss
        weights: Tensor | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss and the notes of the function.

        Raises:
            TypeError: they are no scalars.
            InputError: the loss is not finite for the first batch.
        """
        result: Any = self.function(words, targets, config, weights)
        expected = "expected (sum over the words, a scalar tensor, {NAME: scalar tensor})"
        if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[1], dict):
            raise TypeError(f"{self.path}: found {type(result).__name__}; {expected}")
        loss, notes = result
        for name, value in {"the loss": loss, **notes}.items():
            if not isinstance(value, Tensor) or value.dim():
                what = f"shape {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
                raise TypeError(f"{self.path}: found {what} for {name}; {expected}")
        if self.is_first and not torch.isfinite(loss):
            raise InputError(f"found {loss.item()} in the first batch", location=self.path, expected="a finite number")
        self.is_first = False
        return loss, notes


@dataclass(frozen=True)
class PseudoLabelObjective:
    """The objective of ``pseudo_label``: gold tags, and on unlabeled text the teacher's argmax or its probabilities."""

    config: PseudoLabelConfig

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """Return the weighted sums ``gold`` and ``pseudo``."""
        no_labels = torch.full_like(targets.gold, NO_LABEL)
        gold = torch.where(targets.pseudo, no_labels, targets.gold)
        nll_loss = supervised_loss(words, replace(targets, gold=gold))
        notes: dict[str, Tensor] = {}
        match self.config.targets:
            case "soft":
                pseudo_loss, notes = _kl(words, targets, temperature=1.0)
            case "hard":
                pseudo_loss = words.nll_loss(torch.where(targets.pseudo, targets.gold, no_labels))
            case unknown:
                assert_never(unknown)
        return Loss({"gold": self.config.loss_w * nll_loss, "pseudo": self.config.pseudo_w * pseudo_loss}, notes)


def _word_weights(teacher_logits: Tensor, label_weights: Tensor | None, rare_label_weight: float) -> Tensor | None:
    """Return the weight of each word, [W], with mean 1 over the whole text; None: 1.

    A word's weight is 1 + ``rare_label_weight`` times the expected inverse frequency of its labels, over its mean.
    """
    if label_weights is None or rare_label_weight == 0.0:
        return None
    label_weights = label_weights.to(teacher_logits.device, teacher_logits.dtype)
    mean = ((1.0 - label_weights) * label_weights).sum()  # a label's frequency is 1 minus its inverse frequency
    expected = teacher_logits.softmax(dim=-1) @ label_weights
    return (1.0 + rare_label_weight * expected) / (1.0 + rare_label_weight * mean)


def _kl(
    words: WordOutput, targets: Targets, temperature: float, weights: Tensor | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the KL term, and the teacher's mass on impossible labels as ``lost_mass`` where the head excludes some."""
    assert targets.teacher_logits is not None, "the transfer set has logits for every sentence"
    if words.possible is None:
        return kl_loss(words.logits, targets.teacher_logits, targets.has_teacher, temperature, weights), {}
    divergence, lost_mass = constrained_kl_loss(
        words.log_probabilities(temperature),
        targets.teacher_logits,
        targets.has_teacher,
        words.possible,
        temperature,
        weights,
    )
    return divergence, {"lost_mass": lost_mass}
