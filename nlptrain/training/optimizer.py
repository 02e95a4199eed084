"""AdamW, the learning-rate schedule, and the moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import assert_never

import torch
from torch import Tensor, nn

from nlptrain.config import auto
from nlptrain.config.train import TrainConfig


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov and Hutter 2019) without weight decay on biases and norms, i.e. on vectors."""
    with_decay = [parameter for parameter in model.parameters() if parameter.requires_grad and parameter.ndim > 1]
    without_decay = [parameter for parameter in model.parameters() if parameter.requires_grad and parameter.ndim <= 1]
    groups = [
        {"params": with_decay, "weight_decay": config.weight_decay},
        {"params": without_decay, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=auto.resolved_number(config.learning_rate, auto.learning_rate()), fused=True)


def learning_rate(step: int, steps: int, config: TrainConfig) -> float:
    """Return the learning rate of ``step`` (counted from 0) of ``steps``: linear warm-up, then the schedule to 0."""
    warmup = steps // 10 if config.warmup_steps is None else config.warmup_steps
    warmup = min(warmup, steps // 2)
    peak = auto.resolved_number(config.learning_rate, auto.learning_rate())
    if step < warmup:
        return peak * (step + 1) / warmup
    share = (step - warmup) / max(1, steps - warmup)
    match config.schedule:
        case "cosine":
            return peak * 0.5 * (1 + math.cos(math.pi * share))
        case "linear":
            return peak * (1 - share)
        case "constant":
            return peak
        case unknown:
            assert_never(unknown)


class MovingAverage:
    """The exponential moving average (EMA) of the weights, which is evaluated and saved.

    Its decay grows from 0 to ``decay`` as (1 + step) / (10 + step), so that the initial weights are soon forgotten
    (as in tf.train.ExponentialMovingAverage).
    """

    def __init__(self, parameters: Iterable[Tensor], decay: float) -> None:
        """Start from the current ``parameters``; with ``decay`` 0 the average is the weights themselves."""
        self.decay = decay
        self.sources = [parameter for parameter in parameters]
        self.values = [parameter.detach().clone() for parameter in self.sources] if decay else self.sources

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Update the average with the weights after ``step``, counted from 1."""
        if self.decay:
            decay = min(self.decay, (1 + step) / (10 + step))
            torch._foreach_lerp_(self.values, [source.detach() for source in self.sources], 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange weights and average: once before an evaluation, once after it."""
        if self.decay:
            for source, value in zip(self.sources, self.values, strict=True):
                kept = source.detach().clone()
                source.copy_(value)
                value.copy_(kept)
