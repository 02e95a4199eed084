"""The head that chooses each word's label by itself: a linear layer and a softmax."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it


def nll_loss(student: Tensor, gold: Tensor) -> Tensor:
    """Cross-entropy of the gold labels, summed over the words that have one.

    Args:
        student: logits, [..., C].
        gold: label ids, [...], -100 where there is none.
    """
    exact = torch.promote_types(student.dtype, torch.float32)
    flat = student.to(exact).flatten(0, -2)
    return F.cross_entropy(flat, gold.flatten(), ignore_index=-100, reduction="sum")


class WordOutput(Protocol):
    """The words of a batch as an objective sees them.

    Attributes:
        logits: what the head got from the net, [W, C].
        possible: false where no label sequence in the scheme has this label on this word, [W, C]; None: all are.
    """

    logits: Tensor
    possible: Tensor | None

    def nll_loss(self, gold: Tensor) -> Tensor:
        """The negative log-likelihood of the ``gold`` labels [W] (-100: none), summed over the words."""
        ...

    def log_probabilities(self, temperature: float = 1.0) -> Tensor:
        """The log-probability of each label of each word at a temperature, [W, C]."""
        ...


class IndependentWords:
    """Logits of words that know nothing of each other's labels."""

    possible: Tensor | None = None

    def __init__(self, logits: Tensor) -> None:
        """Take ``logits`` [W, C]."""
        self.logits = logits

    def nll_loss(self, gold: Tensor) -> Tensor:
        """The cross-entropy of ``gold`` [W], summed over the words that have one."""
        return nll_loss(self.logits, gold)

    def log_probabilities(self, temperature: float = 1.0) -> Tensor:
        """Log softmax(logits / T), [W, C]."""
        exact = torch.promote_types(self.logits.dtype, torch.float32)  # half precision is too coarse for it
        return F.log_softmax(self.logits.to(exact) / temperature, dim=-1)


class SoftmaxHead(nn.Linear):
    """A linear layer from states [..., width] to logits [..., C]."""

    def __init__(self, width: int, labels: int) -> None:
        """``labels`` is C."""
        super().__init__(width, labels)
