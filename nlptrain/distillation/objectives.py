"""The objectives of the two commands with a teacher."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nlptrain.config.objective import DistillConfig, PseudoLabelConfig
from nlptrain.distillation.losses import kl_loss, kl_over_possible, mse_loss
from nlptrain.models.heads import WordOutput
from nlptrain.training.objective import Loss, Targets


@dataclass(frozen=True)
class DistillObjective:
    """Gold tags where there are any, the teacher's logits everywhere.

    Attributes:
        config: the loss.
        rare: how rare each label is, [C], from 0 to 1; None: words count the same, whatever ``config.rare_w``.
    """

    config: DistillConfig
    rare: Tensor | None = None

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """The weighted sums ``gold`` and ``teacher``; of a CRF, also the teacher's mass on impossible labels."""
        assert targets.teacher is not None, "the transfer set gives logits to every sentence"
        notes: dict[str, Tensor] = {}
        weights = _weights(targets.teacher, self.rare, self.config.rare_w)
        if self.config.loss == "mse":
            taught = mse_loss(words.logits, targets.teacher, targets.taught, weights)
        else:
            taught, notes = _divergence(words, targets.teacher, targets.taught, self.config.temperature, weights)
        gold = self.config.loss_w * words.gold_loss(targets.gold)
        return Loss({"gold": gold, "teacher": self.config.dist_w * taught}, notes)


@dataclass(frozen=True)
class PseudoLabelObjective:
    """Gold tags, and on raw text the teacher's argmax taken for gold, or its probabilities."""

    config: PseudoLabelConfig

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """The weighted sums ``gold`` and ``pseudo``."""
        nothing = torch.full_like(targets.gold, -100)
        gold = words.gold_loss(torch.where(targets.pseudo, nothing, targets.gold))
        notes: dict[str, Tensor] = {}
        if self.config.targets == "soft":
            assert targets.teacher is not None, "soft targets are the teacher's"
            pseudo, notes = _divergence(words, targets.teacher, targets.taught, 1.0)
        else:
            pseudo = words.gold_loss(torch.where(targets.pseudo, targets.gold, nothing))
        return Loss({"gold": self.config.loss_w * gold, "pseudo": self.config.pseudo_w * pseudo}, notes)


def _weights(teacher: Tensor, rare: Tensor | None, factor: float) -> Tensor | None:
    """What each word counts, [W]: more, the rarer the labels that its teacher thinks of; over the whole text 1."""
    if rare is None or factor == 0.0:
        return None
    rare = rare.to(teacher.device, teacher.dtype)
    mean = ((1.0 - rare) * rare).sum()  # a label's share of the words is 1 minus its rarity
    return (1.0 + factor * (teacher.softmax(dim=-1) @ rare)) / (1.0 + factor * mean)


def _divergence(
    words: WordOutput, teacher: Tensor, taught: Tensor, temperature: float, weights: Tensor | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """The KL term, and what there is to note of it."""
    if words.possible is None:
        return kl_loss(words.logits, teacher, taught, temperature, weights), {}
    divergence, lost = kl_over_possible(
        words.log_probabilities(temperature), teacher, taught, words.possible, temperature, weights
    )
    return divergence, {"lost_mass": lost}
