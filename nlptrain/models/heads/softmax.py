"""A distribution per word: the words of a batch whose labels are independent of each other, and their loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from nlptrain_runtime.transition_tables import FORBIDDEN

NO_LABEL = -100  # instead of a label id; the value that torch's cross-entropy ignores by default


@dataclass(frozen=True)
class RejectedSpan:
    """A span that is known not to be an entity.

    Attributes:
        first: index in the batch of the first of the K words that decide it.
        cases: true at the labels that each word may have, [cases, K, C]; a labeling without this entity is in
            exactly one case.
    """

    first: int
    cases: Tensor


class WordOutput(Protocol):
    """The words of a batch as an objective sees them; ``LabelDecoder.output`` returns one."""

    @property
    def logits(self) -> Tensor:
        """The output of the network, [W, C]."""
        ...

    @property
    def possible(self) -> Tensor | None:
        """False where no allowed sequence has this label on this word, [W, C]; None: all are possible."""
        ...

    def nll_loss(self, gold: Tensor) -> Tensor:
        """Return the negative log-likelihood of the ``gold`` labels [W] (``NO_LABEL``: none), summed over the words."""
        ...

    def log_probabilities(self, temperature: float = 1.0) -> Tensor:
        """Return the log-probability of each label of each word at a temperature, [W, C]."""
        ...


def nll_loss(logits: Tensor, gold: Tensor) -> Tensor:
    """Return the cross-entropy of the gold labels, summed over the words that have one.

    Args:
        logits: [..., C].
        gold: label ids, [...], ``NO_LABEL`` for none.
    """
    dtype = torch.promote_types(logits.dtype, torch.float32)
    flat = logits.to(dtype).flatten(0, -2)
    return F.cross_entropy(flat, gold.flatten(), ignore_index=NO_LABEL, reduction="sum")


class MarginalWordOutput(WordOutput, Protocol):
    """Words whose loss can be computed where a word may have several labels."""

    def marginal_nll_loss(self, allowed: Tensor, rejected: Sequence[RejectedSpan] = ()) -> Tensor:
        """Return the summed negative log-likelihood of what is known.

        Args:
            allowed: true at the labels that a word may have, [W, C]; all of them where nothing is known.
            rejected: spans that are no entities; each adds -log(1 - its probability, given ``allowed``).
        """
        ...


class IndependentWords:
    """Words whose labels are independent of each other."""

    possible: Tensor | None = None

    def __init__(self, logits: Tensor) -> None:
        """Take ``logits`` [W, C]."""
        self.logits = logits

    def nll_loss(self, gold: Tensor) -> Tensor:
        """Return the cross-entropy of ``gold`` [W], summed over the words that have a label."""
        return nll_loss(self.logits, gold)

    def marginal_nll_loss(self, allowed: Tensor, rejected: Sequence[RejectedSpan] = ()) -> Tensor:
        """Return the sum of -log p(an allowed label) over the words, and of -log(1 - p) of each rejected span."""
        log_probs = self.log_probabilities()
        is_partial = ~allowed.all(dim=1)
        loss = -log_probs[is_partial].masked_fill(~allowed[is_partial], FORBIDDEN).logsumexp(dim=1).sum()
        for span in rejected:
            words = slice(span.first, span.first + span.cases.shape[1])
            known = log_probs[words].masked_fill(~allowed[words], FORBIDDEN)
            cases = known.masked_fill(~span.cases, FORBIDDEN).logsumexp(dim=2).sum(dim=1)
            loss = loss + known.logsumexp(dim=1).sum() - cases.logsumexp(dim=0)
        return loss

    def log_probabilities(self, temperature: float = 1.0) -> Tensor:
        """Return log softmax(logits / T), [W, C]."""
        dtype = torch.promote_types(self.logits.dtype, torch.float32)  # half precision is too coarse for it
        return F.log_softmax(self.logits.to(dtype) / temperature, dim=-1)
