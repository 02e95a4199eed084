"""Objectives: what a training step minimizes, given a model's outputs and the targets of a batch."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from nlptrain.errors import InputError, Setting
from nlptrain.models.heads import RejectedSpan, WordOutput
from nlptrain.models.heads.softmax import NO_LABEL as NO_LABEL
from nlptrain.models.tokenization.inputs import move_tensor


@dataclass(frozen=True)
class Targets:
    """The targets of the W words of a batch.

    Attributes:
        gold: label ids [W], ``NO_LABEL`` for words without a label, and for all words of partial sentences.
        pseudo: true where ``gold`` is a teacher's argmax and not a gold tag, [W].
        teacher_logits: the teacher's logits, [W, C]; None if no word of the whole set has any.
        has_teacher: true where ``teacher_logits`` holds logits, [W].
        allowed: true at the labels that a word of a partial sentence may have, and at all labels of other words,
            [W, C]; None if there is no partial sentence in the whole set.
        rejected: spans of partial sentences that are no entities.
    """

    gold: Tensor
    pseudo: Tensor
    teacher_logits: Tensor | None
    has_teacher: Tensor
    allowed: Tensor | None = None
    rejected: Sequence[RejectedSpan] = ()

    def to(self, device: torch.device) -> Targets:
        """Return the targets on ``device``."""
        teacher_logits = None if self.teacher_logits is None else move_tensor(self.teacher_logits, device)
        gold, pseudo, has_teacher = (
            move_tensor(tensor, device) for tensor in (self.gold, self.pseudo, self.has_teacher)
        )
        allowed = None if self.allowed is None else move_tensor(self.allowed, device)
        rejected = [RejectedSpan(span.first, move_tensor(span.cases, device)) for span in self.rejected]
        return Targets(gold, pseudo, teacher_logits, has_teacher, allowed, rejected)

    def masked(self) -> Targets:
        """Return targets of the same words without any label or logits, so that their loss is 0."""
        has_teacher = torch.zeros_like(self.has_teacher)
        gold = torch.full_like(self.gold, NO_LABEL)
        allowed = None if self.allowed is None else torch.ones_like(self.allowed)
        return replace(self, gold=gold, has_teacher=has_teacher, allowed=allowed, rejected=())


@dataclass(frozen=True)
class Loss:
    """The loss of a batch.

    Attributes:
        parts: the terms of the loss: scalars, weighted and summed over the words.
        notes: values that are only reported: scalars, summed over the words.
    """

    parts: dict[str, Tensor]
    notes: dict[str, Tensor] = field(default_factory=dict)


class Objective(Protocol):
    """What a training step minimizes: an object with this method, of any class."""

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """Return the loss of the model's outputs ``words``."""
        ...


def supervised_loss(words: WordOutput, targets: Targets) -> Tensor:
    """Return the negative log-likelihood of the gold labels and of what is known of partial sentences, a sum.

    Raises:
        InputError: there are partial sentences, and the words of the student's head cannot sum over labels.
    """
    loss = words.nll_loss(targets.gold)
    if targets.allowed is None:
        return loss
    marginal_nll_loss = getattr(words, "marginal_nll_loss", None)
    if marginal_nll_loss is None:
        raise InputError(
            f"{type(words).__name__}, the words of this head, has no marginal_nll_loss, and the train sentences are "
            "annotated in part",
            location=Setting("student.head"),
            expected="crf or softmax",
            hint=("or set ", Setting("data.unknown_as"), " to O"),
        )
    partial_loss: Tensor = marginal_nll_loss(targets.allowed, targets.rejected)
    return loss + partial_loss


@dataclass(frozen=True)
class SupervisedObjective:
    """Gold tags alone: the objective of ``transformer_token`` and ``tagger``."""

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """Return the negative log-likelihood of the gold tags."""
        return Loss({"gold": supervised_loss(words, targets)})


def checked_objective(objective: object) -> Objective:
    """Return ``objective`` if it is one.

    Raises:
        TypeError: it has no method ``loss``, or is a class.
    """
    if isinstance(objective, type):
        name = objective.__name__
        raise TypeError(f"objective: found the class {name}; expected an object of it: {name}(...)")
    if not callable(getattr(objective, "loss", None)):
        raise TypeError(
            f"objective: found {type(objective).__name__}; expected a map, or an object with a method "
            "loss(words, targets) that returns nlptrain.Loss"
        )
    return objective  # type: ignore[return-value]  # its method is checked when it returns its first loss


def describe_objective(objective: Objective) -> str:
    """Return what distinguishes ``objective`` from others: its class, its attributes, and a hash of its code."""
    kind = type(objective)
    names = [*getattr(objective, "__dict__", ()), *getattr(kind, "__slots__", ())]
    shown = ", ".join(f"{name}={_describe_value(getattr(objective, name, None))}" for name in sorted(names))
    try:
        code = hashlib.sha256(inspect.getsource(kind).encode()).hexdigest()[:8]
    except (OSError, TypeError):  # a class that was typed into an interpreter
        code = "unknown"
    return f"{kind.__module__}.{kind.__qualname__}({shown}), code {code}"


def _describe_value(value: object) -> str:
    """Return a short text of a value, with a hash if it is shortened."""
    text = repr(value.tolist() if isinstance(value, Tensor) else value)
    text = re.sub(r" at 0x[0-9a-f]+", "", " ".join(text.split()))  # an address is another one in each process
    if len(text) <= 100:
        return text
    return f"{text[:80]}... {hashlib.sha256(text.encode()).hexdigest()[:8]}"


class CheckedObjective:
    """An objective of the user, whose losses are checked."""

    def __init__(self, objective: Objective) -> None:
        """Check ``objective`` from its first loss on."""
        self.objective = objective
        self.is_first = True

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """Return the loss of the objective.

        Raises:
            TypeError: it is no ``Loss`` of scalars.
            InputError: it is not finite for the first batch, or no gradient flows from it to the model.
        """
        name = f"{type(self.objective).__qualname__}.loss"
        loss = self.objective.loss(words, targets)
        expected = "expected nlptrain.Loss({NAME: sum over the words, a scalar tensor})"
        if not isinstance(loss, Loss):
            raise TypeError(f"{name}: found {type(loss).__name__}; {expected}")
        if not loss.parts:
            raise TypeError(f"{name}: found no parts; {expected}")
        for part, value in {**loss.parts, **loss.notes}.items():
            if not isinstance(value, Tensor):
                raise TypeError(f"{name}: found {type(value).__name__} for {part!r}; {expected}")
            if value.dim():
                raise TypeError(f"{name}: found a tensor of shape {list(value.shape)} for {part!r}; {expected}")
        if self.is_first:
            self.is_first = False
            _check_values(loss, name)
        return loss


def _check_values(loss: Loss, name: str) -> None:
    """Check once that the parts are finite, which waits for a GPU, and that the model can learn from them."""
    for part, value in loss.parts.items():
        if not torch.isfinite(value):
            raise InputError(
                f"found {value.item()} for {part!r} in the first batch",
                location=name,
                expected="a finite sum over the words",
                hint="words without a label have the id -100 in targets.gold, and logits where has_teacher is true",
            )
    if not any(value.requires_grad for value in loss.parts.values()):
        raise InputError(
            "no gradient flows from the loss to the model",
            location=name,
            expected="a loss of words.logits, words.nll_loss(...) or words.log_probabilities(...)",
        )
