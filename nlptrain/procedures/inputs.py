"""What a run reads: its configuration with pinned models, its data files, and the hash of every file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nlptrain.config.commands import CommandConfig
from nlptrain.config.data import SPLITS, DataConfig
from nlptrain.config.loading import model_references, with_references
from nlptrain.data.formats.brat import text_file_of
from nlptrain.data.text_files import expand_paths
from nlptrain.errors import InputError, Setting
from nlptrain.models.pretrained import resolve
from nlptrain.run.checksums import file_hash


@dataclass(frozen=True)
class Inputs:
    """What a run reads.

    Attributes:
        config: the configuration, in which Hub names carry their commit.
        files: the files of each split, also the texts that BRAT files annotate.
        model_folders: the folder of each model, by its name in ``config``.
        hashes: the hash of each file that decides what the run computes, of data and of models.
    """

    config: CommandConfig
    files: dict[str, list[Path]]
    model_folders: dict[str, Path]
    hashes: dict[str, str]

    def check_output(self, folder: Path) -> None:
        """Raise if ``folder`` is the output folder of a run whose model is an input.

        Raises:
            InputError: a model would be overwritten.
        """
        for name, model_folder in self.model_folders.items():
            if folder.resolve() in (model_folder.resolve(), model_folder.resolve().parent):
                raise InputError(
                    f"{folder} holds {name}, which this run reads",
                    location=Setting("output_dir"),
                    hint="give another folder",
                )


def read_inputs(config: CommandConfig) -> Inputs:
    """Pin the models of ``config`` and hash every file that it names.

    Raises:
        InputError: a file or a model is missing.
    """
    files = data_files(config.data)
    sources = {key: resolve(reference) for key, reference in model_references(config).items()}
    config = with_references(config, {key: source.pinned for key, source in sources.items()})
    folders = {source.pinned: source.folder for source in sources.values()}
    hashes = {str(path): file_hash(path) for paths in files.values() for path in paths}
    for name, folder in folders.items():
        hashes.update({f"{name}:{path.name}": file_hash(path) for path in _model_files(folder)})
    vectors = getattr(getattr(getattr(config, "student", None), "embedder", None), "vectors", None)
    if vectors is not None:
        hashes[vectors] = file_hash(Path(vectors))
    return Inputs(config, files, folders, hashes)


def data_files(data: DataConfig) -> dict[str, list[Path]]:
    """Return the files of each split that ``data`` names, also the texts that BRAT files annotate."""
    files = {split: expand_paths(paths, key=f"data.{split}") for split in SPLITS if (paths := data.paths_of(split))}
    return {split: [*paths, *filter(None, map(text_file_of, paths))] for split, paths in files.items()}


def _model_files(folder: Path) -> list[Path]:
    """Return the files of a model that decide its logits; with a tokenizer.json, older vocabularies decide nothing."""
    patterns = ["*.safetensors", "config.json", "tokenizer*.json", "words.json"]
    if not (folder / "tokenizer.json").is_file():
        patterns += ["vocab.*", "merges.txt", "*.model"]
    return [path for pattern in patterns for path in sorted(folder.glob(pattern))]
