"""Distillation losses as sums over words, and ``TeacherStudentDistill``, for training loops of one's own."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Literal, assert_never

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from nlptrain.models.token_model import TokenModel


def kl_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    mask: Tensor,
    temperature: float,
    weights: Tensor | None = None,
) -> Tensor:
    """Return T^2 KL(softmax(teacher / T) || softmax(student / T)), summed over the words in ``mask``.

    The square keeps the gradient's size roughly the same at every temperature (Hinton, Vinyals, Dean 2015, section 2).

    Args:
        student_logits: [..., C].
        teacher_logits: [..., C]; no gradient flows into them.
        mask: true at the words that count, [...]; the others may hold anything, NaN included.
        temperature: T, above 0.
        weights: of each word, [...]; None: 1.
    """
    dtype = torch.promote_types(student_logits.dtype, torch.float32)  # half precision is too coarse for a log-softmax
    log_q = F.log_softmax(student_logits[mask].to(dtype) / temperature, dim=-1)
    log_p = F.log_softmax(teacher_logits[mask].detach().to(dtype) / temperature, dim=-1)
    if weights is None:
        return F.kl_div(log_q, log_p, reduction="sum", log_target=True) * temperature**2
    word_losses = F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(dim=-1)
    return (word_losses * weights[mask]).sum() * temperature**2


def constrained_kl_loss(
    student_log_probabilities: Tensor,
    teacher_logits: Tensor,
    mask: Tensor,
    possible: Tensor,
    temperature: float,
    weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return T^2 KL(teacher || student) for a student that excludes some labels, and the teacher's mass on these.

    The teacher is renormalized over the possible labels: the marginal of a label that the tag scheme forbids is 0, so
    the divergence would be infinite. Both results are sums over the words in ``mask``.

    Args:
        student_log_probabilities: at the temperature, [..., C]; of a CRF, its log-marginals.
        teacher_logits: [..., C]; no gradient flows into them.
        mask: true at the words that count, [...].
        possible: true where the student can give a label any probability, [..., C]; at least one per word.
        temperature: T, above 0.
        weights: of each word in the divergence, [...]; None: 1.
    """
    dtype = torch.promote_types(student_log_probabilities.dtype, torch.float32)
    allowed = possible[mask]
    logits = teacher_logits[mask].detach().to(dtype) / temperature
    lost_mass = F.softmax(logits, dim=-1).masked_fill(allowed, 0.0).sum()
    log_p = F.log_softmax(logits.masked_fill(~allowed, float("-inf")), dim=-1).masked_fill(~allowed, 0.0)
    log_q = student_log_probabilities[mask].to(dtype).masked_fill(~allowed, 0.0)
    p = log_p.exp().masked_fill(~allowed, 0.0)
    word_losses = (p * (log_p - log_q)).sum(dim=-1)
    if weights is not None:
        word_losses = word_losses * weights[mask]
    return word_losses.sum() * temperature**2, lost_mass


