"""Estimate a training command: read all its inputs, label and train for half a minute, and write nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nlptrain.analysis.profiling import (
    LabelingProfile,
    Sample,
    TrainingProfile,
    memory_now,
    peak_gpu_memory,
    peak_memory,
    profile_labeling,
    profile_training,
)
from nlptrain.config.commands import CommandConfig, DistillationConfig, StudentCommandConfig, TaggerKDConfig
from nlptrain.config.objectives import KLConfig
from nlptrain.data.blocks import Block, cut_blocks
from nlptrain.data.corpus import raw_text
from nlptrain.data.sentence import HashSet, Sentence, hash_array
from nlptrain.data.splits import held_out_sentences
from nlptrain.distillation.augmentation import add_synthetic_sentences
from nlptrain.distillation.labeling import open_stores
from nlptrain.distillation.objectives import DistillObjective
from nlptrain.distillation.sampling import agreement_dev_size
from nlptrain.distillation.teachers import Teacher
from nlptrain.procedures.inputs import Inputs, read_inputs
from nlptrain.procedures.models import Setup, set_up
from nlptrain.procedures.student_training import check_distillable
from nlptrain.procedures.training import config_of_seed, open_run, transfer_dir
from nlptrain.run.finished_run import read_scores
from nlptrain.run.output_folder import check_same_run, has_progress, run_identity
from nlptrain.run.run import Run
from nlptrain.run.seeds import check_not_seeds_folder
from nlptrain.training.loop import steps_between_evaluations
from nlptrain.training.objective import Objective, SupervisedObjective

_LABELING_SECONDS, _TRAINING_SECONDS = 10.0, 15.0
_BYTES_PER_SENTENCE = 16  # of the index and the sampling weights of all text


@dataclass
class _Labeling:
    """What one teacher has to label.

    Attributes:
        stored: number of sentences in the transfer set.
        missing: number of sentences that are not.
        words: number of words of the missing sentences.
    """

    stored: int = 0
    missing: int = 0
    words: int = 0


@dataclass
class _Text:
    """All sentences to train on.

    Attributes:
        sample: a sample of them, and their counts.
        raw: number of raw sentences; the others without tags are synthetic.
        labeling: what each teacher has to label.
    """

    sample: Sample = field(default_factory=Sample)
    raw: int = 0
    labeling: list[_Labeling] = field(default_factory=list)

    def add(self, block: Block, stored: Sequence[Collection[str]]) -> None:
        """Count what each teacher has to label of ``block``, given the names of the blocks that are stored."""
        words = sum(len(sentence.words) for sentence in block.sentences)
        for labeling, names in zip(self.labeling, stored, strict=True):
            is_stored = block.name in names
            labeling.stored += len(block.sentences) * is_stored
            labeling.missing += len(block.sentences) * (not is_stored)
            labeling.words += words * (not is_stored)


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
        text = _read_text(config, setup, run)
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


def _read_text(config: CommandConfig, setup: Setup, run: Run) -> _Text:
    """Read all sentences to train on, and count those that each teacher has labeled already."""
    if setup.ensemble is None or not isinstance(config, DistillationConfig):
        text = _Text()
        for sentence in setup.splits.train:
            text.sample.add(sentence)
        return text
    text = _Text(labeling=[_Labeling() for _ in setup.ensemble.teachers])
    reads_probabilities = config.objective.reads_probabilities  # type: ignore[attr-defined]
    stored = [store.names() for store in open_stores(setup.ensemble, transfer_dir(config), top=reads_probabilities)]
    raw = raw_text(config.data, setup.splitter, held_out_sentences(setup.splits), run.log, to_label=True)
    augment = config.augmenting if setup.splits.dev else None
    for sentence in setup.splits.train:
        text.sample.add(sentence)
    for block in cut_blocks(setup.splits.train):
        text.add(block, stored)
    seen = HashSet()
    for block in cut_blocks(add_synthetic_sentences(raw, augment, setup.splits, setup.ensemble, run.log)):
        text.add(block, stored)
        hashes = hash_array(block.hashes)
        new = np.flatnonzero(~seen.has(hashes)).tolist()
        seen.add(hashes[new])
        text.raw += 0 if block.is_synthetic else len(new)
        for row in new:
            text.sample.add(block.sentences[row])
    return text


def _count_dev_words(setup: Setup, text: _Text) -> int:
    """Return the number of words of dev, or of the raw sentences that become dev."""
    if setup.ensemble is None or setup.splits.dev:
        return _count_words(setup.splits.dev)
    return round(agreement_dev_size(text.raw) * text.sample.words / max(1, text.sample.count))


def _measure(
    config: CommandConfig, setup: Setup, text: _Text, run: Run
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
    trained = profile_training(
        setup.model,
        sentences,
        objective,
        config.train,  # type: ignore[attr-defined]
        run,
        logits=logits,
        run_sentences=text.sample.count,
        seconds=_TRAINING_SECONDS,
    )
    return labeled, trained


def _describe_inputs(config: CommandConfig, inputs: Inputs, setup: Setup, text: _Text) -> Iterator[str]:
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
    if setup.ensemble is not None and isinstance(config, DistillationConfig):
        for weighted, labeling in zip(setup.ensemble.teachers, text.labeling, strict=True):
            yield (
                f"teacher   {weighted.teacher.name}: {labeling.stored:,} sentences are labeled in "
                f"{transfer_dir(config)}, {labeling.missing:,} are not ({labeling.words:,} words)"
            )


def _describe_speeds(labeled: Sequence[LabelingProfile], trained: TrainingProfile) -> str:
    parts = [f"{profile.words_per_second:,.0f} words/s labeled" for profile in labeled]
    parts.append(f"{trained.seconds_per_step:.3f} s per step of {trained.words_per_step:,.0f} words")
    parts.append(f"{trained.inference_words_per_second:,.0f} words/s predicted")
    return ", ".join(parts)


def _describe_estimate(
    config: CommandConfig,
    setup: Setup,
    text: _Text,
    labeled: Sequence[LabelingProfile],
    trained: TrainingProfile,
    read_seconds: float,
    dev_words: int,
    runs: int,
) -> Iterator[str]:
    """Yield the lines about steps and time."""
    train = config.train  # type: ignore[attr-defined]
    sample = text.sample
    evaluations = math.ceil(
        trained.steps / steps_between_evaluations(train, trained.steps, lambda: round(trained.steps_per_epoch))
    )
    each = f", for each of {runs} seeds" if runs > 1 else ""
    yield (
        f"trains    about {trained.steps:,} steps on {sample.count:,} sentences, {sample.words:,} words{each}; dev is "
        f"scored {evaluations:,} times"
    )
    final_words = dev_words + _count_words(setup.splits.test)
    times = {
        "reading": read_seconds,
        "labeling": sum(
            (part.words + final_words) / speed.words_per_second
            for part, speed in zip(text.labeling, labeled, strict=True)
        ),
        "encoding": runs * trained.encoding_seconds * sample.count,
        "training": runs * trained.seconds_per_step * trained.steps,
        "evaluation": runs * (dev_words * evaluations + final_words) / trained.inference_words_per_second,
    }
    parts = ", ".join(f"{name} {_format_time(seconds)}" for name, seconds in times.items() if seconds)
    yield f"time      about {_format_time(sum(times.values()))}: {parts}"


def _describe_memory(setup: Setup, text: _Text, trained: TrainingProfile, memory: int, run: Run) -> str:
    """Return the bytes of memory, of the GPU and of the disk; ``memory`` is that of the process after reading."""
    teachers = [] if setup.ensemble is None else [part.teacher for part in setup.ensemble.teachers]
    not_sampled = max(0, text.sample.count - len(text.sample.sentences))
    mapped = sum(_stored_bytes(teacher) for teacher in teachers) * text.sample.words
    total = max(peak_memory(), memory + trained.memory_growth) + mapped
    total += round(not_sampled * (trained.bytes_per_sentence + (_BYTES_PER_SENTENCE if teachers else 0)))
    gpu = peak_gpu_memory(run.device)
    missing = [labeling.words for labeling in text.labeling]
    disk = sum(words * _stored_bytes(teacher) for words, teacher in zip(missing, teachers, strict=True))
    of_gpu = f", {_format_size(gpu)} of the GPU" if gpu else ""
    on_disk = f"; disk: {_format_size(disk)} for the teacher's logits" if disk else ""
    return f"at least about {_format_size(total)}{of_gpu}{on_disk}"


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
