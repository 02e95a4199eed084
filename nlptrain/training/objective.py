"""What a model is asked to match; the loop knows no more of an objective than this."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from nlptrain.models.heads import WordOutput


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


@dataclass(frozen=True)
class Loss:
    """What an objective says of a batch.

    Attributes:
        parts: what the loss is made of: scalars, each already weighted and summed over its words.
        notes: what is only reported: scalars, summed over the words.
    """

    parts: dict[str, Tensor]
    notes: dict[str, Tensor] = field(default_factory=dict)


class Objective(Protocol):
    """What a step is to make small."""

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """The loss of these words, in its parts."""
        ...


@dataclass(frozen=True)
class GoldObjective:
    """The gold tags alone: fine-tuning a transformer, and a tagger without a teacher."""

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """The negative log-likelihood of the gold tags."""
        return Loss({"gold": words.nll_loss(targets.gold)})
