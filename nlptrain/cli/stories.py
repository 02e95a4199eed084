"""Behind the training commands: open the run, build the models, hand them to the procedures, print the scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import accelerate
import click
import seqeval
import tokenizers
import torch
import transformers

from nlptrain import __version__, procedures
from nlptrain.cli.inputs import data_files, input_hashes, pinned, refuse_bad_files, refuse_own_input
from nlptrain.cli.raw import learnt_from, peek, raw_text, some_words, splitter_of
from nlptrain.config.commands import (
    CommandConfig,
    PseudoLabelRunConfig,
    TaggerConfig,
    TaggerKDConfig,
    TaughtConfig,
    TransformerTokenConfig,
)
from nlptrain.config.student import TransformerStudentConfig, WordEmbedderConfig
from nlptrain.data.splits import Splits, read_splits
from nlptrain.distillation.committee import Committee, refuse_unmapped
from nlptrain.distillation.plan import describe_plan
from nlptrain.distillation.teacher_scheme import shown_scheme
from nlptrain.insight.comparison import sample_of
from nlptrain.labels import Labels
from nlptrain.models import TransformerTokenClassifier, build_student, load_token_model
from nlptrain.run import Run, refuse_imitated
from nlptrain.run_folder import command_line, finished_scores, output_folder
from nlptrain.seeds import beside, refuse_seeds


def run_story(command: str, config: CommandConfig, *, overwrite: bool, workers: int = 1) -> dict[str, Any]:
    """Run ``command``, or find the same run finished; print the scores and return them."""
    folder = Path(config.output_dir)
    config = pinned(config)
    inputs = input_hashes(config)
    refuse_own_input(folder, config)
    refuse_seeds(folder)
    if overwrite:
        refuse_bad_files([folder], config)
    run = Run(
        folder,
        device=config.device,
        precision=config.precision,
        threads=config.threads,
        seed=config.seed or 0,
        workers=workers,
        launched=True,
    )
    refuse_imitated(run.device, getattr(config, "teacher_precision", "fp32"), "teacher_precision")
    held = output_folder(folder, command, config, inputs, overwrite=overwrite)
    with run.handling_signals(), run.processes.led(held):
        scores = run.processes.agreed(lambda: finished_scores(folder))
        if scores is None:
            run.introduce(command)
            run.provenance = _provenance(command, config, run, inputs)
            scores = _STORIES[command](config, run)
        else:
            run.say(f"{folder} is finished; its scores (--overwrite trains it anew):")
    if run.processes.first:
        _print(scores)
    return scores


def _transformer_token(config: TransformerTokenConfig, run: Run) -> dict[str, Any]:
    splits = read_splits(config.data, say=run.say)
    model = TransformerTokenClassifier.from_pretrained(
        config.model, splits.labels, seed=config.seed, language=config.language
    )
    _introduce(run, splits, f"model {config.model}: {model.parameters():,} parameters")
    run.provenance["sample"] = sample_of([sentence.words for sentence in splits.dev])
    return procedures.train_transformer(model, splits, config.train, run)


def _tagger(config: TaggerConfig, run: Run) -> dict[str, Any]:
    splits = read_splits(config.data, say=run.say)
    splitter = splitter_of(config.data)
    text = learnt_from(config, splits, splitter)
    student = build_student(config.student, splits.labels, seed=run.seed, text=text, say=run.say)
    run.provenance["table"] = _table(config, None)
    _introduce(run, splits, f"student: {student.parameters():,} parameters, {_origin(config, None)}")
    if plan := describe_plan(config.train):
        run.say(plan)
    run.provenance["sample"] = sample_of([sentence.words for sentence in splits.dev])
    return procedures.train_tagger(student, splits, config.train, run)


def _taught(config: TaughtConfig, run: Run) -> dict[str, Any]:
    data = config.data
    splitter = splitter_of(data)
    committee = committee_of(config, lambda: some_words(data, splitter), run.device, run.say)
    mapping = data.label_map
    check = None if mapping is None else partial(refuse_unmapped, committee.labels, label_map=mapping)
    splits = read_splits(data, committee.labels, say=run.say, check=check)
    first = committee.members[0].model
    student = build_student(
        config.student,
        committee.labels,
        seed=run.seed,
        teacher=first,
        splitter=splitter,
        text=learnt_from(config, splits, splitter, committee),
        say=run.say,
    )
    run.provenance["table"] = _table(config, config.teacher_list[0].path)
    if committee.labels.guessed:
        run.say(
            f"labels: {committee.labels.scheme} by their names alone; say it in data.teacher_scheme, and the "
            "student's answers will keep to it"
        )
    _introduce(
        run,
        splits,
        f"teacher {', '.join(one.path for one in config.teacher_list)}: {committee.parameters():,} parameters; "
        f"student: {student.parameters():,}, {_origin(config, config.teacher_list[0].path)}",
    )
    if plan := describe_plan(config.train, config.augmenting):
        run.say(plan)
    transfer_dir = Path(config.transfer_dir or beside(Path(config.output_dir)) / "transfer")
    raw = raw_text(data, splits, splitter, run)
    # Speed is measured on the same words whatever became of dev.
    run.provenance["sample"] = sample_of([sentence.words for sentence in splits.dev or peek(data, splitter)])
    arguments = (student, committee, splits, raw, config.objective, config.train, run)  # type: ignore[attr-defined]
    scores: dict[str, Any] = _TAUGHT[type(config)](
        *arguments,
        transfer_dir=transfer_dir,
        teacher_precision=config.teacher_precision,
        augment=config.augmenting,
    )
    return scores


_TAUGHT: dict[type[TaughtConfig], Any] = {
    TaggerKDConfig: procedures.distil_tagger,
    PseudoLabelRunConfig: procedures.pseudo_label,
}


_STORIES: dict[str, Any] = {
    "transformer_token": _transformer_token,
    "tagger": _tagger,
    "tagger_kd": _taught,
    "pseudo_label": _taught,
}


def committee_of(
    config: TaughtConfig,
    words: Callable[[], list[tuple[str, ...]]] | None = None,
    device: torch.device | str = "cpu",
    say: Callable[[str], None] = lambda _: None,
) -> Committee:
    """The teacher or teachers of ``config``, loaded, with the data's names.

    Where a teacher's labels do not tell its scheme, its answers to some sentences do, whose ``words`` are asked for; it
    gives them on ``device``, and what they showed is said.
    """
    data = config.data
    scheme = None if data.teacher_scheme == "auto" else data.teacher_scheme
    known = None if data.labels is None else Labels.named(data.labels, scheme)
    models = [(load_token_model(one.path, labels=known, scheme=scheme), one.weight) for one in config.teacher_list]
    for model, _ in models:
        if model.labels.guessed and words is not None:
            model.to(device)
            model.labels = shown_scheme(model.labels, model.tag(words()))
            model.to("cpu")
            if not model.labels.guessed:
                say(f"labels: {model.labels.scheme}, as the answers of {model.name} show (or data.teacher_scheme)")
    return Committee.of(models, data.label_map)


def _table(config: TaggerConfig | TaughtConfig, teacher: str | None) -> str:
    """What the student's first weights are from, in a word for comparisons."""
    student = config.student
    if student.start is not None:
        return student.start
    if isinstance(student, TransformerStudentConfig):
        return student.model or str(teacher)
    embedder = student.embedder
    if isinstance(embedder, WordEmbedderConfig):
        named = embedder.vectors or (None if embedder.init == "teacher" else embedder.init)
        return named or teacher or "random"
    return embedder.init or teacher or str(student.tokenizer)


