"""The loop: one for every command. ``train_steps`` knows no path and no console; ``fit`` scores, reports and saves."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nlptrain.config.objective import BestBy
from nlptrain.config.train import TrainConfig
from nlptrain.data.batches import BatchPlan
from nlptrain.data.corpus import Sentence
from nlptrain.errors import InputError, Interrupted
from nlptrain.models.inputs import Inputs
from nlptrain.models.token_model import TokenModel
from nlptrain.run import Run
from nlptrain.training.divergence import Logits
from nlptrain.training.examples import NO_LABEL, Examples
from nlptrain.training.judge import Judge
from nlptrain.training.length import describe_length, planned_steps
from nlptrain.training.objective import Objective, Targets
from nlptrain.training.optimizer import MovingAverage, build_optimizer, learning_rate
from nlptrain.training.reporter import Reporter
from nlptrain.training.state import Progress, TrainState


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


@dataclass(frozen=True)
class Fit:
    """What came of a training.

    Attributes:
        steps: optimizer steps done.
        best_step: the step whose weights were kept.
        best_score: their dev score, 0 to 1.
        seconds: time of the loop in this process.
    """

    steps: int
    best_step: int
    best_score: float
    seconds: float


def build_plan(examples: Examples, config: TrainConfig, seed: int) -> tuple[BatchPlan, int]:
    """The batches of a training and the number of its steps."""
    plan = BatchPlan(
        examples.lengths,
        pieces=config.batch_pieces,
        sentences=config.batch_sentences,
        seed=seed,
        focus=examples.focus,
    )
    return plan, planned_steps(plan, config)


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


def fit(
    model: TokenModel,
    examples: Examples,
    dev: Sequence[Sentence],
    objective: Objective,
    config: TrainConfig,
    run: Run,
    *,
    metric: str | None = None,
    teacher: Sequence[Logits] | None = None,
    best_by: BestBy = "score",
) -> Fit:
    """Train ``model``, score it on ``dev`` now and then, and leave it with the weights that were best.

    With a folder, a checkpoint is written with every scoring and when a signal comes; it is found again by the next
    call, which goes on to the same bytes as a run that was never stopped (same machine, CPU, same threads).

    ``metric`` is another name for the dev score, where its tags are not gold; ``teacher`` holds the teacher's logits of
    each dev sentence, [words, C]; ``best_by`` says what is best: the score, or the least divergence from ``teacher``.

    Raises:
        Interrupted: a signal came; the state is saved.
        InputError: the loss is infinite or no number, or a checkpoint stands behind the last step.
    """
    model.to(run.device)
    plan, planned = build_plan(examples, config, run.seed)
    checkpoint = None if run.folder is None else run.folder / "checkpoint.safetensors"
    state = _begun(model, config, run, checkpoint, planned)
    steps = state.progress.steps
    if config.steps == "auto" or plan.focus is not None:  # an epoch then has some sentences twice, and others not
        run.say(describe_length(plan, steps, examples.words))
    started = time.perf_counter()
    every = config.eval_every or len(plan.epoch(0))
    metrics = Metrics(None if run.folder is None else run.folder / "metrics.jsonl", state.progress)
    judge = Judge(model, dev, metric, teacher, best_by)
    with Reporter(run, steps, state.progress) as reporter, run.stopping_between_steps():
        for step in train_steps(model, examples, objective, config, state=state, plan=plan, steps=steps, run=run):
            metrics.add(step)
            reporter.step(step.number, step.words, step.losses)
            if step.number % config.log_every == 0 or step.number == steps:
                _refuse_divergence(metrics.write(step, reporter.words_per_second), step.number)
            if step.number % every == 0 or step.number == steps:
                metrics.write_dev(state.progress.step, judge.look(state, reporter))
                if checkpoint is not None and step.number < steps:
                    state.save(checkpoint)
            try:
                run.check()
            except Interrupted:
                # Only here is the state whole: a second, impatient signal may come anywhere, and then the last
                # checkpoint stays.
                if checkpoint is not None:
                    metrics.settle()
                    state.save(checkpoint)
                raise
    state.restore_best()
    model.model.eval()
    progress = state.progress
    return Fit(progress.step, progress.best_step, progress.best_score, time.perf_counter() - started)


def _begun(model: TokenModel, config: TrainConfig, run: Run, checkpoint: Path | None, steps: int) -> TrainState:
    """The state of a run at its start, or where its checkpoint says that it stood."""
    average = MovingAverage(list(model.model.parameters()), config.ema)
    state = TrainState(
        model.model, build_optimizer(model.model, config), average, Progress(), {}, run.accelerator.scaler
    )
    if checkpoint is not None and checkpoint.is_file():
        state.load(checkpoint)
        # As it was begun: another version may make something else of ``auto``.
        steps = state.progress.steps or steps
        if state.progress.step > steps:
            raise InputError(
                f"{checkpoint}: stands behind step {state.progress.step:,}, and the training would now have {steps:,} "
                "(train.steps); train anew with --overwrite"
            )
        run.say(f"resuming behind step {state.progress.step:,} of {steps:,}")
    state.progress.steps = steps
    return state


def _refuse_divergence(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise InputError(
            f"train: the loss is {loss} behind step {step:,}; what comes of it is no model. Lower train.learning_rate "
            "or train.clip_norm, or give train.warmup_steps more steps, and train anew with --overwrite"
        )


class Metrics:
    """``metrics.jsonl``: a line every few steps, cut back to the checkpoint when a run resumes."""

    def __init__(self, path: Path | None, progress: Progress) -> None:
        """Go on in ``path`` behind the lines that ``progress`` knows of."""
        self.path = path
        self.progress = progress
        self._new: list[dict[str, Tensor]] = []
        if path is not None:
            with path.open("ab") as file:
                file.truncate(progress.metrics_bytes)

    def add(self, step: Step) -> None:
        """Count a step in; its losses stay on the device until they are written."""
        self._new.append(step.losses)
        self.progress.words += step.words

    def settle(self) -> None:
        """Fetch the losses from the device, so that they can be saved."""
        for losses in self._new:
            for name, value in losses.items():
                self.progress.pending.setdefault(name, []).append(float(value))
        self._new = []

    def write(self, step: Step, words_per_second: float) -> float:
        """Write a line with the mean losses since the last one; the answer is the mean of the whole loss."""
        self.settle()
        means = {name: sum(values) / len(values) for name, values in self.progress.pending.items()}
        self._line(
            {
                "step": step.number,
                "epoch": step.epoch,
                **means,
                "learning_rate": step.learning_rate,
                "words": self.progress.words,
                "words_per_second": round(words_per_second),
            }
        )
        self.progress.pending, self.progress.words = {}, 0
        return means["loss"]

    def write_dev(self, step: int, found: dict[str, float]) -> None:
        """A line with what was found on dev."""
        self.settle()
        self._line({"step": step, **found})

    def _line(self, values: dict[str, Any]) -> None:
        if self.path is not None:
            line = (json.dumps(values) + "\n").encode()
            with self.path.open("ab") as file:
                file.write(line)
            self.progress.metrics_bytes += len(line)
