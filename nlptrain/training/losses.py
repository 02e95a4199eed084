"""The gold loss: a pure function that returns a sum over words; the loop divides once, by those of the whole step."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it


def gold_loss(student: Tensor, gold: Tensor) -> Tensor:
    """Cross-entropy of the gold labels, summed over the words that have one.

    Args:
        student: logits, [..., C].
        gold: label ids, [...], -100 where there is none.
    """
    exact = torch.promote_types(student.dtype, torch.float32)
    flat = student.to(exact).flatten(0, -2)
    return F.cross_entropy(flat, gold.flatten(), ignore_index=-100, reduction="sum")
