"""Optimizer steps: what every command's loop is made of; they know no path and no console."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from nlptrain.config.train import TrainConfig
from nlptrain.data.batching import BatchPlan
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization.inputs import Inputs, move_tensor
from nlptrain.run.run import Run
from nlptrain.training.checkpoint import TrainState
from nlptrain.training.examples import Examples, untaught
from nlptrain.training.objective import Objective, Targets
from nlptrain.training.optimizer import learning_rate

_MIXED = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: what differs in one place then differs in many
_TALL = 4096  # rows of what is taken for a table
_LISTEN = 10  # steps between two looks at signals, where looking waits for a GPU


@dataclass(frozen=True)
class Step:
    """One optimizer step that has been done.

    Attributes:
        number: counted from 1.
        epoch: counted from 0.
        losses: the loss, its weighted parts and its notes, each a mean over the step's words, still on the device.
        words: words of all processes that carried a gold tag or a teacher's logits.
        pieces: pieces read in this process, padding included.
        learning_rate: of this step.
        waited: seconds that this process had no tensors to compute with.
    """

    number: int
    epoch: int
    losses: dict[str, Tensor]
    words: int
    pieces: int
    learning_rate: float
    waited: float


@dataclass(frozen=True)
class Batch:
    """What a step reads.

    Attributes:
        epoch: counted from 0.
        parts: the micro-batches of this process, each with its targets.
        words: words of all processes that carry a gold tag or a teacher's logits, at least 1.
        pieces: pieces in ``parts``, padding included.
    """

    epoch: int
    parts: list[tuple[Inputs, Targets]]
    words: int
    pieces: int


def batches(examples: Examples, plan: BatchPlan, micro_batches: int, run: Run, start: int, end: int) -> Iterator[Batch]:
    """What the steps from ``start`` to ``end``, counted from 0, read in this process, each made when it is asked for.

    The windows of a step are dealt out one by one, so that every process has its part of the long ones.
    """
    own, count = run.processes.rank, run.processes.world_size
    for number in range(start, end):
        epoch, chosen = plan.batch(number)
        share = chosen[own::count]
        micro = np.array_split(share, min(micro_batches, len(share))) if len(share) else [chosen[:1]]
        parts = [(examples.inputs(part), examples.targets(part)) for part in micro]
        if not len(share):  # it answers like the others, and has no say
            parts = [(inputs, untaught(targets)) for inputs, targets in parts]
        pieces = sum(inputs.model_inputs["attention_mask"].numel() for inputs, _ in parts)
        yield Batch(epoch, parts, max(1, int(examples.counted[chosen].sum())), pieces)


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
    read: Iterator[Batch] | None = None,
) -> Iterator[Step]:
    """Yield one ``Step`` per optimizer step, from where ``state`` stands up to ``steps``.

    ``read`` is what they read, if it is there already.

    The parts of an objective are sums over words; they are divided once, by the words of the whole step over all
    processes, and the gradients of all are added up, so it does not depend on how the step is cut into micro-batches or
    shares. Every process then does the same with them.
    """
    made = read or batches(examples, plan, config.micro_batches, run, state.progress.step, steps)
    while state.progress.step < steps:
        number = state.progress.step
        started = time.perf_counter()
        batch = next(made)
        waited = time.perf_counter() - started
        # Dropout, too, is a function of seed and step, and of the process.
        torch.manual_seed(((run.seed << 32) + number) ^ (run.processes.rank * _MIXED % 2**64))
        model.model.train()
        rate = learning_rate(number, steps, config)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        losses: dict[str, Tensor] = {}
        for inputs, targets in batch.parts:
            shown = replace(inputs, model_inputs=model.featurizer.word_dropout(inputs.model_inputs, config.unk_dropout))
            sums = _backward(model, objective, shown, targets, batch.words, run)
            for name, value in sums.items():
                losses[name] = losses.get(name, 0) + value
        if run.processes.world_size > 1:
            losses = _together(state.model, losses, run, listen=model.device.type == "cpu" or number % _LISTEN == 0)
        _update(state, config.clip_norm)
        yield Step(number + 1, batch.epoch, losses, batch.words, batch.pieces, rate, waited)


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


def _together(model: nn.Module, losses: dict[str, Tensor], run: Run, *, listen: bool) -> dict[str, Tensor]:
    """Add up the gradients of all processes, their losses, and the signals that they have had.

    On a CPU, of a table only the rows are sent that a process has read.

    ``listen``: act upon the signals now, for which a GPU has to be waited for.
    """
    # What a net never uses has no gradient in any process, for each has read something.
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    numbers = torch.stack([value.to(gradients[0].dtype) for value in losses.values()])
    heard = torch.tensor(run.received_signals(), dtype=numbers.dtype).to(numbers.device)
    tables = [one for one in gradients if one.device.type == "cpu" and one.ndim == 2 and len(one) >= _TALL]
    read = run.processes.all_reduce_any([(table != 0).any(dim=1) for table in tables])
    rows = [table[where] for table, where in zip(tables, read, strict=True)]
    whole = [one for one in gradients if all(one is not table for table in tables)]
    run.processes.all_reduce([*whole, *rows, numbers, heard])
    for table, where, sums in zip(tables, read, rows, strict=True):
        table[where] = sums
    if listen:
        run.set_shared_signals(heard.tolist())
    return dict(zip(losses, numbers, strict=True))


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
    teacher = None if targets.teacher is None else move_tensor(targets.teacher, device)
    gold, pseudo, taught = (move_tensor(one, device) for one in (targets.gold, targets.pseudo, targets.taught))
    return Targets(gold, pseudo, teacher, taught)
