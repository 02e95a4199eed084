"""Label sentences with a teacher: compute the logits of the blocks that are not stored yet, and store them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.blocks import Block, cut_blocks
from nlptrain.data.mapped_arrays import mapped_array
from nlptrain.data.sentence import HashSet, Sentence, hash_array
from nlptrain.distillation.block_file import StoredBlock, block_content
from nlptrain.distillation.block_store import DEFAULT_CACHE_GB, BlockStore, StoredBlocks
from nlptrain.distillation.block_use import record_use
from nlptrain.distillation.sealed_files import DamagedFileError
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.distillation.teachers.teacher import Teacher, TeacherLogits
from nlptrain.distillation.text_blocks import TextBlock, all_blocks, not_kept
from nlptrain.distillation.transfer_set import Rows, TeacherLogitsDataset, TransferSet
from nlptrain.errors import InputError, Setting
from nlptrain.run.run import Run

_AHEAD = 2  # blocks that wait for each worker
_LOG_SECONDS = 20


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
) -> TeacherLogitsDataset:
    """Label sentences with each teacher in turn; logits that are stored are not computed again.

    Args:
        ensemble: of the teachers.
        gold: sentences that are labeled, each as often as it is there.
        run: device, workers and processes.
        stores: that of each teacher, see ``open_stores``.
        text: blocks that are labeled after these, without repeated sentences.
        left_out: returns the sentences that are left out of ``text``, after that has been read.

    Returns:
        The sentences of ``gold`` and of ``text``, in this order.
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
    for part, store in zip(ensemble.teachers, stores, strict=True):
        part.teacher.to(run.device)
        source = _stored_by(labeled[0], blocks) if labeled else recorded()
        result = label_blocks(store, chain(map(TextBlock.of, gold_blocks), source), part.teacher, run)
        run.log(f"{part.teacher.name}: {result.describe()}" if len(ensemble.teachers) > 1 else result.describe())
        labeled.append(result)
        part.teacher.to("cpu")
    record_use(folder, run, keys, labeled[0].names)
    rows, weights, synthetic_from = _rows(gold_blocks, gold, blocks, labeled[0], left_out())
    sets = tuple(TransferSet(result.blocks, rows, result.key) for result in labeled)
    return TeacherLogitsDataset(ensemble, sets, weights, synthetic_from)


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
    left_out: Sequence[Sentence],
) -> tuple[Rows, NDArray[np.float32], int]:
    """Return the rows of gold and text, the weight of each, and the index of the first synthetic sentence."""
    ids = {name: index for index, name in enumerate(labeled.names)}
    parts = [
        Rows(np.full(len(block.positions), ids[block.name], np.int32), np.array(block.positions, np.uint16))
        for block in gold_blocks
    ]
    seen = HashSet()
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


@dataclass(frozen=True)
class LabelingResult:
    """The result of ``label_blocks``.

    Attributes:
        key: identifies the teacher.
        names: of the blocks, each once, in the order in which they came.
        blocks: the same, opened when they are read.
        stored: sentences whose logits were stored already.
        computed: sentences whose logits were computed by this process or another one.
        words: of the computed sentences.
        seconds: that labeling took.
    """

    key: str
    names: Sequence[str]
    blocks: StoredBlocks
    stored: int
    computed: int
    words: int
    seconds: float

    @property
    def rate(self) -> float:
        """Computed words per second."""
        return self.words / max(1e-9, self.seconds)

    def describe(self) -> str:
        """Return a line for the log."""
        if not self.computed:
            return f"teacher logits: {self.stored:,} sentences reused, 0 computed (transfer_dir)"
        return (
            f"teacher logits: {self.stored:,} sentences reused, {self.computed:,} computed, {self.words:,} words, "
            f"{self.rate:,.0f} words/s (transfer_dir)"
        )

    def transfer_set(self) -> TransferSet:
        """Return all sentences of the blocks."""
        return TransferSet(self.blocks, Rows.distinct(self.blocks, HashSet()), self.key)


def label_sentences(store: BlockStore, sentences: Iterable[Sentence], teacher: Teacher, run: Run) -> LabelingResult:
    """Compute the logits of the ``sentences`` that have none in ``store``, and store them, see ``label_blocks``."""
    return label_blocks(store, all_blocks(sentences), teacher, run)


