"""Optimizer steps: what every command's loop is made of; they know no path and no console."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from nlptrain.config.train import TrainConfig
from nlptrain.data.batches import BatchPlan
from nlptrain.models.inputs import Inputs
from nlptrain.models.token_model import TokenModel
from nlptrain.run import Run
from nlptrain.training.examples import NO_LABEL, Examples
from nlptrain.training.objective import Objective, Targets
from nlptrain.training.optimizer import learning_rate
from nlptrain.training.state import TrainState


@dataclass(frozen=True)
class Step:
    """One optimizer step that has been done.

    Attributes:
        number: counted from 1.
        epoch: counted from 0.
        losses: the loss, its weighted parts and its notes, each a mean over the step's words, still on the device.
        words: words that carried a gold tag or a teacher's logits.
        pieces: pieces read, padding included.
        learning_rate: of this step.
    """

    number: int
    epoch: int
    losses: dict[str, Tensor]
    words: int
    pieces: int
    learning_rate: float


def train_steps(
    model: TokenModel,
    examples: Examples,
    objective: Objective,
    config: TrainConfig,
    *,
    state: TrainState,
    plan: BatchPlan,
    steps: int,
    run: Run,
) -> Iterator[Step]:
    """Yield one ``Step`` per optimizer step, from where ``state`` stands up to ``steps``.

    The parts of an objective are sums over words; they are divided once, by the words of the whole step, so the
    gradient does not depend on how the step is cut into micro-batches.
    """
    for number in range(state.progress.step, steps):
        epoch, chosen = plan.batch(number)
        torch.manual_seed((run.seed << 32) + number)  # dropout, too, is a function of seed and step
        model.model.train()
        rate = learning_rate(number, steps, config)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        micro = [part for part in np.array_split(chosen, min(config.micro_batches, len(chosen)))]
        targets = [examples.targets(part) for part in micro]
        words = max(1, sum(_counted(part) for part in targets))
        losses: dict[str, Tensor] = {}
        pieces = 0
        for part, part_targets in zip(micro, targets, strict=True):
            inputs = examples.inputs(part)
            pieces += inputs.named["attention_mask"].numel()
            inputs = replace(inputs, named=model.reader.hide(inputs.named, config.unknown_rate))
            sums = _backward(model, objective, inputs, part_targets, words, run)
            for name, value in sums.items():
                losses[name] = losses.get(name, 0) + value
        _update(state, config.clip_norm)
        yield Step(number + 1, epoch, losses, words, pieces, rate)


def _backward(
    model: TokenModel, objective: Objective, inputs: Inputs, targets: Targets, words: int, run: Run
) -> dict[str, Tensor]:
    device = model.device
    with run.accelerator.autocast():
        output = model.output(inputs.to(device))
    found = objective.loss(output, to_device(targets, device))
    parts = {name: value / words for name, value in found.parts.items()}
    loss = torch.stack(list(parts.values())).sum()
    run.accelerator.backward(loss)
    notes = {name: value / words for name, value in found.notes.items()}
    return {"loss": loss.detach(), **{name: value.detach() for name, value in {**parts, **notes}.items()}}


def _update(state: TrainState, clip_norm: float) -> None:
    if state.scaler is None:
        nn.utils.clip_grad_norm_(state.model.parameters(), clip_norm)
        state.optimizer.step()
    else:
        state.scaler.unscale_(state.optimizer)  # the norm that is cut is the gradient's own
        nn.utils.clip_grad_norm_(state.model.parameters(), clip_norm)
        state.scaler.step(state.optimizer)
        state.scaler.update()
    state.optimizer.zero_grad(set_to_none=True)
    state.progress.step += 1
    state.average.update(state.progress.step)


def to_device(targets: Targets, device: torch.device) -> Targets:
    """``targets`` on ``device``."""
    teacher = None if targets.teacher is None else targets.teacher.to(device)
    return Targets(targets.gold.to(device), targets.pseudo.to(device), teacher, targets.taught.to(device))


def _counted(targets: Targets) -> int:
    return int(((targets.gold != NO_LABEL) | targets.taught).sum())
