"""What a run reads: pinned models, data files and the hash of every file; and the text that a student is trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nlptrain.config.auto import Resolved, resolve_auto
from nlptrain.config.commands import CommandConfig, DistillationConfig, StudentCommandConfig
from nlptrain.config.data import SPLITS, DataConfig
from nlptrain.config.loading import file_references, model_references, plugin_code, with_references
from nlptrain.data.corpus import raw_text
from nlptrain.data.formats.registry import files_of
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits, held_out_sentences
from nlptrain.data.text_files import expand_paths
from nlptrain.data.text_ranges import TextFiles
from nlptrain.data.text_sample import sample_text
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.distillation.augmentation import add_synthetic_sentences
from nlptrain.distillation.sampling import AgreementDev
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.errors import InputError, Setting
from nlptrain.models.pretrained import resolve_model
from nlptrain.run.checksums import file_hash

SAMPLE_BYTES = 20_000_000  # of a long text, from which a vocabulary is made; they take about half a minute


@dataclass(frozen=True)
class Inputs:
    """What a run reads.

    Attributes:
        config: the configuration, in which Hub names carry their commit.
        files: the files of each split, also the texts that BRAT files annotate.
        model_folders: the folder of each model, by its name in ``config``.
        hashes: the hash of each file that decides what the run computes, of data and of models.
        resolved: the values of keys that are `auto`, where the configuration decides them.
    """

    config: CommandConfig
    files: dict[str, list[Path]]
    model_folders: dict[str, Path]
    hashes: dict[str, str]
    resolved: dict[str, Resolved] = field(default_factory=dict)

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
    """Resolve what is `auto` in ``config``, pin its models, and hash every file that it names.

    The code of plug-ins that it names is imported, so that an error comes first, and hashed.

    Raises:
        InputError: a file or a model is missing, or a plug-in cannot be imported.
    """
    files = data_files(config.data)
    config, resolved = resolve_auto(config)
    sources = {key: resolve_model(reference) for key, reference in model_references(config).items()}
    config = with_references(config, {key: source.pinned for key, source in sources.items()})
    folders = {source.pinned: source.folder for source in sources.values()}
    hashes = {str(path): file_hash(path) for paths in files.values() for path in paths}
    for name, folder in folders.items():
        hashes.update({f"{name}:{path.name}": file_hash(path) for path in _model_files(folder)})
    hashes.update({path: file_hash(Path(path)) for path in file_references(config).values()})
    hashes.update({f"{path} ({package})": file_hash(file) for path, package, file in plugin_code(config)})
    return Inputs(config, files, folders, hashes, resolved)


def data_files(data: DataConfig) -> dict[str, list[Path]]:
    """Return the files of each split that ``data`` names, also the texts that BRAT files annotate."""
    files = {split: expand_paths(paths, key=f"data.{split}") for split in SPLITS if (paths := data.paths_of(split))}
    others = {split: [file for path in paths for file in files_of(path)[1:]] for split, paths in files.items()}
    return {split: [*paths, *(file for file in others[split] if file.is_file())] for split, paths in files.items()}


def _model_files(folder: Path) -> list[Path]:
    """Return the files of a model that decide its logits; with a tokenizer.json, older vocabularies decide nothing."""
    patterns = ["*.safetensors", "config.json", "tokenizer*.json", "words.json"]
    if not (folder / "tokenizer.json").is_file():
        patterns += ["vocab.*", "merges.txt", "*.model"]
    return [path for pattern in patterns for path in sorted(folder.glob(pattern))]


def training_text(
    config: StudentCommandConfig,
    splits: Splits,
    splitter: WordSplitter,
    ensemble: TeacherEnsemble | None = None,
    log: Callable[[str], None] = lambda _: None,
) -> Callable[[], Iterator[Sentence]]:
    """Return a function that reads, and augments again, the sentences that a student is trained on.

    Of a long text it reads a sample; ``log`` receives a line then.
    """

    def read() -> Iterator[Sentence]:
        data = config.data
        augment = config.augmenting if isinstance(config, DistillationConfig) else None
        yield from splits.train
        held_out = held_out_sentences(splits)
        files = None if data.unlabeled is None else TextFiles.of(data, splitter, held_out)
        is_long = files is not None and files.size > SAMPLE_BYTES

        def raw() -> Iterator[Sentence]:
            return sample_text(files, SAMPLE_BYTES) if files and is_long else raw_text(data, splitter, held_out)

        dev: set[bytes] = set()
        if is_long and files is not None:
            sizes = f"{SAMPLE_BYTES / 1e6:.0f} MB of {files.size / 1e6:,.0f} MB of text"
            log(f"vocabulary: from {sizes}, evenly spread (student.embedder.vocab_size)")
        elif not splits.dev:  # it will be taken out of the raw text
            agreement = AgreementDev()
            for _ in agreement.recorded(raw()):
                pass
            dev = {sentence.hash() for sentence in agreement.sentences()}
        sentences = raw()
        if ensemble is not None:
            sentences = add_synthetic_sentences(sentences, augment, splits, ensemble, lambda _: None)
        yield from (sentence for sentence in sentences if sentence.hash() not in dev)

    return read