def label_blocks(store: BlockStore, blocks: Iterable[TextBlock], teacher: Teacher, run: Run) -> LabelingResult:
    """Compute the logits of the ``blocks`` that are not in ``store``, and store them.

    They are computed by as many processes as ``run`` has workers, or by all processes of a launcher: process k of n
    computes and stores every n-th block.

    Raises:
        InputError: a process of the launcher does not see the store, or a block cannot be read.
    """
    processes = run.processes
    if processes.is_rank_zero or store.remote is not None:
        store.folder.mkdir(parents=True, exist_ok=True)
    with processes.rank_zero_only(store.lock), teacher.labeling(run.workers) as compute:
        if processes.is_rank_zero:
            store.clean_up()
        _check_store_is_seen(store, run)
        progress = _Progress(run)
        are_stored: dict[str, bool] = {}
        waiting: deque[tuple[Block, Callable[[], TeacherLogits]]] = deque()
        for block in blocks:
            if block.name in are_stored:
                continue
            stored = store.find(block.name, run.log)
            are_stored[block.name] = stored is not None
            if stored is not None:
                progress.stored += len(stored)
            elif (len(are_stored) - 1) % processes.world_size == processes.rank:
                loaded = block.load()
                waiting.append((loaded, compute(loaded.sentences)))
            if len(waiting) >= (1 if run.workers == 1 else _AHEAD * run.workers):
                _store_block(store, teacher, *waiting.popleft(), progress)
        while waiting:
            _store_block(store, teacher, *waiting.popleft(), progress)
        processes.barrier()  # until every process has stored its blocks
        for name in [name for name, is_stored in are_stored.items() if not is_stored]:
            progress.add_computed(_open_new(store, name))
    return progress.result(store, list(are_stored))


def _check_store_is_seen(store: BlockStore, run: Run) -> None:
    """Raise if this process does not see the folder of rank 0, which has created it."""
    run.processes.barrier()
    if not store.folder.is_dir():
        raise InputError(
            f"process {run.processes.rank} does not see what rank 0 writes there",
            location=str(store.folder),
            hint=("give all processes the same ", Setting("transfer_dir"), ", e.g. on a shared disk"),
        )


def _store_block(
    store: BlockStore, teacher: Teacher, block: Block, wait: Callable[[], TeacherLogits], progress: _Progress
) -> None:
    content = block_content(block, wait(), len(store.labels), teacher.asked_types, top=store.is_top)
    store.add(block.name, content)
    progress.log(block)


def _open_new(store: BlockStore, name: str) -> StoredBlock:
    """Open a block that has just been stored, by this process or another one."""
    try:
        return store.open(name)
    except (DamagedFileError, FileNotFoundError) as error:
        reason = "missing" if isinstance(error, FileNotFoundError) else f"damaged ({error})"
        raise InputError(
            f"{reason} as soon as it was written", location=str(store.path(name)), hint="check the disk"
        ) from error


class _Progress:
    """Counts sentences and logs the progress every 20 seconds."""

    def __init__(self, run: Run) -> None:
        self.stored = self._own_sentences = self._own_words = self._computed = self._words = 0
        self._run = run
        self._started = self._logged = time.monotonic()

    def log(self, block: Block) -> None:
        """Count the sentences of ``block``, whose logits this process has computed."""
        self._own_sentences += len(block.sentences)
        self._own_words += sum(len(sentence.words) for sentence in block.sentences)
        if time.monotonic() - self._logged > _LOG_SECONDS:
            self._logged = time.monotonic()
            count = self._run.processes.world_size
            sentences, words = self._own_sentences * count, self._own_words * count
            about = "about " if count > 1 else ""
            rate = words / (self._logged - self._started)
            self._run.log(f"teacher logits: {about}{sentences:,} sentences computed so far, {rate:,.0f} words/s")

    def add_computed(self, block: StoredBlock) -> None:
        """Count the sentences of ``block``, whose logits some process has computed."""
        self._computed += len(block)
        self._words += int(block.offsets[-1])

    def result(self, store: BlockStore, names: Sequence[str]) -> LabelingResult:
        """Return the counts."""
        seconds = time.monotonic() - self._started
        blocks = StoredBlocks(store, names)
        return LabelingResult(store.key, names, blocks, self.stored, self._computed, self._words, seconds)
