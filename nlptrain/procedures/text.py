"""The raw text of a run: read and weighed, once more for what a vocabulary counts, and a little of it to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from nlptrain.config.commands import DistillationConfig, StudentCommandConfig
from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.raw_text import RawCounts, find_tag_column
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits, held_out_hashes
from nlptrain.data.text_files import expand_paths
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.distillation.augmentation import add_synthetic_sentences
from nlptrain.distillation.sampling import agreement_dev_rows
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.run.run import Run


def raw_text(data: DataConfig, splits: Splits, splitter: WordSplitter, run: Run | None) -> Iterator[Sentence]:
    """The raw sentences of ``data``, none of them of dev or test; ``run`` is told what became of the lines."""
    if data.unlabeled is None:
        return
    counts = RawCounts(data.min_words, data.max_words)
    corpus = _unlabeled(data)
    yield from corpus.raw(splitter, held_out=held_out_hashes(splits), counts=counts, weights=_weights(data))
    if run is not None:
        run.log(f"raw text: {counts.describe()}")
        if tagged := [f"{path} ({column})" for path in corpus.files if (column := find_tag_column(path))]:
            run.log(
                f"raw text: {', '.join(tagged[:3])}{' and others' * (len(tagged) > 3)}: tags are not read here, but in "
                "data.train"
            )


def _weights(data: DataConfig) -> dict[Path, float]:
    """The weight of each file of raw text that has another than 1."""
    found: dict[Path, float] = {}
    for source in data.sources:
        for path in expand_paths(source.path, key="data.unlabeled"):
            found.setdefault(path, source.weight)
    return {path: weight for path, weight in found.items() if weight != 1.0}


def learned_from(
    config: StudentCommandConfig, splits: Splits, splitter: WordSplitter, ensemble: TeacherEnsemble | None = None
) -> Callable[[], Iterator[Sentence]]:
    """How to read all that is learned from, which is read or made once more for it; dev is not in it."""
    data = config.data
    augment = config.augmenting if isinstance(config, DistillationConfig) else None

    def read() -> Iterator[Sentence]:
        yield from splits.train
        dev: set[bytes] = set()
        if not splits.dev:  # it will be taken out of the raw text
            every = bytearray()
            for sentence in raw_text(data, splits, splitter, None):
                every.extend(sentence.hash())
            digests = np.frombuffer(every, dtype="S16")
            dev.update(digest.ljust(16, b"\0") for digest in digests[agreement_dev_rows(digests)].tolist())
        raw = raw_text(data, splits, splitter, None)
        if ensemble is not None:
            raw = add_synthetic_sentences(raw, augment, splits, ensemble, lambda _: None)
        yield from (sentence for sentence in raw if sentence.hash() not in dev)

    return read


def some_words(data: DataConfig, splitter: WordSplitter) -> list[tuple[str, ...]]:
    """The words of 300 sentences of dev, or else of train, or of the raw text."""
    key = next((key for key in ("dev", "train") if getattr(data, key) is not None), None)
    sentences = peek(data, splitter) if key is None else Corpus(getattr(data, key), data, key=f"data.{key}")
    return [sentence.words for sentence in islice(sentences, 300)]


def peek(data: DataConfig, splitter: WordSplitter) -> Iterator[Sentence]:
    """The first 500 raw sentences of ``data``."""
    yield from islice(_unlabeled(data).raw(splitter), 500)


def _unlabeled(data: DataConfig) -> Corpus:
    return Corpus(data.named("unlabeled"), data, key="data.unlabeled")