def _origin(config: TaggerConfig | TaughtConfig, teacher: str | None) -> str:
    student = config.student
    part = "weights" if student.start is not None or isinstance(student, TransformerStudentConfig) else "table"
    return f"{part} from {_table(config, teacher)}"


def _introduce(run: Run, splits: Splits, models: str) -> None:
    sizes = ", ".join(
        f"{name} {len(part):,} sentences ({sum(len(s.words) for s in part):,} words)"
        for name, part in (("train", splits.train), ("dev", splits.dev), ("test", splits.test))
        if part
    )
    run.say(f"{models}; {len(splits.labels)} labels ({splits.labels.scheme})")
    run.say(f"data: {sizes or 'no gold sentences'}")


def _provenance(command: str, config: CommandConfig, run: Run, inputs: dict[str, str]) -> dict[str, Any]:
    files = data_files(config.data)
    modules = (torch, transformers, accelerate, tokenizers, seqeval)
    scored = {
        "dev": [inputs[str(path)] for path in files.get("dev") or files.get("train") or files["unlabeled"]],
        "test": [inputs[str(path)] for path in files.get("test", [])],
    }
    return {
        "command": command,
        "seed": run.seed,
        "processes": run.processes.count,
        "command_line": command_line(),
        "versions": {"nlptrain": __version__, **{m.__name__: getattr(m, "__version__", "?") for m in modules}},
        "inputs": inputs,
        "scored_files": scored,
    }


def _print(scores: dict[str, Any]) -> None:
    for split in ("dev", "test"):
        if split not in scores:
            continue
        scored = scores[split]
        metric = scored["metric"]
        line = f"{split:5} {metric} {scored[metric]:.4f}"
        if metric == "f1":
            line += f"  precision {scored['precision']:.4f}  recall {scored['recall']:.4f}"
        if teacher := scores.get("teacher"):
            theirs = teacher[split][metric]
            line += f"  teacher {theirs:.4f}" + (f"  share {scored[metric] / theirs:.1%}" if theirs else "")
        click.echo(line)
    click.echo(
        f"{scores['parameters']:,} parameters, {scores['bytes'] / 1e6:.1f} MB; "
        f"best step {scores['best_step']:,} of {scores['steps']:,}"
    )
