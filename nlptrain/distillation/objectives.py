"""The objectives of the two commands with a teacher."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nlptrain.config.objective import DistillConfig, PseudoLabelConfig
from nlptrain.distillation.losses import kl_loss, mse_loss
from nlptrain.training.losses import gold_loss
from nlptrain.training.objective import Targets


@dataclass(frozen=True)
class DistillObjective:
    """Gold tags where there are any, the teacher's logits everywhere."""

    config: DistillConfig

    def parts(self, logits: Tensor, targets: Targets) -> dict[str, Tensor]:
        """The weighted sums ``gold`` and ``teacher``."""
        assert targets.teacher is not None, "the transfer set gives logits to every sentence"
        if self.config.loss == "kl":
            taught = kl_loss(logits, targets.teacher, targets.taught, self.config.temperature)
        else:
            taught = mse_loss(logits, targets.teacher, targets.taught)
        return {"gold": self.config.loss_w * gold_loss(logits, targets.gold), "teacher": self.config.dist_w * taught}


@dataclass(frozen=True)
class PseudoLabelObjective:
    """Gold tags, and the teacher's argmax on raw text taken for gold."""

    config: PseudoLabelConfig

    def parts(self, logits: Tensor, targets: Targets) -> dict[str, Tensor]:
        """The weighted sums ``gold`` and ``pseudo``."""
        nothing = torch.full_like(targets.gold, -100)
        gold = torch.where(targets.pseudo, nothing, targets.gold)
        pseudo = torch.where(targets.pseudo, targets.gold, nothing)
        return {
            "gold": self.config.loss_w * gold_loss(logits, gold),
            "pseudo": self.config.pseudo_w * gold_loss(logits, pseudo),
        }
