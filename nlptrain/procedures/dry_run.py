"""Behind --dry-run: all that a training does before it trains, half a minute of it, and what follows for the rest."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
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
from nlptrain.config.objective import DistillConfig
from nlptrain.data.sentence import HashSet, Sentence, hash_array
from nlptrain.distillation.augmentation import add_synthetic_sentences
from nlptrain.distillation.logit_store import LogitStore
from nlptrain.distillation.losses import DistillObjective
from nlptrain.distillation.sampling import agreement_dev_size
from nlptrain.distillation.teachers.ensemble import EnsembleTeacher
from nlptrain.procedures.inputs import check_output_is_not_input, data_files, input_hashes, pinned
from nlptrain.procedures.models import Built, build, transfer_dir
from nlptrain.procedures.student_training import check_distillable
from nlptrain.procedures.text import raw_text
from nlptrain.run.finished_run import finished_scores
from nlptrain.run.output_folder import check_same_run, has_progress, run_identity
from nlptrain.run.run import Run, check_native_precision
from nlptrain.run.seeds import check_not_seeds_folder, seed_folder
from nlptrain.training.objective import Objective, SupervisedObjective
from nlptrain.training.tracking import check_trackers

_LABELLING_SECONDS, _TRAINING_SECONDS = 10.0, 15.0
_BLOCK = 1024  # sentences that are looked up at once
_BYTES_A_SENTENCE = 16  # what tells of all text where it is stored, and how often it is drawn


@dataclass
class _Asked:
    """What there is to label, by teacher.

    Attributes:
        found: sentences that are stored.
        missing: those that are not.
        words: of these.
    """

    found: int = 0
    missing: int = 0
    words: int = 0


@dataclass
class _Text:
    """All that is learned from.

    Attributes:
        sample: of it.
        written: raw sentences; all others without tags are made.
        asked: of each teacher.
    """

    sample: Sample = field(default_factory=Sample)
    written: int = 0
    asked: list[_Asked] = field(default_factory=list)

    def counted(self, raw: Iterator[Sentence]) -> Iterator[Sentence]:
        """``raw``, counted as it is read."""
        for sentence in raw:
            self.written += 1
            yield sentence


def dry_run(
    command: str, config: CommandConfig, *, overwrite: bool, workers: int = 1, echo: Callable[[str], None] = print
) -> None:
    """Say what ``command`` would read, find and compute, and about how long it would take; write nothing.

    Several ``workers`` are not tried: their time is that of one.

    Raises:
        InputError: whatever the training itself would raise before it trains.
    """
    began = time.perf_counter()
    config = pinned(config)
    seeds = config.seeds if isinstance(config, StudentCommandConfig) else None
    folders = [seed_folder(Path(config.output_dir), seed) for seed in seeds or ()] or [Path(config.output_dir)]
    state = _state(command, config, folders, seeds=seeds, overwrite=overwrite)
    run = Run(
        None,
        device=config.device,
        precision=config.precision,
        threads=config.threads,
        seed=(seeds or [config.seed or 0])[0],
    )
    check_trackers(config.report_to)
    check_native_precision(run.device, getattr(config, "teacher_precision", "fp32"), "teacher_precision")
    with run.handling_signals():
        made = build(config, run)
        if made.ensemble is not None:
            objective = config.objective if isinstance(config, TaggerKDConfig) else None
            check_distillable(made.model, made.ensemble, made.splits, objective)
        text = _text(config, made, run)
        dev = _dev_words(made, text)
        _echo_reads(config, made, text, echo)
        read, held = time.perf_counter() - began, memory_now()
        labeled, trained = _tried(config, made, text, run)
    alone = f"; --workers {workers} is not tried, the time is that of one" if workers > 1 else ""
    echo(f"measured  {_measured(labeled, trained)}{alone}")
    for line in _estimates(config, made, text, labeled, trained, read, dev, len(folders)):
        echo(line)
    echo(f"memory    {_memory(made, text, trained, held, run)}")
    echo(f"writes    {state}; this dry run has written nothing")


def _state(
    command: str, config: CommandConfig, folders: Sequence[Path], *, seeds: Sequence[int] | None, overwrite: bool
) -> str:
    """What stands in the run's folders, if it may stand there."""
    inputs = input_hashes(config)
    said = []
    for number, folder in enumerate(folders):
        check_output_is_not_input(folder, config)
        if seeds is None:
            check_not_seeds_folder(folder)
            own = config
        else:
            own = config.model_copy(update={"seed": seeds[number], "seeds": None, "output_dir": str(folder)})
        if overwrite and has_progress(folder):
            said.append(f"{folder}, over the run that is there")
            continue
        check_same_run(folder, run_identity(command, own, inputs))
        if finished_scores(folder) is not None:
            said.append(f"{folder}, which is finished: its scores would be printed, and nothing computed")
        elif has_progress(folder):
            said.append(f"{folder}, which was stopped and would go on")
        else:
            said.append(str(folder))
    return "; ".join(said)


