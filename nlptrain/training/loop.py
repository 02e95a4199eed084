"""The loop: one for every command. ``train_steps`` makes the steps; ``fit`` scores, reports and saves between them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError

from nlptrain.atomic_files import move_aside
from nlptrain.checksums import CHECKPOINT, PREVIOUS, DamagedFile, read_metadata
from nlptrain.config.objective import BestBy
from nlptrain.config.train import TrainConfig
from nlptrain.data.batches import BatchPlan
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError, Interrupted
from nlptrain.models.token_model import TokenModel
from nlptrain.run import Run
from nlptrain.training.divergence import Logits
from nlptrain.training.examples import Examples
from nlptrain.training.length import describe_length, planned_steps
from nlptrain.training.metrics import Metrics
from nlptrain.training.model_selection import ModelSelector
from nlptrain.training.objective import Objective
from nlptrain.training.optimizer import MovingAverage, build_optimizer
from nlptrain.training.reporter import Reporter
from nlptrain.training.state import Progress, TrainState
from nlptrain.training.steps import train_steps
from nlptrain.training.tracking import tracker


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
    call, which goes on to the same bytes as a run that was never stopped (same machine, CPU, as many threads and
    processes). Of several processes the first one scores and writes, and has the best weights in the end.

    ``metric`` is another name for the dev score, where its tags are not gold; ``teacher`` holds the teacher's logits of
    each dev sentence, [words, C]; ``best_by`` says what is best: the score, or the least divergence from ``teacher``.

    Raises:
        Interrupted: a signal came; the state is saved.
        InputError: the loss is infinite or no number, or a checkpoint does not fit or has no checksum.
    """
    model.to(run.device)
    plan, planned = build_plan(examples, config, run.seed)
    state = _begun(model, config, run, planned)
    steps = state.progress.steps
    if config.steps == "auto" or plan.focus is not None:  # an epoch then has some sentences twice, and others not
        run.log(describe_length(plan, steps, examples.words))
    started = time.perf_counter()
    every = config.eval_every or len(plan.epoch(0))
    told = tracker(run.track, run.folder, state.progress.step)
    metrics = Metrics(None if run.folder is None else run.folder / "metrics.jsonl", state.progress, told, run.log)
    selector = ModelSelector(model, dev, metric, teacher, best_by)
    with closing(told), Reporter(run, steps, state.progress) as reporter, run.stopping_between_steps():
        for step in train_steps(model, examples, objective, config, state=state, plan=plan, steps=steps, run=run):
            metrics.add(step)
            reporter.step(step)
            if step.number % config.log_every == 0 or step.number == steps:
                _check_divergence(metrics.write(step, reporter.speed), step.number)
            if run.processes.first and (step.number % every == 0 or step.number == steps):
                with reporter.pausing():
                    metrics.write_dev(state.progress.step, selector.evaluate(state, reporter))
                    if step.number < steps:
                        _save(state, run)
            _stop_if_asked(run, state, metrics, last=step.number == steps)
    if run.processes.first:
        state.restore_best()
    model.model.eval()
    progress = state.progress
    return Fit(progress.step, progress.best_step, progress.best_score, time.perf_counter() - started)


def _stop_if_asked(run: Run, state: TrainState, metrics: Metrics, *, last: bool) -> None:
    if last:
        run.listen()  # what came to a process while the others had gone on
    try:
        run.check()
    except Interrupted:
        # Only here is the state whole: a second, impatient signal may come anywhere; then the last checkpoint stays.
        metrics.settle()
        _save(state, run)
        raise


def _save(state: TrainState, run: Run) -> None:
    """Write a checkpoint and keep the one before it; there is never less than one, nor more than two."""
    if run.folder is None:
        return
    checkpoint, previous = run.folder / CHECKPOINT, run.folder / PREVIOUS
    if checkpoint.is_file():
        checkpoint.replace(previous)
    state.save(checkpoint, run.identity)


def _begun(model: TokenModel, config: TrainConfig, run: Run, steps: int) -> TrainState:
    """The state of a run at its start, or where its checkpoint says that it stood; in all processes the same."""
    run.processes.take_over([parameter.data for parameter in model.model.parameters()])
    average = MovingAverage(list(model.model.parameters()), config.ema)
    state = TrainState(
        model.model, build_optimizer(model.model, config), average, Progress(), {}, run.accelerator.scaler
    )
    checkpoint = None if run.shared is None else run.processes.agreed(lambda: _whole_checkpoint(run))
    if checkpoint is not None:
        if not checkpoint.is_file():
            raise InputError(
                f"{checkpoint}: the first process resumes from it, and process {run.processes.number} does not see it; "
                "all must see the same folders"
            )
        try:
            state.load(checkpoint)
        except (SafetensorError, KeyError, TypeError, RuntimeError) as error:
            raise InputError(
                f"{checkpoint}: does not fit this model ({str(error).splitlines()[0]}); train anew with --overwrite"
            ) from error
        steps = state.progress.steps  # as it was begun: another version may make something else of ``auto``
        run.log(f"resuming behind step {state.progress.step:,} of {steps:,}")
    state.progress.steps = steps
    return state


def _whole_checkpoint(run: Run) -> Path | None:
    """The last checkpoint of ``run`` whose bytes are as they were written; a damaged one is moved aside."""
    assert run.folder is not None
    damaged = False
    for path in (run.folder / CHECKPOINT, run.folder / PREVIOUS):
        if path.is_file():
            try:
                read_metadata(path)
            except DamagedFile as error:
                run.log(f"{path}: is damaged ({error.reason}); moved to {move_aside(path).name}")
                damaged = True
            else:
                return path
    if damaged:
        run.log("no checkpoint is whole: training starts again")
    return None


def _check_divergence(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise InputError(
            f"train: the loss is {loss} behind step {step:,}; what comes of it is no model. Lower train.learning_rate "
            "or train.clip_norm, or give train.warmup_steps more steps, and train anew with --overwrite"
        )
