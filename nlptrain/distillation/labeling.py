"""Label gold sentences and text with an ensemble, and return the sentences with its logits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.blocks import Block, cut_blocks
from nlptrain.data.mapped_arrays import mapped_array
from nlptrain.data.sentence import Sentence, hash_array
from nlptrain.distillation.block_labeling import LabelingResult, failed_hashes, label_blocks
from nlptrain.distillation.block_store import DEFAULT_CACHE_GB, BlockStore, StoredBlocks
from nlptrain.distillation.block_use import record_use
from nlptrain.distillation.engines import LabelingEngine
from nlptrain.distillation.failed_sentences import FILE_NAME, FailedSentence, write_failed
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.distillation.text_blocks import TextBlock, not_kept
from nlptrain.distillation.transfer_set import Rows, TeacherLogitsDataset, TransferSet
from nlptrain.errors import InputError
from nlptrain.run.run import Run


def open_stores(
    ensemble: TeacherEnsemble, folder: str | Path, *, top: bool = False, cache_gb: float = DEFAULT_CACHE_GB
) -> list[BlockStore]:
    """Return the store of each teacher below ``folder``; the other arguments are those of ``BlockStore``."""
    return [BlockStore(folder, part.teacher, top=top, cache_gb=cache_gb) for part in ensemble.teachers]


def label_with_ensemble(
    ensemble: TeacherEnsemble,
    gold: Sequence[Sentence],
    run: Run,
    stores: Sequence[BlockStore],
    *,
    text: Iterable[TextBlock] = (),
    left_out: Callable[[], Sequence[Sentence]] = tuple,
    engine: LabelingEngine | None = None,
) -> TeacherLogitsDataset:
    """Label sentences with each teacher in turn; logits that are stored are not computed again.

    Args:
        ensemble: of the teachers.
        gold: sentences that are labeled, each as often as it is there.
        run: device, workers and processes.
        stores: that of each teacher, see ``open_stores``.
        text: blocks that are labeled after these, without repeated sentences.
        left_out: returns the sentences that are left out of ``text``, after that has been read.
        engine: computes the logits; None: this machine.

    Returns:
        The sentences of ``gold`` and of ``text``, in this order, without those of ``text`` that a teacher fails on.

    Raises:
        InputError: a teacher fails on a gold sentence, or as for ``label_blocks``.
    """
    gold_blocks = list(cut_blocks(gold))
    blocks: list[TextBlock] = []

    def recorded() -> Iterator[TextBlock]:
        for block in text:
            blocks.append(replace(block, load=not_kept))
            yield block

    folder, keys = stores[0].folder.parent, [store.key for store in stores]
    record_use(folder, run, keys, is_labeling=True)
    labeled: list[LabelingResult] = []
    planned = None
    if isinstance(text, Sequence):
        planned = sum(len(block.sentences) for block in gold_blocks) + sum(block.sentences for block in text)
    for part, store in zip(ensemble.teachers, stores, strict=True):
        source = _stored_by(labeled[0], blocks) if labeled else recorded()
        every = chain(map(TextBlock.of, gold_blocks), source)
        result = label_blocks(store, every, part.teacher, run, engine, planned=planned)
        run.log(f"{part.teacher.name}: {result.describe()}" if len(ensemble.teachers) > 1 else result.describe())
        labeled.append(result)
    record_use(folder, run, keys, labeled[0].names)
    failed = [item for result in labeled for item in result.failed]
    _check_gold(gold, failed)
    if failed and run.folder is not None:
        write_failed(run.folder / FILE_NAME, failed)
    rows, weights, synthetic_from = _rows(gold_blocks, gold, blocks, labeled[0], failed, left_out())
    sets = tuple(TransferSet(result.blocks, rows, result.key) for result in labeled)
    return TeacherLogitsDataset(ensemble, sets, weights, synthetic_from)


def _check_gold(gold: Sequence[Sentence], failed: Sequence[FailedSentence]) -> None:
    """Raise if a teacher has failed on a gold sentence, which the training cannot omit."""
    reasons = {item.sentence.hash(): item for item in failed}
    for sentence in gold if reasons else ():
        if item := reasons.get(sentence.hash()):
            raise InputError(
                f"{item.teacher} failed on this gold sentence: {item.reason}",
                location=sentence.where,
                hint="remove the sentence, or use another teacher",
            )


def _stored_by(labeled: LabelingResult, blocks: Iterable[TextBlock]) -> Iterator[TextBlock]:
    """Yield ``blocks``, which the first teacher has labeled, and whose sentences are read from its store."""
    for block in blocks:
        yield replace(block, load=partial(_read_again, labeled.blocks.store, block.name))


def _read_again(store: BlockStore, name: str) -> Block:
    sentences = list(store.open(name).sentences())
    return Block.of(sentences, [sentence.hash() for sentence in sentences])


def _rows(
    gold_blocks: Sequence[Block],
    gold: Sequence[Sentence],
    text: Sequence[TextBlock],
    labeled: LabelingResult,
    failed: Sequence[FailedSentence],
    left_out: Sequence[Sentence],
) -> tuple[Rows, NDArray[np.float32], int]:
    """Return the rows of gold and text, the weight of each, and the index of the first synthetic sentence."""
    ids = {name: index for index, name in enumerate(labeled.names)}
    parts = [
        Rows(np.full(len(block.positions), ids[block.name], np.int32), np.array(block.positions, np.uint16))
        for block in gold_blocks
    ]
    seen = failed_hashes(failed)
    if left_out:
        seen.add(hash_array([sentence.hash() for sentence in left_out]))
    names = [block.name for block in text]
    distinct = Rows.distinct(StoredBlocks(labeled.blocks.store, names), seen)
    of_text = np.array([ids[name] for name in names], np.int32)
    parts.append(Rows(of_text[distinct.block_ids], distinct.rows))
    weights = np.array([block.weight for block in text], np.float32)[distinct.block_ids]
    weights = mapped_array(np.append(np.array([sentence.weight for sentence in gold], np.float32), weights))
    is_synthetic = np.array([block.is_synthetic for block in text], bool)[distinct.block_ids]
    return Rows.joined(parts), weights, len(weights) - int(is_synthetic.sum())