def _text(config: CommandConfig, made: Built, run: Run) -> _Text:
    """Read all that is learned from, and look up what of it is labeled."""
    if made.ensemble is None or not isinstance(config, DistillationConfig):
        text = _Text()
        for sentence in made.splits.train:
            text.sample.add(sentence)
        return text
    text = _Text(asked=[_Asked() for _ in made.ensemble.teachers])
    raw = text.counted(raw_text(config.data, made.splits, made.splitter, run))
    augment = config.augmenting if made.splits.dev else None
    sentences = chain(made.splits.train, add_synthetic_sentences(raw, augment, made.splits, made.ensemble, run.log))
    folder, precision = transfer_dir(config), config.teacher_precision
    stores = [LogitStore(folder, teacher.model, precision) for teacher in made.ensemble.teachers]
    seen = HashSet()  # train may have a sentence twice
    for block in _blocks(sentences):
        own = [sentence.hash() for sentence in block]
        first = {digest: number for number, digest in reversed(list(enumerate(own)))}
        digests = hash_array(own)
        before = seen.has(digests).tolist()
        known = [store.contains(digests).tolist() for store in stores]
        seen.add(digests)
        for number, sentence in enumerate(block):
            text.sample.add(sentence)
            repeat = before[number] or first[own[number]] < number
            for asked, stored in zip(text.asked, known, strict=True):
                asked.found += stored[number] and not repeat
                if not stored[number] and not repeat:
                    asked.words += len(sentence.words)
                    asked.missing += 1
    return text


def _dev_words(made: Built, text: _Text) -> int:
    """The words of dev; where there is none, those that are taken out of the raw text."""
    if made.ensemble is None or made.splits.dev:
        return _words(made.splits.dev)
    return round(agreement_dev_size(text.written) * text.sample.words / max(1, text.sample.count))


def _blocks(sentences: Iterator[Sentence]) -> Iterator[list[Sentence]]:
    while block := list(islice(sentences, _BLOCK)):
        yield block


def _tried(config: CommandConfig, made: Built, text: _Text, run: Run) -> tuple[list[LabelingProfile], TrainingProfile]:
    """Label some sentences, and train on them."""
    sentences, logits, labeled = text.sample.sentences, None, []
    objective: Objective = SupervisedObjective()
    if made.ensemble is not None and isinstance(config, DistillationConfig):
        teachers = made.ensemble.teachers
        for teacher in teachers:
            teacher.model.to(run.device)
            seconds = _LABELLING_SECONDS / len(teachers)
            labeled.append(profile_labeling(teacher.model, sentences, config.teacher_precision, seconds=seconds))
            teacher.model.to("cpu")
        count = min(len(one.sentences) for one in labeled)
        sentences = sentences[:count]
        logits = [
            made.ensemble.mix([one.logits[number] for one in labeled]).astype(np.float16) for number in range(count)
        ]
        # pseudo_label's words have a tag in the place of logits, which takes as long.
        objective = DistillObjective(config.objective if isinstance(config, TaggerKDConfig) else DistillConfig())
    trained = profile_training(
        made.model,
        sentences,
        objective,
        config.train,  # type: ignore[attr-defined]
        run,
        logits=logits,
        of=text.sample.count,
        seconds=_TRAINING_SECONDS,
    )
    return labeled, trained


