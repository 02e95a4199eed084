"""What a model is asked to match; the loop knows no more of an objective than this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from nlptrain.training.losses import gold_loss


@dataclass(frozen=True)
class Targets:
    """What is known of the W words of a batch.

    Attributes:
        gold: label ids [W], -100 where there is none.
        pseudo: true where ``gold`` is a teacher's argmax and not a person's tag, [W].
        teacher: the teacher's logits [W, C], or None if no word of the whole set has any.
        taught: true where ``teacher`` holds logits, [W].
    """

    gold: Tensor
    pseudo: Tensor
    teacher: Tensor | None
    taught: Tensor


class Objective(Protocol):
    """Parts of a loss, each already weighted and summed over its words."""

    def parts(self, logits: Tensor, targets: Targets) -> dict[str, Tensor]:
        """The named scalar sums that make up the loss of these words; ``logits`` is [W, C]."""
        ...


@dataclass(frozen=True)
class GoldObjective:
    """The gold tags alone: fine-tuning a transformer, and a tagger without a teacher."""

    def parts(self, logits: Tensor, targets: Targets) -> dict[str, Tensor]:
        """The cross-entropy of the gold tags."""
        return {"gold": gold_loss(logits, targets.gold)}
