"""Behind the training commands: open the run, build the models, hand them to the procedures, print the scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import accelerate
import click
import seqeval
import tokenizers
import torch
import transformers

from nlptrain import __version__, procedures
from nlptrain.config.commands import (
    CommandConfig,
    PseudoLabelRunConfig,
    TaggerConfig,
    TaggerKDConfig,
    TaughtConfig,
    TransformerTokenConfig,
)
from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Sentence
from nlptrain.data.raw_text import RawCounts, read_raw
from nlptrain.data.splits import Splits, held_out_digests, read_splits
from nlptrain.data.text_files import expand
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.insight.comparison import sample_of
from nlptrain.labels import Labels
from nlptrain.models import TransformerTokenClassifier, build_tagger, load_token_model
from nlptrain.models.sources import resolve
from nlptrain.run import Run
from nlptrain.run_folder import command_line, file_hash, finished_scores, output_folder


def run_story(command: str, config: CommandConfig, *, overwrite: bool) -> None:
    """Run ``command``, or print the scores again if the same run is finished."""
    folder = Path(config.output_dir)
    config = _pinned(config)
    files = _data_files(config.data)
    hashes = {str(path): file_hash(path) for paths in files.values() for path in paths}
    inputs = {**hashes, **_model_hashes(config)}
    _refuse_own_input(folder, config)
    if overwrite and finished_scores(folder) is not None:
        read_splits(config.data, say=lambda _: None)  # bad files must not cost the run that is there
    run = Run(folder, device=config.device, precision=config.precision, threads=config.threads, seed=config.seed)
    with run.handling_signals(), output_folder(folder, command, config, inputs, overwrite=overwrite):
        scores = finished_scores(folder)
        if scores is None:
            run.introduce(command)
            run.provenance = _provenance(command, config, files, inputs)
            scores = _STORIES[command](config, run)
        else:
            run.say(f"{folder} is finished; its scores (--overwrite trains it anew):")
    _print(scores)


def _transformer_token(config: TransformerTokenConfig, run: Run) -> dict[str, Any]:
    splits = read_splits(config.data, say=run.say)
    model = TransformerTokenClassifier.from_pretrained(config.model, splits.labels, seed=config.seed)
    _introduce(run, splits, f"model {config.model}: {model.parameters():,} parameters")
    run.provenance["sample"] = sample_of([sentence.words for sentence in splits.dev])
    return procedures.train_transformer(model, splits, config.train, run)


def _tagger(config: TaggerConfig, run: Run) -> dict[str, Any]:
    splits = read_splits(config.data, say=run.say)
    student = build_tagger(config.student, splits.labels, seed=config.seed)
    run.provenance["table"] = config.student.embedder.init or config.student.tokenizer
    _introduce(run, splits, f"student: {student.parameters():,} parameters, table from {run.provenance['table']}")
    run.provenance["sample"] = sample_of([sentence.words for sentence in splits.dev])
    return procedures.train_tagger(student, splits, config.train, run)


def _taught(config: TaughtConfig, run: Run) -> dict[str, Any]:
    data = config.data
    known = None if data.labels is None else Labels.named(data.labels, None if data.scheme == "auto" else data.scheme)
    teacher = load_token_model(config.teacher, labels=known)
    splits = read_splits(data, teacher.labels, say=run.say)
    splitter = WordSplitter.pretokenized() if data.pretokenized else WordSplitter.default()
    student = build_tagger(config.student, teacher.labels, seed=config.seed, teacher=teacher, splitter=splitter)
    run.provenance["table"] = config.student.embedder.init or config.teacher
    run.provenance["sample"] = sample_of([sentence.words for sentence in splits.dev])
    _introduce(
        run,
        splits,
        f"teacher {config.teacher}: {teacher.parameters():,} parameters; "
        f"student: {student.parameters():,}, table from {run.provenance['table']}",
    )
    transfer_dir = Path(config.transfer_dir or Path(config.output_dir).parent / "transfer")
    raw = _raw(data, splits, splitter, run)
    if isinstance(config, TaggerKDConfig):
        return procedures.distil_tagger(
            student, teacher, splits, raw, config.objective, config.train, run, transfer_dir=transfer_dir
        )
    assert isinstance(config, PseudoLabelRunConfig)
    return procedures.pseudo_label(
        student, teacher, splits, raw, config.objective, config.train, run, transfer_dir=transfer_dir
    )


_STORIES: dict[str, Any] = {
    "transformer_token": _transformer_token,
    "tagger": _tagger,
    "tagger_kd": _taught,
    "pseudo_label": _taught,
}


def _raw(data: DataConfig, splits: Splits, splitter: WordSplitter, run: Run) -> Iterator[Sentence]:
    if data.unlabeled is None:
        return
    counts = RawCounts(data.min_words, data.max_words)
    paths = expand(data.unlabeled, key="data.unlabeled")
    held_out = held_out_digests(splits)
    yield from read_raw(
        paths, splitter, min_words=data.min_words, max_words=data.max_words, held_out=held_out, counts=counts
    )
    run.say(f"raw text: {counts.describe()}")


def _introduce(run: Run, splits: Splits, models: str) -> None:
    sizes = ", ".join(
        f"{name} {len(part):,} sentences ({sum(len(s.words) for s in part):,} words)"
        for name, part in (("train", splits.train), ("dev", splits.dev), ("test", splits.test))
        if part
    )
    run.say(f"{models}; {len(splits.labels)} labels ({splits.labels.scheme})")
    run.say(f"data: {sizes}")


def _pinned(config: CommandConfig) -> CommandConfig:
    """``config`` with Hub names that carry the commit they stand for today."""
    pinned = {key: resolve(getattr(config, key)).pinned for key in ("model", "teacher") if hasattr(config, key)}
    student = getattr(config, "student", None)
    if student is not None:
        embedder = student.embedder
        if embedder.init not in (None, "random"):
            embedder = embedder.model_copy(update={"init": resolve(embedder.init).pinned})
        tokenizer = None if student.tokenizer is None else resolve(student.tokenizer).pinned
        pinned["student"] = student.model_copy(update={"tokenizer": tokenizer, "embedder": embedder})
    return config.model_copy(update=pinned)


def _data_files(data: DataConfig) -> dict[str, list[Path]]:
    splits = ("train", "dev", "test", "unlabeled")
    return {
        split: expand(getattr(data, split), key=f"data.{split}") for split in splits if getattr(data, split) is not None
    }


def _model_hashes(config: CommandConfig) -> dict[str, str]:
    """The hash of each file that decides what the models of ``config`` are."""
    return {
        f"{reference}:{path.name}": file_hash(path)
        for reference in _references(config)
        for pattern in ("*.safetensors", "config.json", "tokenizer*.json")
        for path in sorted(resolve(reference).folder.glob(pattern))
    }


def _references(config: CommandConfig) -> list[str]:
    student = getattr(config, "student", None)
    found = [getattr(config, key) for key in ("model", "teacher") if hasattr(config, key)]
    found += [] if student is None else [student.tokenizer, student.embedder.init]
    return [reference for reference in dict.fromkeys(found) if reference not in (None, "random")]


def _refuse_own_input(folder: Path, config: CommandConfig) -> None:
    for reference in _references(config):
        if folder.resolve() in (resolve(reference).folder.resolve(), resolve(reference).folder.resolve().parent):
            raise InputError(f"output_dir: {folder} holds {reference}, which this run reads; give another --output-dir")


def _provenance(
    command: str, config: CommandConfig, files: dict[str, list[Path]], inputs: dict[str, str]
) -> dict[str, Any]:
    modules = (torch, transformers, accelerate, tokenizers, seqeval)
    scored = {
        "dev": [inputs[str(path)] for path in files.get("dev", files["train"])],
        "test": [inputs[str(path)] for path in files.get("test", [])],
    }
    return {
        "command": command,
        "seed": config.seed,
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
