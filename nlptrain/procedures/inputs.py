"""What a run reads: its files and models, pinned and hashed, and kept apart from what it writes."""

from __future__ import annotations

from pathlib import Path

from nlptrain.config.commands import CommandConfig
from nlptrain.config.data import SPLITS, DataConfig
from nlptrain.config.references import model_references, with_references
from nlptrain.data.formats.brat import text_file_of
from nlptrain.data.text_files import expand_paths
from nlptrain.errors import InputError
from nlptrain.models.pretrained import resolve
from nlptrain.run.checksums import file_hash


def pinned(config: CommandConfig) -> CommandConfig:
    """``config`` with Hub names that carry the commit they stand for today."""
    names = {key: resolve(reference).pinned for key, reference in model_references(config).items()}
    return with_references(config, names)


def input_hashes(config: CommandConfig) -> dict[str, str]:
    """The hash of each file that ``config`` reads, of data and of models."""
    hashes = {str(path): file_hash(path) for paths in data_files(config.data).values() for path in paths}
    return {**hashes, **_model_hashes(config), **_vector_hash(config)}


def data_files(data: DataConfig) -> dict[str, list[Path]]:
    """The files of each split that ``data`` names."""
    found = {split: expand_paths(paths, key=f"data.{split}") for split in SPLITS if (paths := data.named(split))}
    return {split: [*paths, *filter(None, map(text_file_of, paths))] for split, paths in found.items()}


def _model_hashes(config: CommandConfig) -> dict[str, str]:
    """The hash of each file that decides what the models of ``config`` are."""
    return {
        f"{reference}:{path.name}": file_hash(path)
        for reference in dict.fromkeys(model_references(config).values())
        for path in _deciding(resolve(reference).folder)
    }


def _deciding(folder: Path) -> list[Path]:
    """The files of a model's folder that decide a logit; beside a tokenizer.json, older vocabularies decide nothing."""
    patterns = ["*.safetensors", "config.json", "tokenizer*.json", "words.json"]
    if not (folder / "tokenizer.json").is_file():
        patterns += ["vocab.*", "merges.txt", "*.model"]
    return [path for pattern in patterns for path in sorted(folder.glob(pattern))]


def _vector_hash(config: CommandConfig) -> dict[str, str]:
    vectors = getattr(getattr(getattr(config, "student", None), "embedder", None), "vectors", None)
    return {} if vectors is None else {vectors: file_hash(Path(vectors))}


def check_output_is_not_input(folder: Path, config: CommandConfig) -> None:
    """Keep a run from writing where it reads.

    Raises:
        InputError: ``folder`` holds a model that ``config`` names.
    """
    for reference in model_references(config).values():
        if folder.resolve() in (resolve(reference).folder.resolve(), resolve(reference).folder.resolve().parent):
            raise InputError(f"output_dir: {folder} holds {reference}, which this run reads; give another --output-dir")
