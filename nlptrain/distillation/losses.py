"""The distillation losses: pure functions that return sums over words, as the loop wants them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from nlptrain.config.objective import DistillConfig, PseudoLabelConfig
from nlptrain.models.heads import WordOutput
from nlptrain.training.objective import Loss, Targets


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


@dataclass(frozen=True)
class DistillObjective:
    """Gold tags where there are any, the teacher's logits everywhere.

    Attributes:
        config: the loss.
        rare: how rare each label is, [C], from 0 to 1; None: all words have the same weight.
    """

    config: DistillConfig
    rare: Tensor | None = None

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """The weighted sums ``gold`` and ``teacher``; of a CRF, also the teacher's mass on impossible labels."""
        assert targets.teacher is not None, "the transfer set gives logits to every sentence"
        notes: dict[str, Tensor] = {}
        weights = _weights(targets.teacher, self.rare, self.config.rare_label_weight)
        if self.config.loss == "mse":
            taught = mse_loss(words.logits, targets.teacher, targets.taught, weights)
        else:
            taught, notes = _divergence(words, targets.teacher, targets.taught, self.config.temperature, weights)
        gold = self.config.loss_w * words.nll_loss(targets.gold)
        return Loss({"gold": gold, "teacher": self.config.dist_w * taught}, notes)


@dataclass(frozen=True)
class PseudoLabelObjective:
    """Gold tags, and on raw text the teacher's argmax taken for gold, or its probabilities."""

    config: PseudoLabelConfig

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """The weighted sums ``gold`` and ``pseudo``."""
        nothing = torch.full_like(targets.gold, -100)
        gold = words.nll_loss(torch.where(targets.pseudo, nothing, targets.gold))
        notes: dict[str, Tensor] = {}
        if self.config.targets == "soft":
            assert targets.teacher is not None, "soft targets are the teacher's"
            pseudo, notes = _divergence(words, targets.teacher, targets.taught, 1.0)
        else:
            pseudo = words.nll_loss(torch.where(targets.pseudo, targets.gold, nothing))
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
