"""The head that chooses each word's label by itself: a linear layer and a softmax."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from nlptrain.models.heads.output import Answer
from nlptrain.models.inputs import Chains
from nlptrain_runtime.decoding import Decoder


def gold_loss(student: Tensor, gold: Tensor) -> Tensor:
    """Cross-entropy of the gold labels, summed over the words that have one.

    Args:
        student: logits, [..., C].
        gold: label ids, [...], -100 where there is none.
    """
    exact = torch.promote_types(student.dtype, torch.float32)
    flat = student.to(exact).flatten(0, -2)
    return F.cross_entropy(flat, gold.flatten(), ignore_index=-100, reduction="sum")


class IndependentWords:
    """Logits of words that know nothing of each other's labels."""

    possible: Tensor | None = None

    def __init__(self, logits: Tensor) -> None:
        """Take ``logits`` [W, C]."""
        self.logits = logits

    def gold_loss(self, gold: Tensor) -> Tensor:
        """The cross-entropy of ``gold`` [W], summed over the words that have one."""
        return gold_loss(self.logits, gold)

    def log_probabilities(self, temperature: float = 1.0) -> Tensor:
        """Log softmax(logits / T), [W, C]."""
        exact = torch.promote_types(self.logits.dtype, torch.float32)  # half precision is too coarse for it
        return F.log_softmax(self.logits.to(exact) / temperature, dim=-1)


class IndependentRule:
    """How logits are read when each word's label is chosen by itself; the rule of every transformer."""

    constrained = False

    @property
    def decoder(self) -> Decoder:
        """Each word's best label."""
        return Decoder("independent")

    def output(self, emissions: Tensor, chains: Chains) -> IndependentWords:
        """The words of a batch."""
        return IndependentWords(emissions)

    def answers(self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0) -> list[Answer]:
        """Logits, divided by the temperature, and the best label of each word, sentence by sentence."""
        return [Answer(values / temperature, values.argmax(axis=1)) for values in emissions]

    def log_probabilities(
        self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0
    ) -> list[NDArray[np.float64]]:
        """Log softmax(logits / T) of each word, sentence by sentence."""
        found: list[NDArray[np.float64]] = []
        for values in emissions:
            exact = values.astype(np.float64) / temperature
            exact -= exact.max(axis=1, keepdims=True)
            found.append(exact - np.log(np.exp(exact).sum(axis=1, keepdims=True)))
        return found


class SoftmaxHead(nn.Linear):
    """A linear layer from states [..., width] to logits [..., C]."""

    def __init__(self, width: int, labels: int) -> None:
        """``labels`` is C."""
        super().__init__(width, labels)
