"""Optimizer steps: the inner part of the training loop, without files or console."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from nlptrain.config import auto
from nlptrain.config.train import TrainConfig
from nlptrain.data.batching import BatchPlan
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization.inputs import Inputs
from nlptrain.run.run import Run
from nlptrain.training.checkpoint import TrainState
from nlptrain.training.examples import Examples
from nlptrain.training.objective import Objective, Targets
from nlptrain.training.optimizer import learning_rate

_GOLDEN_RATIO_64 = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: multiples differ in many bits
_TABLE_ROWS = 4096  # a CPU gradient with at least as many rows is sent row by row
_SIGNAL_STEPS = 10  # steps between two checks for signals on a GPU, where each check waits for the device


@dataclass(frozen=True)
class Step:
    """The result of one optimizer step.

    Attributes:
        index: counted from 1.
        epoch: counted from 0.
        losses: the loss, its weighted parts and its notes, each a mean over the step's words, still on the device.
        words: words of all processes that have a target.
        subwords: subwords that this process computed, padding included.
        learning_rate: of this step.
        waited: seconds until the batch was ready.
    """

    index: int
    epoch: int
    losses: dict[str, Tensor]
    words: int
    subwords: int
    learning_rate: float
    waited: float


@dataclass(frozen=True)
class Batch:
    """The batch of one step.

    Attributes:
        epoch: counted from 0.
        micro_batches: of this process, each with its targets.
        words: words of all processes that have a target, at least 1.
        subwords: in ``micro_batches``, padding included.
    """

    epoch: int
    micro_batches: list[tuple[Inputs, Targets]]
    words: int
    subwords: int


def batches(examples: Examples, plan: BatchPlan, micro_batches: int, run: Run, start: int, end: int) -> Iterator[Batch]:
    """Yield the batches of this process for the steps from ``start`` to ``end``, counted from 0.

    The windows of a step are dealt out one by one, so that every process gets its share of the long ones.
    """
    rank, count = run.processes.rank, run.processes.world_size
    for step in range(start, end):
        epoch, windows = plan.batch(step)
        share = windows[rank::count]
        chunks = np.array_split(share, min(micro_batches, len(share))) if len(share) else [windows[:1]]
        parts = [(examples.inputs(chunk), examples.targets(chunk)) for chunk in chunks]
        if not len(share):  # this process must compute something, but its loss is 0
            parts = [(inputs, targets.masked()) for inputs, targets in parts]
        subwords = sum(inputs.model_inputs["attention_mask"].numel() for inputs, _ in parts)
        yield Batch(epoch, parts, max(1, int(examples.target_words[windows].sum())), subwords)


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
    prepared: Iterator[Batch] | None = None,
) -> Iterator[Step]:
    """Yield one ``Step`` per optimizer step, from the progress of ``state`` up to ``steps``.

    The parts of an objective are sums over words. They are divided once, by the words of the whole step over all
    processes, and the gradients of all processes are summed, so that the result does not depend on how the step is cut
    into micro-batches or shares. Every process then makes the same update.

    ``prepared`` holds the batches if they exist already.
    """
    unk_dropout = auto.resolved_number(config.unk_dropout, auto.unk_dropout())
    clip_norm = auto.resolved_number(config.clip_norm, auto.clip_norm())
    prepared = prepared or batches(examples, plan, config.micro_batches, run, state.progress.step, steps)
    while state.progress.step < steps:
        step = state.progress.step
        started = time.perf_counter()
        batch = next(prepared)
        waited = time.perf_counter() - started
        # Dropout, too, is a function of seed, step and process.
        torch.manual_seed(((run.seed << 32) + step) ^ (run.processes.rank * _GOLDEN_RATIO_64 % 2**64))
        model.model.train()
        rate = learning_rate(step, steps, config)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        losses: dict[str, Tensor] = {}
        for inputs, targets in batch.micro_batches:
            visible = replace(inputs, model_inputs=model.featurizer.word_dropout(inputs.model_inputs, unk_dropout))
            sums = _backward(model, objective, visible, targets, batch.words, run)
            for name, value in sums.items():
                losses[name] = losses.get(name, 0) + value
        if run.processes.world_size > 1:
            check_signals = model.device.type == "cpu" or step % _SIGNAL_STEPS == 0
            losses = _all_reduce(state.model, losses, run, check_signals=check_signals)
        _update(state, clip_norm)
        yield Step(step + 1, batch.epoch, losses, batch.words, batch.subwords, rate, waited)


def _backward(
    model: TokenModel, objective: Objective, inputs: Inputs, targets: Targets, words: int, run: Run
) -> dict[str, Tensor]:
    """Add the gradients of one micro-batch, and return its loss, parts and notes, divided by ``words``."""
    device = model.device
    with run.accelerator.autocast():
        output = model.output(inputs.to(device))
    result = objective.loss(output, targets.to(device))
    parts = {name: value / words for name, value in result.parts.items()}
    loss = torch.stack(list(parts.values())).sum()
    run.accelerator.backward(loss)
    notes = {name: value / words for name, value in result.notes.items()}
    return {"loss": loss.detach(), **{name: value.detach() for name, value in {**parts, **notes}.items()}}


def _all_reduce(model: nn.Module, losses: dict[str, Tensor], run: Run, *, check_signals: bool) -> dict[str, Tensor]:
    """Sum the gradients, losses and received signals of all processes; return the sums of the losses.

    On a CPU, only those rows of a table are sent that some process has read.

    ``check_signals``: stop now if a signal came, which waits for a GPU.
    """
    # A parameter that the model never uses has no gradient in any process, because each process computed something.
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    values = torch.stack([value.to(gradients[0].dtype) for value in losses.values()])
    signals = torch.tensor(run.received_signals(), dtype=values.dtype).to(values.device)
    tables = [
        gradient
        for gradient in gradients
        if gradient.device.type == "cpu" and gradient.ndim == 2 and len(gradient) >= _TABLE_ROWS
    ]
    used_rows = run.processes.all_reduce_any([(table != 0).any(dim=1) for table in tables])
    rows = [table[used] for table, used in zip(tables, used_rows, strict=True)]
    others = [gradient for gradient in gradients if all(gradient is not table for table in tables)]
    run.processes.all_reduce([*others, *rows, values, signals])
    for table, used, sums in zip(tables, used_rows, rows, strict=True):
        table[used] = sums
    if check_signals:
        run.set_shared_signals(signals.tolist())
    return dict(zip(losses, values, strict=True))


def _update(state: TrainState, clip_norm: float) -> None:
    """Make the optimizer step."""
    if state.scaler is None:
        nn.utils.clip_grad_norm_(state.model.parameters(), clip_norm)
        state.optimizer.step()
    else:
        state.scaler.unscale_(state.optimizer)  # clip the norm of the real gradient, not of the scaled one
        nn.utils.clip_grad_norm_(state.model.parameters(), clip_norm)
        state.scaler.step(state.optimizer)
        state.scaler.update()
    state.optimizer.zero_grad(set_to_none=True)
    state.progress.step += 1
    state.average.update(state.progress.step)
