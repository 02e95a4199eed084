"""What a command works with, built as its configuration says: the gold sentences, the teacher, what is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from rich.console import Console

from nlptrain.config.commands import (
    CommandConfig,
    DistillationConfig,
    StudentCommandConfig,
    TaggerConfig,
    TransformerTokenConfig,
)
from nlptrain.config.student import TransformerStudentConfig, WordEmbedderConfig
from nlptrain.data.corpus import splitter_of
from nlptrain.data.labels import Labels
from nlptrain.data.splits import Splits, read_splits
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.distillation.augmentation import describe_auto_sentences
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble, check_label_map, infer_scheme
from nlptrain.models import TokenModel, TransformerTokenClassifier, build_student, load_token_model
from nlptrain.procedures.text import learned_from, some_words
from nlptrain.run.run import Run
from nlptrain.run.seeds import parent_folder
from nlptrain.training.loop import describe_auto_steps


@dataclass(frozen=True)
class Built:
    """What a command works with.

    Attributes:
        splits: the gold sentences.
        model: what is trained.
        ensemble: what teaches it; None: the gold tags alone.
        splitter: what cuts the raw text into words.
    """

    splits: Splits
    model: TokenModel
    ensemble: TeacherEnsemble | None
    splitter: WordSplitter


def build(config: CommandConfig, run: Run) -> Built:
    """Read the gold sentences of ``config`` and build its models, and say what they are.

    Raises:
        InputError: a file or a model is not there, or not as it should be.
    """
    if isinstance(config, TransformerTokenConfig):
        return _transformer(config, run)
    if isinstance(config, TaggerConfig):
        return _tagger(config, run)
    assert isinstance(config, DistillationConfig)
    return _taught(config, run)


def check_buildable(folders: Iterable[Path], config: CommandConfig) -> None:
    """Build all of it once if one of ``folders`` holds a finished run: what is there must not be lost to a fault.

    Raises:
        InputError: a file or a model is not there, or not as it should be.
    """
    if any((folder / "scores.json").is_file() for folder in folders):
        seeds = config.seeds if isinstance(config, StudentCommandConfig) else None
        seed = seeds[0] if seeds else config.seed or 0
        build(config, Run(None, device=config.device, seed=seed, console=Console(quiet=True), distributed=True))


def transfer_dir(config: DistillationConfig) -> Path:
    """The folder of the teachers' logits."""
    return Path(config.transfer_dir or parent_folder(Path(config.output_dir)) / "transfer")


def _transformer(config: TransformerTokenConfig, run: Run) -> Built:
    splits = read_splits(config.data, log=run.log)
    model = TransformerTokenClassifier.from_pretrained(
        config.model, splits.labels, seed=config.seed, language=config.language
    )
    _introduce(run, splits, f"model {config.model}: {model.parameters():,} parameters")
    return Built(splits, model, None, splitter_of(config.data))


def _tagger(config: TaggerConfig, run: Run) -> Built:
    splits = read_splits(config.data, log=run.log)
    splitter = splitter_of(config.data)
    text = learned_from(config, splits, splitter)
    student = build_student(config.student, splits.labels, seed=run.seed, text=text, log=run.log)
    _introduce_student(config, run, splits, student)
    return Built(splits, student, None, splitter)


def _taught(config: DistillationConfig, run: Run) -> Built:
    data = config.data
    splitter = splitter_of(data)
    ensemble = ensemble_of(config, lambda: some_words(data, splitter), run.device, run.log)
    mapping = data.label_map
    check = None if mapping is None else partial(check_label_map, ensemble.labels, label_map=mapping)
    splits = read_splits(data, ensemble.labels, log=run.log, check=check)
    student = build_student(
        config.student,
        ensemble.labels,
        seed=run.seed,
        teacher=ensemble.teachers[0].model,
        splitter=splitter,
        text=learned_from(config, splits, splitter, ensemble),
        log=run.log,
    )
    if ensemble.labels.guessed:
        run.log(
            f"labels: {ensemble.labels.scheme} by their names alone; say it in data.teacher_scheme, and the "
            "student's answers will keep to it"
        )
    _introduce_student(config, run, splits, student, ensemble)
    return Built(splits, student, ensemble, splitter)


def _introduce_student(
    config: TaggerConfig | DistillationConfig,
    run: Run,
    splits: Splits,
    student: TokenModel,
    ensemble: TeacherEnsemble | None = None,
) -> None:
    """Say what teaches and what learns, for how long, and note in ``run`` where its first weights are from."""
    teachers = [one.path for one in config.teacher_list] if isinstance(config, DistillationConfig) else [None]
    run.provenance["table"] = _table(config, teachers[0])
    size = f"{student.parameters():,} parameters, {_origin(config, teachers[0])}"
    if ensemble is None:
        _introduce(run, splits, f"student: {size}")
    else:
        names = ", ".join(map(str, teachers))
        size = size.replace(" parameters", "", 1)
        _introduce(run, splits, f"teacher {names}: {ensemble.parameters():,} parameters; student: {size}")
    augment = config.augmenting if isinstance(config, DistillationConfig) else None
    for line in (describe_auto_sentences(augment), describe_auto_steps(config.train)):
        if line is not None:
            run.log(line)


def ensemble_of(
    config: DistillationConfig,
    words: Callable[[], list[tuple[str, ...]]] | None = None,
    device: torch.device | str = "cpu",
    log: Callable[[str], None] = lambda _: None,
) -> TeacherEnsemble:
    """The teacher or teachers of ``config``, loaded, with the data's names.

    Where a teacher's labels do not tell its scheme, its answers to some sentences do, whose ``words`` are asked for; it
    gives them on ``device``, and what they showed is said.
    """
    data = config.data
    scheme = None if data.teacher_scheme == "auto" else data.teacher_scheme
    known = None if data.labels is None else Labels.from_names(data.labels, scheme)
    models = [(load_token_model(one.path, labels=known, scheme=scheme), one.weight) for one in config.teacher_list]
    for model, _ in models:
        if model.labels.guessed and words is not None:
            model.to(device)
            model.labels = infer_scheme(model.labels, model.tag(words()))
            model.to("cpu")
            if not model.labels.guessed:
                log(f"labels: {model.labels.scheme}, as the answers of {model.name} show (or data.teacher_scheme)")
    return TeacherEnsemble.of(models, data.label_map)


def _table(config: TaggerConfig | DistillationConfig, teacher: str | None) -> str:
    """What the student's first weights are from, in a word for comparisons."""
    student = config.student
    if student.init_from is not None:
        return student.init_from
    if isinstance(student, TransformerStudentConfig):
        return student.model or str(teacher)
    embedder = student.embedder
    if isinstance(embedder, WordEmbedderConfig):
        named = embedder.vectors or (None if embedder.init == "teacher" else embedder.init)
        return named or teacher or "random"
    return embedder.init or teacher or str(student.tokenizer)


def _origin(config: TaggerConfig | DistillationConfig, teacher: str | None) -> str:
    student = config.student
    part = "weights" if student.init_from is not None or isinstance(student, TransformerStudentConfig) else "table"
    return f"{part} from {_table(config, teacher)}"


def _introduce(run: Run, splits: Splits, models: str) -> None:
    sizes = ", ".join(
        f"{name} {len(part):,} sentences ({sum(len(s.words) for s in part):,} words)"
        for name, part in (("train", splits.train), ("dev", splits.dev), ("test", splits.test))
        if part
    )
    run.log(f"{models}; {len(splits.labels)} labels ({splits.labels.scheme})")
    run.log(f"data: {sizes or 'no gold sentences'}")
