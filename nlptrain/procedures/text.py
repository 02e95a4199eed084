"""The text of a run: raw sentences to train on, the training text that a vocabulary counts, and small samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from nlptrain.config.commands import DistillationConfig, StudentCommandConfig
from nlptrain.config.data import DataConfig, Split
from nlptrain.data.corpus import Corpus, splitter_of
from nlptrain.data.raw_text import RawCounts, find_tag_column
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits, held_out_hashes
from nlptrain.data.text_files import expand_paths
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.distillation.augmentation import add_synthetic_sentences
from nlptrain.distillation.sampling import agreement_dev_rows
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.run.run import Run

_SCHEME_SENTENCES = 300
_SAMPLE_SENTENCES = 500


def raw_text(data: DataConfig, splits: Splits, splitter: WordSplitter, run: Run | None) -> Iterator[Sentence]:
    """Yield the raw sentences of ``data`` that are not in dev or test, then log their counts.

    Args:
        data: names the files.
        splits: the gold sentences.
        splitter: splits the lines into words.
        run: receives the log lines; None: nothing is logged.
    """
    if data.unlabeled is None:
        return
    counts = RawCounts(data.min_words, data.max_words)
    corpus = Corpus.of(data, "unlabeled")
    yield from corpus.raw(splitter, held_out=held_out_hashes(splits), counts=counts, weights=_weights(data))
    if run is not None:
        run.log(f"raw text: {counts.describe()}")
        if tagged := [f"{path} ({column})" for path in corpus.files if (column := find_tag_column(path))]:
            more = f" and {len(tagged) - 3} more" if len(tagged) > 3 else ""
            run.log(f"raw text: tags of {', '.join(tagged[:3])}{more} are ignored; tags are read from data.train")


def _weights(data: DataConfig) -> dict[Path, float]:
    """Return the weights of the files of raw text whose weight is not 1."""
    weights: dict[Path, float] = {}
    for source in data.sources:
        for path in expand_paths(source.path, key="data.unlabeled"):
            weights.setdefault(path, source.weight)
    return {path: weight for path, weight in weights.items() if weight != 1.0}


def training_text(
    config: StudentCommandConfig, splits: Splits, splitter: WordSplitter, ensemble: TeacherEnsemble | None = None
) -> Callable[[], Iterator[Sentence]]:
    """Return a function that reads, and augments again, all sentences that a student is trained on."""

    def read() -> Iterator[Sentence]:
        data = config.data
        augment = config.augmenting if isinstance(config, DistillationConfig) else None
        yield from splits.train
        dev: set[bytes] = set()
        if not splits.dev:  # it will be taken out of the raw text
            buffer = bytearray()
            for sentence in raw_text(data, splits, splitter, None):
                buffer.extend(sentence.hash())
            hashes = np.frombuffer(buffer, dtype="S16")
            # NumPy drops trailing zero bytes.
            dev.update(value.ljust(16, b"\0") for value in hashes[agreement_dev_rows(hashes)].tolist())
        raw = raw_text(data, splits, splitter, None)
        if ensemble is not None:
            raw = add_synthetic_sentences(raw, augment, splits, ensemble, lambda _: None)
        yield from (sentence for sentence in raw if sentence.hash() not in dev)

    return read


def scheme_sample(data: DataConfig) -> list[tuple[str, ...]]:
    """Return the words of 300 sentences of dev, or else of train or of the raw text."""
    gold: tuple[Split, ...] = ("dev", "train")
    split = next((split for split in gold if getattr(data, split) is not None), None)
    sentences = raw_sample(data) if split is None else Corpus.of(data, split)
    return [sentence.words for sentence in islice(sentences, _SCHEME_SENTENCES)]


def raw_sample(data: DataConfig) -> Iterator[Sentence]:
    """Return the first 500 raw sentences of ``data``."""
    return islice(Corpus.of(data, "unlabeled").raw(splitter_of(data)), _SAMPLE_SENTENCES)