def _echo_reads(config: CommandConfig, made: Built, text: _Text, echo: Callable[[str], None]) -> None:
    files = data_files(config.data)
    splits = made.splits
    for name, part in (("train", splits.train), ("dev", splits.dev), ("test", splits.test)):
        if part:
            where = f"{_files(files[name])}" if name in files else "taken out of train"
            echo(f"reads     {name}: {len(part):,} sentences, {_words(part):,} words ({where})")
    other = text.sample.count - len(splits.train)
    if other:
        kinds = [f"{text.written:,} raw ones ({_files(files['unlabeled'])})"] if text.written else []
        kinds += [f"{other - text.written:,} made ones (augment)"] if other > text.written else []
        words = text.sample.words - _words(splits.train)
        echo(f"reads     without tags: {other:,} sentences, {words:,} words: {' and '.join(kinds)}")
    if made.ensemble is not None and isinstance(config, DistillationConfig):
        for teacher, asked in zip(made.ensemble.teachers, text.asked, strict=True):
            echo(
                f"teacher   {teacher.model.name}: {asked.found:,} sentences are labeled in {transfer_dir(config)}, "
                f"{asked.missing:,} are not ({asked.words:,} words)"
            )


def _measured(labeled: Sequence[LabelingProfile], trained: TrainingProfile) -> str:
    parts = [f"{one.rate:,.0f} words a second labeled" for one in labeled]
    parts.append(f"{trained.step:.3f} s a step of {trained.words:,.0f} words")
    parts.append(f"{trained.answered:,.0f} words a second answered")
    return ", ".join(parts)


def _estimates(
    config: CommandConfig,
    made: Built,
    text: _Text,
    labeled: Sequence[LabelingProfile],
    trained: TrainingProfile,
    read: float,
    dev: int,
    runs: int,
) -> Iterator[str]:
    """Steps and time."""
    train = config.train  # type: ignore[attr-defined]
    sample = text.sample
    scorings = math.ceil(trained.steps / max(1, train.eval_every or round(trained.epoch)))
    again = f", for each of {runs} seeds" if runs > 1 else ""
    yield (
        f"trains    about {trained.steps:,} steps on {sample.count:,} sentences, {sample.words:,} words{again}; dev is "
        f"scored {scorings:,} times"
    )
    scored = dev + _words(made.splits.test)
    label = sum((asked.words + scored) / one.rate for asked, one in zip(text.asked, labeled, strict=True))
    ready = trained.encoding * sample.count
    learn = trained.step * trained.steps
    score = (dev * scorings + scored) / trained.answered
    total = read + label + runs * (ready + learn + score)
    parts = [(read, "to read"), (label, "to label"), (runs * ready, "to make ready"), (runs * learn, "to learn")]
    shown = ", ".join(f"{_time(seconds)} {what}" for seconds, what in [*parts, (runs * score, "to score")] if seconds)
    yield f"time      about {_time(total)}: {shown}"


def _memory(made: Built, text: _Text, trained: TrainingProfile, held: int, run: Run) -> str:
    """What it takes of memory, of a GPU's and of the disk; ``held`` is what was held when all had been read."""
    teachers = () if made.ensemble is None else made.ensemble.teachers
    rest = max(0, text.sample.count - len(text.sample.sentences))
    mapped = sum(_stored(teacher) for teacher in teachers) * text.sample.words
    memory = max(peak_memory(), held + trained.grown) + mapped
    memory += round(rest * (trained.held + (_BYTES_A_SENTENCE if teachers else 0)))
    gpu = peak_gpu_memory(run.device)
    stored = sum(asked.words * _stored(teacher) for asked, teacher in zip(text.asked, teachers, strict=True))
    of_gpu = f", and {_size(gpu)} of the GPU's" if gpu else ""
    on_disk = f"; {_size(stored)} more on the disk for the teacher's logits" if stored else ""
    return f"at least about {_size(memory)}{of_gpu}{on_disk}"


def _stored(teacher: EnsembleTeacher) -> int:
    """The bytes that a word with its logits takes in the transfer set."""
    return 2 * len(teacher.model.labels) + 8


def _files(paths: Sequence[Path]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{len(paths)} files"


def _words(sentences: Sequence[Sentence]) -> int:
    return sum(len(sentence.words) for sentence in sentences)


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
