"""The training loop of all commands: ``fit`` evaluates, reports and saves between optimizer steps."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from nlptrain.config.objective import SelectionMetric
from nlptrain.config.train import FEWEST_STEPS, MOST_STEPS, PASSES, TrainConfig
from nlptrain.data.batching import BatchPlan
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError, Interrupted
from nlptrain.models.token_model import TokenModel
from nlptrain.run.run import Run
from nlptrain.training.checkpoint import TrainState, save_checkpoint, start_or_resume
from nlptrain.training.examples import Examples
from nlptrain.training.model_selection import Logits, ModelSelector
from nlptrain.training.objective import Objective
from nlptrain.training.reporter import MetricsLog, Reporter
from nlptrain.training.steps import train_steps
from nlptrain.training.tracking import Trackers


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
    selection_metric: SelectionMetric = "score",
) -> Fit:
    """Train ``model``, score it on ``dev`` now and then, and leave it with the weights that were best.

    With a folder, a checkpoint is written with every scoring and when a signal comes; it is found again by the next
    call, which goes on to the same bytes as a run that was never stopped (same machine, CPU, as many threads and
    processes). Of several processes the first one scores and writes, and has the best weights in the end.

    ``metric`` is another name for the dev score, where its tags are not gold; ``teacher`` holds the teacher's logits of
    each dev sentence, [words, C]; ``selection_metric`` is the score, or the divergence from
    ``teacher``.

    Raises:
        Interrupted: a signal came; the state is saved.
        InputError: the loss is infinite or no number, or a checkpoint does not fit or has no checksum.
    """
    model.to(run.device)
    plan, planned = build_plan(examples, config, run.seed)
    state = start_or_resume(model, config, run, planned)
    steps = state.progress.steps
    if (
        config.steps == "auto" or plan.oversampling is not None
    ):  # an epoch then has some sentences twice, and others not
        run.log(describe_length(plan, steps, examples.words))
    started = time.perf_counter()
    every = config.eval_every or len(plan.epoch(0))
    trackers = Trackers(run.report_to, run.folder, step=state.progress.step, log=run.log)
    metrics = MetricsLog(
        None if run.folder is None else run.folder / "metrics.jsonl", state.progress, trackers, run.log
    )
    selector = ModelSelector(model, dev, metric, teacher, selection_metric)
    with closing(trackers), Reporter(run, steps, state.progress) as reporter, run.deferring_signals():
        for step in train_steps(model, examples, objective, config, state=state, plan=plan, steps=steps, run=run):
            metrics.add(step)
            reporter.step(step)
            if step.number % config.log_every == 0 or step.number == steps:
                _check_loss_is_finite(metrics.write(step, reporter.speed), step.number)
            if run.processes.is_rank_zero and (step.number % every == 0 or step.number == steps):
                with reporter.pausing():
                    metrics.write_dev(state.progress.step, selector.evaluate(state, reporter))
                    if step.number < steps:
                        save_checkpoint(state, run)
            _stop_if_asked(run, state, metrics, last=step.number == steps)
    if run.processes.is_rank_zero:
        state.restore_best()
    model.model.eval()
    progress = state.progress
    return Fit(progress.step, progress.best_step, progress.best_score, time.perf_counter() - started)


def _stop_if_asked(run: Run, state: TrainState, metrics: MetricsLog, *, last: bool) -> None:
    if last:
        run.sync_signals()  # what came to a process while the others had gone on
    try:
        run.check_interrupted()
    except Interrupted:
        # Only here is the state whole: a second, impatient signal may come anywhere; then the last checkpoint stays.
        metrics.settle()
        save_checkpoint(state, run)
        raise


def _check_loss_is_finite(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise InputError(
            f"train: the loss is {loss} behind step {step:,}; what comes of it is no model. Lower train.learning_rate "
            "or train.clip_norm, or give train.warmup_steps more steps, and train anew with --overwrite"
        )


def build_plan(examples: Examples, config: TrainConfig, seed: int) -> tuple[BatchPlan, int]:
    """The batches of a training and the number of its steps."""
    plan = BatchPlan(
        examples.lengths,
        subwords=config.batch_subwords,
        sentences=config.batch_sentences,
        seed=seed,
        oversampling=examples.focus,
    )
    return plan, planned_steps(plan, config)


def planned_steps(plan: BatchPlan, config: TrainConfig) -> int:
    """The optimizer steps of a training: what ``config`` says, or, with ``train.steps: auto``, by the text.

    That is ``PASSES`` times as many as read every sentence once, but at least ``FEWEST_STEPS`` and at most
    ``MOST_STEPS``: little text has to be seen often before a student knows it, and of much text it sees enough in less
    than a pass. It does not depend on the seed.
    """
    if config.epochs is not None:
        return plan.steps_of(config.epochs)
    if config.steps != "auto":
        return int(config.steps or 1)
    return by_text(plan.steps_of_every())


def by_text(every: int) -> int:
    """The steps of ``train.steps: auto`` where ``every`` read each sentence once."""
    return min(MOST_STEPS, max(FEWEST_STEPS, PASSES * every))


def describe_length(plan: BatchPlan, steps: int, words: int) -> str:
    """A sentence for the log."""
    passes = steps / max(1, plan.steps_of_every())
    focus = plan.oversampling if plan.oversampling is not None and plan.oversampling.weights.any() else None
    drawn = f", {focus.share:.0%} of it drawn by rare labels" if focus is not None and focus.share else ""
    drawn += ", by the weights of data.unlabeled" if focus is not None and focus.sources is not None else ""
    return f"length: {steps:,} steps, {passes:,.1f} times as much text as there is ({words:,} words){drawn}"


def describe_auto_steps(config: TrainConfig) -> str | None:
    """Return a line for the log on ``train.steps: auto``, before the text is read; None for a fixed number."""
    if config.steps != "auto":
        return None
    return f"train.steps=auto: {PASSES} epochs, clipped to {FEWEST_STEPS:,}..{MOST_STEPS:,} steps"
