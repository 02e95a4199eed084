"""The distillation losses: pure functions that return sums over words, as the loop wants them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it


def kl_loss(
    student: Tensor, teacher: Tensor, mask: Tensor, temperature: float, weights: Tensor | None = None
) -> Tensor:
    """T^2 KL(softmax(teacher / T) || softmax(student / T)), summed over the words in ``mask``.

    The square keeps the gradient's size roughly the same at every temperature (Hinton, Vinyals, Dean 2015, section 2).

    Args:
        student: logits, [..., C].
        teacher: logits, [..., C]; no gradient flows into them.
        mask: [...], true at the words that count; whatever stands elsewhere, NaN included, changes nothing.
        temperature: T, above 0.
        weights: what each word counts, [...]; None: 1.
    """
    exact = torch.promote_types(student.dtype, torch.float32)  # half precision is too coarse for a log-softmax
    log_q = F.log_softmax(student[mask].to(exact) / temperature, dim=-1)
    log_p = F.log_softmax(teacher[mask].detach().to(exact) / temperature, dim=-1)
    if weights is None:
        return F.kl_div(log_q, log_p, reduction="sum", log_target=True) * temperature**2
    each = F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(dim=-1)
    return (each * weights[mask]).sum() * temperature**2


def kl_over_possible(
    log_student: Tensor,
    teacher: Tensor,
    mask: Tensor,
    possible: Tensor,
    temperature: float,
    weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """T^2 KL between a teacher and a student to whom some labels are impossible, and the teacher's mass on these.

    The teacher is renormalised over what is possible: where a scheme forbids a label, its marginal is 0 and the
    divergence would be infinite. Both answers are sums over the words in ``mask``.

    Args:
        log_student: log-probabilities at the temperature, [..., C]; of a CRF, its log-marginals.
        teacher: logits, [..., C]; no gradient flows into them.
        mask: [...], true at the words that count.
        possible: [..., C], true where the student can give a label any probability; at least one for each word.
        temperature: T, above 0.
        weights: what each word counts in the divergence, [...]; None: 1.
    """
    exact = torch.promote_types(log_student.dtype, torch.float32)
    allowed = possible[mask]
    logits = teacher[mask].detach().to(exact) / temperature
    lost = F.softmax(logits, dim=-1).masked_fill(allowed, 0.0).sum()
    log_p = F.log_softmax(logits.masked_fill(~allowed, float("-inf")), dim=-1).masked_fill(~allowed, 0.0)
    log_q = log_student[mask].to(exact).masked_fill(~allowed, 0.0)
    p = log_p.exp().masked_fill(~allowed, 0.0)
    each = (p * (log_p - log_q)).sum(dim=-1)
    if weights is not None:
        each = each * weights[mask]
    return each.sum() * temperature**2, lost


def mse_loss(student: Tensor, teacher: Tensor, mask: Tensor, weights: Tensor | None = None) -> Tensor:
    """Squared difference of the logits, a mean over the labels and a sum over the words in ``mask``.

    Source: Ba and Caruana 2014, "Do deep nets really need to be deep?", section 2.2. Arguments as for ``kl_loss``.
    """
    exact = torch.promote_types(student.dtype, torch.float32)
    difference = student[mask].to(exact) - teacher[mask].detach().to(exact)
    each = difference.square().mean(dim=-1)
    return (each if weights is None else each * weights[mask]).sum()
