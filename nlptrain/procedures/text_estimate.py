"""Count the text of a training for a dry run: what there is, what the training reads, and what has to be labeled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from nlptrain.analysis.profiling import Sample
from nlptrain.config.commands import CommandConfig, DistillationConfig
from nlptrain.data.blocks import Block, cut_blocks
from nlptrain.data.corpus import raw_text
from nlptrain.data.sentence import HashSet, Sentence, hash_array
from nlptrain.data.splits import held_out_sentences
from nlptrain.distillation.augmentation import add_synthetic_sentences
from nlptrain.distillation.labeling import open_stores
from nlptrain.distillation.text_blocks import priority
from nlptrain.procedures.models import Setup
from nlptrain.procedures.text_labeling import SAMPLE_SENTENCES, SAMPLING_SEED, TextReading
from nlptrain.procedures.training import transfer_dir
from nlptrain.run.run import Run


@dataclass
class LabelingEstimate:
    """What one teacher has to label.

    Attributes:
        stored: number of sentences in the transfer set.
        missing: number of sentences that are not.
        words: number of words of the missing sentences.
    """

    stored: int = 0
    missing: int = 0
    words: int = 0


class _Size(NamedTuple):
    """The numbers of sentences and words of a block."""

    sentences: int
    words: int


@dataclass
class TextEstimate:
    """All sentences that a training could read.

    Attributes:
        sample: a sample of them, and their counts.
        raw: number of raw sentences; the others without tags are synthetic.
        sentences: those that are trained on.
        words: of these.
        labeling: what each teacher has to label.
    """

    sample: Sample = field(default_factory=Sample)
    raw: int = 0
    sentences: int = 0
    words: int = 0
    labeling: list[LabelingEstimate] = field(default_factory=list)


def read_text(config: CommandConfig, setup: Setup, run: Run) -> TextEstimate:
    """Read all sentences to train on, and count those that each teacher has labeled already."""
    text = TextEstimate()
    for sentence in setup.splits.train:
        text.sample.add(sentence)
    text.sentences, text.words = text.sample.count, text.sample.words
    if setup.ensemble is None or not isinstance(config, DistillationConfig):
        return text
    objective = config.objective  # type: ignore[attr-defined]
    raw = raw_text(config.data, setup.splitter, held_out_sentences(setup.splits), run.log, to_label=True)
    augment = config.augmenting if setup.splits.dev else None
    unlabeled = add_synthetic_sentences(raw, augment, setup.splits, setup.ensemble, run.log)
    sizes, first = _count_unlabeled(unlabeled, text)
    reading = TextReading(setup.model, config.train, objective, augment)
    read = _sampled(sizes, reading.planned(first, text.sentences))
    if len(read) < len(sizes):
        text.sentences += sum(size.sentences for size in read.values())
        text.words += sum(size.words for size in read.values())
    else:
        text.sentences, text.words = text.sample.count, text.sample.words
    gold = {block.name: _size(block) for block in cut_blocks(setup.splits.train)}
    stores = open_stores(setup.ensemble, transfer_dir(config), top=objective.reads_probabilities)
    for stored in (store.names() for store in stores):
        missing = [size for name, size in (gold | read).items() if name not in stored]
        known = sum(size.sentences for name, size in (gold | read).items() if name in stored)
        counts = sum(size.sentences for size in missing), sum(size.words for size in missing)
        text.labeling.append(LabelingEstimate(known, *counts))
    return text


def _count_unlabeled(unlabeled: Iterable[Sentence], text: TextEstimate) -> tuple[dict[str, _Size], list[Sentence]]:
    """Count ``unlabeled`` in ``text``, each sentence once; return the size of each block, and the first sentences."""
    seen = HashSet()
    sizes: dict[str, _Size] = {}
    first: list[Sentence] = []
    for block in cut_blocks(unlabeled):
        sizes[block.name] = _size(block)
        first += block.sentences[: SAMPLE_SENTENCES - len(first)]
        hashes = hash_array(block.hashes)
        new = np.flatnonzero(~seen.has(hashes)).tolist()
        seen.add(hashes[new])
        text.raw += 0 if block.is_synthetic else len(new)
        for row in new:
            text.sample.add(block.sentences[row])
    return sizes, first


def _size(block: Block) -> _Size:
    return _Size(len(block.sentences), sum(len(sentence.words) for sentence in block.sentences))


def _sampled(sizes: dict[str, _Size], planned: int | None) -> dict[str, _Size]:
    """Return the blocks that ``sample_blocks`` would sample."""
    if planned is None:
        return sizes
    sampled: dict[str, _Size] = {}
    count = 0
    for name in sorted(sizes, key=lambda name: priority(name, SAMPLING_SEED)):
        if count >= planned:
            break
        sampled[name] = sizes[name]
        count += sizes[name].sentences
    return sampled