def mse_loss(student_logits: Tensor, teacher_logits: Tensor, mask: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the squared difference of the logits, a mean over the labels and a sum over the words in ``mask``.

    Source: Ba and Caruana 2014, "Do deep nets really need to be deep?", section 2.2. Arguments as for ``kl_loss``.
    """
    dtype = torch.promote_types(student_logits.dtype, torch.float32)
    difference = student_logits[mask].to(dtype) - teacher_logits[mask].detach().to(dtype)
    word_losses = difference.square().mean(dim=-1)
    return (word_losses if weights is None else word_losses * weights[mask]).sum()


class TeacherStudentDistill:
    """A teacher and the weights of the loss terms; the loss functions are those of ``tagger_kd``.

    ``loss = loss_w * loss_student + dist_w * T^2 * KL(softmax(teacher / T) || softmax(student / T))`` (Hinton, Vinyals,
    Dean 2015), or with ``dist_w * MSE(student logits, teacher logits)`` (Ba, Caruana 2014); both terms are means over
    the words in ``mask``.

    Example:
        >>> distill = TeacherStudentDistill(lambda x: x, temperature=2.0, dist_w=0.5)
        >>> logits = torch.tensor([[1.0, 2.0]])
        >>> float(distill.distill_loss(torch.tensor(3.0), logits, logits))
        3.0
    """

    def __init__(
        self,
        teacher_model: TokenModel | Callable[..., object],
        temperature: float = 1.0,
        dist_w: float = 0.1,
        loss_w: float = 1.0,
        loss_function: Literal["kl", "mse"] = "kl",
    ) -> None:
        """Store the teacher and the parameters of the loss.

        Args:
            teacher_model: a ``TokenModel``, or a callable that returns logits or an output with ``.logits``.
            temperature: T, above 0.
            dist_w: weight of the distillation term; the default of the key ``objective.dist_w`` is 1.0 instead.
            loss_w: weight of the student's own loss.
            loss_function: ``kl`` or ``mse``.

        Raises:
            ValueError: a value is out of bounds, ``loss_function`` is unknown, or the teacher has a CRF.
        """
        if loss_function not in ("kl", "mse"):
            raise ValueError(f"loss_function is {loss_function!r}; it must be 'kl' or 'mse'")
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature}; it must be above 0")
        if not (dist_w >= 0 and loss_w >= 0):
            raise ValueError(f"dist_w is {dist_w} and loss_w {loss_w}; neither may be negative")
        if isinstance(teacher_model, TokenModel) and teacher_model.decoder.is_constrained:
            raise ValueError(
                f"{teacher_model.name} has a CRF, whose logits score sequences and give no word's probabilities; "
                "nlptrain tagger_kd (distill) learns from its marginals"
            )
        self.teacher = teacher_model.model if isinstance(teacher_model, TokenModel) else teacher_model
        self.temperature = temperature
        self.dist_w = dist_w
        self.loss_w = loss_w
        self.loss_function = loss_function

    def get_teacher_logits(self, *inputs: object, **model_inputs: object) -> Tensor:
        """Return the teacher's logits, computed in eval mode without gradients; its mode is restored."""
        module = self.teacher if isinstance(self.teacher, torch.nn.Module) else None
        was_training = module is not None and module.training
        if module is not None:
            module.eval()
        try:
            with torch.no_grad():
                output: Any = self.teacher(*inputs, **model_inputs)
        finally:
            if module is not None:
                module.train(was_training)
        logits: Tensor = getattr(output, "logits", output)
        return logits

    def distill_loss(
        self, loss: Tensor, student_logits: Tensor, teacher_logits: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Return the weighted sum of the student's own loss and the distillation term.

        Args:
            loss: the student's own mean loss, a scalar.
            student_logits: [..., C].
            teacher_logits: [..., C], columns in the same order.
            mask: [...], true at the words that count; default: all.

        Raises:
            ValueError: the shapes differ.
        """
        if student_logits.shape != teacher_logits.shape:
            raise ValueError(
                f"student logits are {list(student_logits.shape)}, teacher logits {list(teacher_logits.shape)}"
            )
        if mask is None:
            mask = torch.ones(student_logits.shape[:-1], dtype=torch.bool, device=student_logits.device)
        mask = mask.bool()
        match self.loss_function:
            case "kl":
                distillation = kl_loss(student_logits, teacher_logits, mask, self.temperature)
            case "mse":
                distillation = mse_loss(student_logits, teacher_logits, mask)
            case unknown:
                assert_never(unknown)
        return self.loss_w * loss + self.dist_w * distillation / mask.sum().clamp(min=1)

    @staticmethod
    def add_args(parser: argparse.ArgumentParser) -> None:
        """Add ``--teacher``, ``--temperature``, ``--dist-w``, ``--loss-w`` and ``--loss-function`` to ``parser``."""
        group = parser.add_argument_group("distillation")
        group.add_argument("--teacher", help="folder or name of the fine-tuned teacher")
        group.add_argument("--temperature", type=float, default=1.0, help="T of the softmax (default: %(default)s)")
        group.add_argument(
            "--dist-w", type=float, default=0.1, help="weight of the teacher's term (default: %(default)s)"
        )
        group.add_argument(
            "--loss-w", type=float, default=1.0, help="weight of the student's own loss (default: %(default)s)"
        )
        group.add_argument(
            "--loss-function", choices=("kl", "mse"), default="kl", help="the teacher's term (default: %(default)s)"
        )
