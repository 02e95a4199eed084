"""Read the gold sentences and build the models of a training command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from nlptrain.config.auto import resolve_auto
from nlptrain.config.commands import CommandConfig, DistillationConfig, StudentCommandConfig, TransformerTokenConfig
from nlptrain.config.student import TransformerStudentConfig
from nlptrain.config.teachers import TEACHERS, TeacherConfig
from nlptrain.data.corpus import scheme_sample, splitter_of
from nlptrain.data.splits import Splits, read_splits
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.distillation.augmentation import describe_auto_sentences
from nlptrain.distillation.teachers import BuildTeacher, Teacher, TeacherContext, TeacherEnsemble
from nlptrain.distillation.teachers.ensemble import check_label_map
from nlptrain.errors import InputError, Setting
from nlptrain.models import NeuralTagger, TokenModel, TransformerTokenClassifier, build_student
from nlptrain.procedures.inputs import training_text
from nlptrain.run.run import Run
from nlptrain.training.loop import describe_auto_steps


@dataclass(frozen=True)
class Setup:
    """What a training command starts with.

    Attributes:
        splits: the gold sentences.
        model: the model to train.
        ensemble: its teacher or teachers; None: there are gold tags alone.
        splitter: splits raw text into words.
    """

    splits: Splits
    model: TokenModel
    ensemble: TeacherEnsemble | None
    splitter: WordSplitter


def set_up(config: CommandConfig, run: Run) -> Setup:
    """Load the teacher, read the gold sentences, build the model to train, and log their sizes.

    Raises:
        InputError: a file or a model is missing or invalid.
    """
    if isinstance(config, StudentCommandConfig):
        return _set_up_student(config, run)
    assert isinstance(config, TransformerTokenConfig)
    splits = read_splits(config.data, log=run.log)
    model = TransformerTokenClassifier.from_pretrained(
        config.model, splits.labels, seed=config.seed, language=config.language
    )
    run.log(f"model: {config.model}, {model.parameters():,} parameters")
    _log_data(splits, run)
    splitter = splitter_of(config.data)
    if splitter.segmenter:
        model.splitter = splitter
    return Setup(splits, model, None, splitter)


def _set_up_student(config: StudentCommandConfig, run: Run) -> Setup:
    ensemble, check = None, None
    if isinstance(config, DistillationConfig):
        ensemble = load_ensemble(config, lambda: scheme_sample(config.data), run.device, run.log)
        if config.data.label_map is not None:
            check = partial(check_label_map, ensemble.labels, label_map=config.data.label_map)
    splits = read_splits(config.data, ensemble.labels if ensemble else None, log=run.log, check=check)
    splitter = splitter_of(config.data)
    student = _build_student(config, splits, splitter, ensemble, seed=run.seed, log=run.log)
    run.provenance["table"] = _initial_weights(config, ensemble)
    _log_student(config, student, ensemble, run)
    _log_data(splits, run)
    return Setup(splits, student, ensemble, splitter)


def load_ensemble(
    config: DistillationConfig,
    sample: Callable[[], list[tuple[str, ...]]] | None = None,
    device: torch.device | str = "cpu",
    log: Callable[[str], None] = lambda _: None,
) -> TeacherEnsemble:
    """Load the teacher or teachers of ``config``, with their labels mapped to those of the data.

    Args:
        config: names the teachers.
        sample: returns sentences for a teacher whose label names fit several tag schemes: its predictions decide.
        device: where it predicts them.
        log: receives the detected scheme.

    Raises:
        InputError: a teacher is missing or invalid, or the labels of several teachers differ.
    """
    context = TeacherContext(config.data, config.teacher_precision, device, sample, log)
    teachers = [(build_teacher(teacher, context), teacher.weight) for teacher in config.teacher_list]
    return TeacherEnsemble.of(teachers, config.data.label_map)


def build_teacher(config: TeacherConfig, context: TeacherContext) -> Teacher:
    """Load the teacher of ``config``.

    Raises:
        InputError: it is missing or invalid, or cannot compute in the precision of ``context``.
    """
    build: BuildTeacher = TEACHERS.load(config.name, TEACHERS[config.name].build)
    teacher = build(config, context)
    if context.precision not in teacher.precisions:
        raise InputError(
            f"found {context.precision}, which {teacher.name} cannot compute in",
            location=Setting("teacher_precision"),
            expected=f"one of {', '.join(teacher.precisions)}",
        )
    return teacher


def describe_student(config: StudentCommandConfig) -> list[str]:
    """Return lines with the values of keys that are `auto`, and with the student's parameters by part and its bytes.

    The student is built as the command builds it: from the teacher or the train files and, if its vocabulary depends
    on the words of the text, from the text.

    Raises:
        InputError: a model or a file that it is built from is missing.
    """
    config, _ = resolve_auto(config)
    ensemble = load_ensemble(config) if isinstance(config, DistillationConfig) else None
    splits = read_splits(config.data, ensemble.labels if ensemble else None, log=lambda _: None)
    lines: list[str] = []
    student = _build_student(config, splits, splitter_of(config.data), ensemble, seed=0, log=lines.append)
    lines += _describe_auto_lengths(config)
    counts: Counter[str] = Counter()
    for name, parameter in student.model.named_parameters():
        counts[name.split(".")[0]] += parameter.numel()
    if isinstance(student.model, NeuralTagger):
        counts[f"head {student.model.config.head['kind']}"] = counts.pop("head")
    parts = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    tensors = [*student.model.parameters(), *student.model.buffers()]
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    line = f"student: {student.parameters():,} parameters ({parts}); {size / 1e6:.1f} MB of weights"
    return [*(line for line in lines if "=auto" in line), line]


def _describe_auto_lengths(config: StudentCommandConfig) -> list[str]:
    """Return lines on the numbers of steps and of synthetic sentences, if the text decides them."""
    augment = config.augmenting if isinstance(config, DistillationConfig) else None
    lines = (describe_auto_sentences(augment), describe_auto_steps(config.train))
    return [line for line in lines if line is not None]


def _build_student(
    config: StudentCommandConfig,
    splits: Splits,
    splitter: WordSplitter,
    ensemble: TeacherEnsemble | None,
    *,
    seed: int,
    log: Callable[[str], None] = lambda _: None,
) -> TokenModel:
    return build_student(
        config.student,
        ensemble.labels if ensemble else splits.labels,
        seed=seed,
        teacher=ensemble.token_model if ensemble else None,
        splitter=splitter if ensemble or splitter.segmenter else None,
        text=training_text(config, splits, splitter, ensemble, log),
        log=log,
    )


def _log_student(config: StudentCommandConfig, student: TokenModel, ensemble: TeacherEnsemble | None, run: Run) -> None:
    if ensemble is not None and isinstance(config, DistillationConfig):
        size = f", {ensemble.parameters():,} parameters" if ensemble.parameters() else ""
        run.log(f"teacher: {ensemble.name}{size}")
        if ensemble.labels.is_guessed:
            run.log(
                f"labels: {ensemble.labels.scheme}, guessed from their names; set data.teacher_scheme so that the "
                "student's predictions follow the scheme"
            )
    is_warm = config.student.init_from is not None or isinstance(config.student, TransformerStudentConfig)
    origin = f"{'weights' if is_warm else 'embeddings'} from {_initial_weights(config, ensemble)}"
    run.log(f"student: {student.parameters():,} parameters, {origin}")
    for line in _describe_auto_lengths(config):
        run.log(line)


def _initial_weights(config: StudentCommandConfig, ensemble: TeacherEnsemble | None) -> str:
    """Return the name of the model or file that the student's first weights are from, or ``random``."""
    student = config.student
    teacher = ensemble.token_model.name if ensemble and ensemble.token_model else None
    if student.init_from is not None:
        return student.init_from
    if isinstance(student, TransformerStudentConfig):
        return student.model or str(teacher)
    return student.embedder.origin(teacher) or str(student.tokenizer)


def _log_data(splits: Splits, run: Run) -> None:
    sizes = ", ".join(
        f"{name} {len(part):,} sentences ({sum(len(sentence.words) for sentence in part):,} words)"
        for name, part in (("train", splits.train), ("dev", splits.dev), ("test", splits.test))
        if part
    )
    run.provenance["data"] = dict(splits.read_counts)
    run.log(f"labels: {len(splits.labels)} ({splits.labels.scheme})")
    run.log(f"data: {sizes or 'no gold sentences'}")
