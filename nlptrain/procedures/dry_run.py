"""Estimate a training command: read all its inputs, label and train for half a minute, and write nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from nlptrain.analysis.profiling import (
    LabelingProfile,
    TrainingProfile,
    memory_now,
    peak_gpu_memory,
    peak_memory,
    profile_labeling,
    profile_training,
)
from nlptrain.config.commands import CommandConfig, DistillationConfig, StudentCommandConfig, TaggerKDConfig
from nlptrain.config.objectives import KLConfig
from nlptrain.config.train import TrainConfig
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.objectives import DistillObjective
from nlptrain.distillation.sampling import agreement_dev_size
from nlptrain.distillation.teachers import Teacher
from nlptrain.procedures.inputs import Inputs, read_inputs
from nlptrain.procedures.models import Setup, set_up
from nlptrain.procedures.student_training import check_distillable
from nlptrain.procedures.text_estimate import TextEstimate, read_text
from nlptrain.procedures.training import config_of_seed, open_run, transfer_dir
from nlptrain.run.finished_run import read_scores
from nlptrain.run.output_folder import check_same_run, has_progress, run_identity
from nlptrain.run.run import Run
from nlptrain.run.seeds import check_not_seeds_folder
from nlptrain.training.loop import steps_between_evaluations
from nlptrain.training.objective import Objective, SupervisedObjective

_LABELING_SECONDS, _TRAINING_SECONDS = 10.0, 15.0
_BYTES_PER_SENTENCE = 24  # while an epoch is planned; all else of a sentence is mapped from files


def estimate_training(
    command: str,
    config: CommandConfig,
    *,
    overwrite: bool = False,
    workers: int = 1,
    report: Callable[[str], None] = print,
) -> None:
    """Report what a training command would read, label and compute, and how long that would take; write nothing.

    Args:
        command: transformer_token, tagger, tagger_kd or pseudo_label.
        config: its configuration, with one seed or several.
        overwrite: whether the run in the output folder would be cleared.
        workers: processes that would label text; the estimate is that of one.
        report: receives the lines of the report as soon as they are known.

    Raises:
        InputError: whatever the training itself would raise before it trains.
    """
    start = time.perf_counter()
    inputs = read_inputs(config)
    config = inputs.config
    configs: list[CommandConfig] = [config]
    if isinstance(config, StudentCommandConfig) and config.seeds:
        configs = [config_of_seed(config, seed) for seed in config.seeds]
    outputs = [_describe_output(command, single, inputs, overwrite=overwrite) for single in configs]
    run = open_run(configs[0], distributed=False)
    with run.handling_signals():
        setup = set_up(config, run)
        if setup.ensemble is not None:
            objective = config.objective if isinstance(config, TaggerKDConfig) else None
            check_distillable(setup.model, setup.ensemble, setup.splits, objective)
        text = read_text(config, setup, run)
        dev_words = _count_dev_words(setup, text)
        for line in _describe_inputs(config, inputs, setup, text):
            report(line)
        read_seconds, memory = time.perf_counter() - start, memory_now()
        labeled, trained = _measure(config, setup, text, run)
    alone = f" (of one process, not of {workers} workers)" if workers > 1 else ""
    report(f"measured  {_describe_speeds(labeled, trained)}{alone}")
    for line in _describe_estimate(config, setup, text, labeled, trained, read_seconds, dev_words, len(configs)):
        report(line)
    report(f"memory    {_describe_memory(setup, text, trained, memory, run)}")
    report(f"writes    {'; '.join(outputs)}; this dry run has written nothing")


def _describe_output(command: str, config: CommandConfig, inputs: Inputs, *, overwrite: bool) -> str:
    """Return the output folder of one run, and what is in it.

    Raises:
        InputError: another run is in it.
    """
    folder = Path(config.output_dir)
    inputs.check_output(folder)
    check_not_seeds_folder(folder)
    if overwrite and has_progress(folder):
        return f"{folder}, replacing the run in it"
    check_same_run(folder, run_identity(command, config, inputs.hashes))
    if read_scores(folder) is not None:
        return f"{folder}, which is finished: its scores would be printed, and nothing computed"
    if has_progress(folder):
        return f"{folder}, whose run would be resumed"
    return str(folder)


def _count_dev_words(setup: Setup, text: TextEstimate) -> int:
    """Return the number of words of dev, or of the raw sentences that become dev."""
    if setup.ensemble is None or setup.splits.dev:
        return _count_words(setup.splits.dev)
    return round(agreement_dev_size(text.raw) * text.sample.words / max(1, text.sample.count))


def _measure(
    config: CommandConfig, setup: Setup, text: TextEstimate, run: Run
) -> tuple[list[LabelingProfile], TrainingProfile]:
    """Label some sentences, and train on them."""
    sentences, logits, labeled = text.sample.sentences, None, []
    objective: Objective = SupervisedObjective()
    if setup.ensemble is not None and isinstance(config, DistillationConfig):
        teachers = [part.teacher for part in setup.ensemble.teachers]
        for teacher in teachers:
            teacher.to(run.device)
            labeled.append(profile_labeling(teacher, sentences, seconds=_LABELING_SECONDS / len(teachers)))
            teacher.to("cpu")
        count = min(len(profile.sentences) for profile in labeled)
        sentences = sentences[:count]
        logits = [
            setup.ensemble.mix([profile.logits[row] for profile in labeled]).astype(np.float16) for row in range(count)
        ]
        # pseudo_label trains on tags instead of logits, which takes as long.
        objective = DistillObjective(config.objective if isinstance(config, TaggerKDConfig) else KLConfig())
    train: TrainConfig = config.train  # type: ignore[attr-defined]
    trained = profile_training(
        setup.model,
        sentences,
        objective,
        train if text.words == text.sample.words else train.for_sampled_text(),
        run,
        logits=logits,
        run_sentences=text.sentences,
        seconds=_TRAINING_SECONDS,
    )
    return labeled, trained


def _describe_inputs(config: CommandConfig, inputs: Inputs, setup: Setup, text: TextEstimate) -> Iterator[str]:
    splits = setup.splits
    for name, part in (("train", splits.train), ("dev", splits.dev), ("test", splits.test)):
        if part:
            origin = _describe_files(inputs.files[name]) if name in inputs.files else "from train"
            yield f"reads     {name}: {len(part):,} sentences, {_count_words(part):,} words ({origin})"
    untagged = text.sample.count - len(splits.train)
    if untagged:
        parts = [f"{text.raw:,} raw ({_describe_files(inputs.files['unlabeled'])})"] if text.raw else []
        parts += [f"{untagged - text.raw:,} synthetic (augment)"] if untagged > text.raw else []
        words = text.sample.words - _count_words(splits.train)
        yield f"reads     without tags: {untagged:,} sentences, {words:,} words: {', '.join(parts)}"
    of_all = "" if text.words == text.sample.words else ", of as many as the training reads (train.steps)"
    if setup.ensemble is not None and isinstance(config, DistillationConfig):
        for weighted, labeling in zip(setup.ensemble.teachers, text.labeling, strict=True):
            yield (
                f"teacher   {weighted.teacher.name}: {labeling.stored:,} sentences are labeled in "
                f"{transfer_dir(config)}, {labeling.missing:,} are not ({labeling.words:,} words){of_all}"
            )


def _describe_speeds(labeled: Sequence[LabelingProfile], trained: TrainingProfile) -> str:
    parts = [f"{profile.words_per_second:,.0f} words/s labeled" for profile in labeled]
    parts.append(f"{trained.seconds_per_step:.3f} s per step of {trained.words_per_step:,.0f} words")
    parts.append(f"{trained.inference_words_per_second:,.0f} words/s predicted")
    return ", ".join(parts)


def _describe_estimate(
    config: CommandConfig,
    setup: Setup,
    text: TextEstimate,
    labeled: Sequence[LabelingProfile],
    trained: TrainingProfile,
    read_seconds: float,
    dev_words: int,
    runs: int,
) -> Iterator[str]:
    """Yield the lines about steps and time."""
    train = config.train  # type: ignore[attr-defined]
    evaluations = math.ceil(
        trained.steps / steps_between_evaluations(train, trained.steps, lambda: round(trained.steps_per_epoch))
    )
    each = f", for each of {runs} seeds" if runs > 1 else ""
    yield (
        f"trains    about {trained.steps:,} steps on {text.sentences:,} sentences, {text.words:,} words{each}; dev is "
        f"scored {evaluations:,} times"
    )
    final_words = dev_words + _count_words(setup.splits.test)
    times = {
        "reading": read_seconds,
        "labeling": sum(
            (part.words + final_words) / speed.words_per_second
            for part, speed in zip(text.labeling, labeled, strict=True)
        ),
        "encoding": runs * trained.encoding_seconds * text.sentences,
        "training": runs * trained.seconds_per_step * trained.steps,
        "evaluation": runs * (dev_words * evaluations + final_words) / trained.inference_words_per_second,
    }
    parts = ", ".join(f"{name} {_format_time(seconds)}" for name, seconds in times.items() if seconds)
    yield f"time      about {_format_time(sum(times.values()))}: {parts}"


def _describe_memory(setup: Setup, text: TextEstimate, trained: TrainingProfile, memory: int, run: Run) -> str:
    """Return the bytes of memory, of the GPU and of the disk; ``memory`` is that of the process after reading."""
    teachers = [] if setup.ensemble is None else [part.teacher for part in setup.ensemble.teachers]
    total = max(peak_memory(), memory + trained.memory_growth) + _BYTES_PER_SENTENCE * text.sentences
    gpu = peak_gpu_memory(run.device)
    missing = [labeling.words for labeling in text.labeling]
    disk = sum(words * _stored_bytes(teacher) for words, teacher in zip(missing, teachers, strict=True))
    of_gpu = f", {_format_size(gpu)} of the GPU" if gpu else ""
    for_logits = f"{_format_size(disk)} for the teacher's logits, " if disk else ""
    encoded = _format_size(trained.bytes_per_sentence * text.sentences)
    return f"at least about {_format_size(total)}{of_gpu}; disk: {for_logits}{encoded} for the encoded text"


def _stored_bytes(teacher: Teacher) -> int:
    """Return the bytes of a word with its logits in the transfer set."""
    return 2 * len(teacher.labels) + 8


def _describe_files(paths: Sequence[Path]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{len(paths)} files"


def _count_words(sentences: Sequence[Sentence]) -> int:
    return sum(len(sentence.words) for sentence in sentences)


def _format_time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _format_size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
