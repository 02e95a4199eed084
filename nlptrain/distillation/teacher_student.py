"""TeacherStudentDistill: the distillation loss for custom training loops."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from nlptrain.distillation.losses import kl_loss, mse_loss
from nlptrain.models.token_model import TokenModel


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
        teacher_model: TokenModel | Callable[..., Any],
        temperature: float = 1.0,
        dist_w: float = 0.1,
        loss_w: float = 1.0,
        loss_function: Literal["kl", "mse"] = "kl",
    ) -> None:
        """Store the teacher and the parameters of the loss.

        Args:
            teacher_model: a ``TokenModel``, or a callable that returns logits or an output with ``.logits``.
            temperature: T, above 0.
            dist_w: weight of the distillation term.
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
        if isinstance(teacher_model, TokenModel) and teacher_model.decoder.constrained:
            raise ValueError(
                f"{teacher_model.name} has a CRF, whose logits score sequences and give no word's probabilities; "
                "nlptrain tagger_kd (distill) learns from its marginals"
            )
        self.teacher = teacher_model.model if isinstance(teacher_model, TokenModel) else teacher_model
        self.temperature = temperature
        self.dist_w = dist_w
        self.loss_w = loss_w
        self.loss_function = loss_function

    def get_teacher_logits(self, *inputs: Any, **model_inputs: Any) -> Tensor:  # noqa: ANN401 - the teacher's own inputs
        """Return the teacher's logits, computed in eval mode without gradients; its mode is restored."""
        module = self.teacher if isinstance(self.teacher, torch.nn.Module) else None
        was_training = module is not None and module.training
        if module is not None:
            module.eval()
        try:
            with torch.no_grad():
                output = self.teacher(*inputs, **model_inputs)
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
        if self.loss_function == "kl":
            distillation = kl_loss(student_logits, teacher_logits, mask, self.temperature)
        else:
            distillation = mse_loss(student_logits, teacher_logits, mask)
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
