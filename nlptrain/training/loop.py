"""The training loop of all commands: ``fit`` evaluates, reports and saves between optimizer steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from nlptrain.config.objectives import SelectionMetric
from nlptrain.config.train import TrainConfig
from nlptrain.data.batching import BatchPlan, Oversampling
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError, Interrupted, Setting
from nlptrain.models.token_model import TokenModel
from nlptrain.run.run import Run
from nlptrain.training.checkpoint import TrainState, save_checkpoint, start_or_resume
from nlptrain.training.examples import Examples
from nlptrain.training.model_selection import Logits, ModelSelector
from nlptrain.training.objective import Objective
from nlptrain.training.reporter import MetricsLog, Reporter
from nlptrain.training.steps import train_steps
from nlptrain.training.tracking import Trackers

_MAX_EPOCHS = 4  # that a long training has, also where nearly all sentences are oversampled


@dataclass(frozen=True)
class Fit:
    """The result of a training.

    Attributes:
        steps: optimizer steps done.
        best_step: the step whose weights were kept.
        best_score: their dev score, from 0 to 1.
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
    teacher_logits: Sequence[Logits] | None = None,
    selection_metric: SelectionMetric = "score",
) -> Fit:
    """Train ``model``, evaluate it on ``dev`` regularly, and restore its best weights at the end.

    With a run folder, a checkpoint is written at each evaluation and when a signal comes. The next call resumes from
    it with the same result (same machine, threads, processes). Rank 0 evaluates, writes and has the best weights.

    Args:
        model: that is trained; its weights change.
        examples: that it is trained on.
        dev: sentences with gold tags, or with a teacher's.
        objective: computes the loss.
        config: batches, steps, optimizer.
        run: device, precision, folder.
        metric: another name for the dev score; None: its own.
        teacher_logits: of each dev sentence, [words, C]; None without a teacher.
        selection_metric: selects the best weights: the score, or the divergence from ``teacher_logits``.

    Raises:
        Interrupted: a signal came; the state is saved.
        InputError: the loss is not finite, or the checkpoint does not fit this model.
    """
    model.to(run.device)
    plan, steps = build_plan(examples, config, run.seed)
    state = start_or_resume(model, config, run, steps)
    steps = state.progress.steps
    for line in describe_length(plan, config, steps, examples.words):
        run.log(line)
    started = time.perf_counter()
    eval_every = steps_between_evaluations(config, steps, lambda: plan.steps_of_every)
    trackers = Trackers(run.report_to, run.folder, step=state.progress.step, log=run.log)
    metrics = MetricsLog(run.folder / "metrics.jsonl" if run.folder else None, state.progress, trackers, run.log)
    selector = ModelSelector(model, dev, metric, teacher_logits, selection_metric)
    with closing(trackers), Reporter(run, steps, state.progress) as reporter, run.deferring_signals():
        for step in train_steps(model, examples, objective, config, state=state, plan=plan, steps=steps, run=run):
            is_last = step.index == steps
            metrics.add(step)
            reporter.step(step)
            if step.index % config.log_every == 0 or is_last:
                _check_loss_is_finite(metrics.write(step, reporter.speed), step.index)
            if run.processes.is_rank_zero and (step.index % eval_every == 0 or is_last):
                with reporter.pausing():
                    metrics.write_dev(state.progress.step, selector.evaluate(state, reporter))
                    if not is_last:
                        save_checkpoint(state, run)
            _stop_if_asked(run, state, metrics, is_last=is_last)
    if run.processes.is_rank_zero:
        state.restore_best()
    model.model.eval()
    return Fit(state.progress.step, state.progress.best_step, state.progress.best_score, time.perf_counter() - started)


def _stop_if_asked(run: Run, state: TrainState, metrics: MetricsLog, *, is_last: bool) -> None:
    """Save a checkpoint and raise ``Interrupted`` if a signal came."""
    if is_last:
        run.sync_signals()  # signals that one process received while the others went on
    try:
        run.check_interrupted()
    except Interrupted:
        # The state is complete only here. A second signal may come anywhere; then the last checkpoint remains.
        metrics.settle()
        save_checkpoint(state, run)
        raise


def _check_loss_is_finite(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise InputError(
            f"the loss is {loss} after step {step:,}, and the weights are useless",
            location="train",
            hint=(
                "lower ",
                Setting("train.learning_rate"),
                " or ",
                Setting("train.clip_norm"),
                ", or raise ",
                Setting("train.warmup_steps"),
                "; then train again with ",
                Setting("overwrite"),
            ),
        )


def build_plan(examples: Examples, config: TrainConfig, seed: int) -> tuple[BatchPlan, int]:
    """Return the batches of a training and the number of its steps."""
    plan = BatchPlan(
        examples.lengths,
        subwords=config.batch_subwords,
        sentences=config.batch_sentences,
        seed=seed,
        oversampling=examples.oversampling,
    )
    return plan, planned_steps(plan, config)


def planned_steps(plan: BatchPlan, config: TrainConfig) -> int:
    """Return the number of optimizer steps of a training; it does not depend on the seed.

    ``train.steps: auto`` is resolved here.
    """
    if config.epochs is not None:
        return plan.steps_of(config.epochs)
    if config.steps != "auto":
        return int(config.steps or 1)
    return config.auto_length.steps(plan.steps_of_every)


def planned_sentences(
    model: TokenModel, sample: Sequence[Sentence], config: TrainConfig, oversampling: float
) -> int | None:
    """Return the number of distinct sentences that a training of unlimited text reads; None: all, in each epoch.

    With oversampling, a part of what is read is read again.

    Args:
        model: decides the subwords and windows.
        sample: sentences of the text.
        config: steps and batches.
        oversampling: share of the unlabeled sentences of an epoch that are sampled in favor of rare labels.
    """
    if config.epochs is not None or not sample:
        return None
    steps = config.auto_length.max_steps if config.steps == "auto" else config.steps
    if steps is None:
        return None
    if model.featurizer.has_fixed_ids:
        lengths = [len(window.subwords) for sentence in sample for window in model.windows(sentence.words)]
    else:  # there is an id for each word, which would be assigned here
        lengths = [len(sentence.words) for sentence in sample]
    plan = BatchPlan(np.array(lengths), subwords=config.batch_subwords, sentences=config.batch_sentences, seed=0)
    # In so many epochs, the part of each that is not oversampled reads every sentence.
    epochs = math.ceil(1 / (1 - oversampling) - 1e-9) if oversampling < 1 else _MAX_EPOCHS
    return math.ceil(steps * len(sample) / plan.steps_of_every / min(epochs, _MAX_EPOCHS))


def steps_between_evaluations(config: TrainConfig, steps: int, epoch_steps: Callable[[], int]) -> int:
    """Return ``train.eval_every``, or the steps of an epoch; few sentences are not evaluated after each short epoch."""
    if config.eval_every is not None:
        return config.eval_every
    return max(epoch_steps(), steps // config.auto_length.epochs if config.steps == "auto" else 1)


def describe_auto_steps(config: TrainConfig) -> str | None:
    """Return a line for the log on ``train.steps: auto``, before the text is read; None for a fixed number."""
    if config.steps != "auto":
        return None
    return f"train.steps=auto: {config.auto_length.epochs} epochs of the text, {config.auto_length.describe()}"


def describe_length(plan: BatchPlan, config: TrainConfig, steps: int, words: int) -> list[str]:
    """Return lines for the log where ``steps`` or the sentences of an epoch depend on the text."""
    lines = []
    if config.steps == "auto":
        length = config.auto_length
        rule = f"{length.epochs} epochs = {length.epochs * plan.steps_of_every:,} steps, {length.describe()}"
        lines.append(f"train.steps=auto: {steps:,} steps ({rule})")
    if config.steps == "auto" or plan.oversampling is not None:
        sampling = plan.oversampling if plan.oversampling is not None and plan.oversampling.weights.any() else None
        epochs = steps / max(1, plan.steps_of_every)
        lines.append(f"training length: {steps:,} steps, {epochs:,.1f} epochs of {words:,} words")
        if sampling is not None:
            lines.append(_describe_sampling(sampling))
    return lines


def _describe_sampling(sampling: Oversampling) -> str:
    """Return a line for the log on how the sentences without gold tags of an epoch are chosen."""
    by_file = "by the weight of their file (data.unlabeled)"
    if not sampling.share:
        return f"sampling: unlabeled sentences are sampled {by_file}"
    others = "" if sampling.sources is None else f", the others {by_file}"
    return (
        f"oversampling: {sampling.share:.0%} of the unlabeled sentences of an epoch are sampled in favor of labels "
        f"that the teacher rarely predicts (objective.oversampling){others}"
    )
