"""Label blocks with a teacher: compute the logits of those that are not stored yet, and store them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

from nlptrain.data.sentence import HashSet, Sentence, hash_array
from nlptrain.distillation.block_file import StoredBlock
from nlptrain.distillation.block_store import BlockStore, StoredBlocks
from nlptrain.distillation.engines import LabeledBlock, LabelingEngine, LocalEngine
from nlptrain.distillation.failed_sentences import FILE_NAME, FailedSentence, FailureLimit
from nlptrain.distillation.sealed_files import DamagedFileError
from nlptrain.distillation.teachers.teacher import Teacher
from nlptrain.distillation.text_blocks import TextBlock, all_blocks
from nlptrain.distillation.transfer_set import Rows, TransferSet
from nlptrain.errors import InputError, Setting
from nlptrain.run.run import Run

_LOG_SECONDS = 20


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
        failed: sentences that the teacher failed on, now or before.
    """

    key: str
    names: Sequence[str]
    blocks: StoredBlocks
    stored: int
    computed: int
    words: int
    seconds: float
    failed: Sequence[FailedSentence]

    @property
    def rate(self) -> float:
        """Computed words per second."""
        return self.words / max(1e-9, self.seconds)

    def describe(self) -> str:
        """Return a line for the log."""
        failed = f", {len(self.failed):,} failed ({FILE_NAME})" if self.failed else ""
        if not self.computed:
            return f"teacher logits: {self.stored:,} sentences reused, 0 computed{failed} (transfer_dir)"
        return (
            f"teacher logits: {self.stored:,} sentences reused, {self.computed:,} computed{failed}, "
            f"{self.words:,} words, {self.rate:,.0f} words/s (transfer_dir)"
        )

    def transfer_set(self) -> TransferSet:
        """Return all sentences of the blocks that the teacher has not failed on."""
        return TransferSet(self.blocks, Rows.distinct(self.blocks, failed_hashes(self.failed)), self.key)


def failed_hashes(failed: Iterable[FailedSentence]) -> HashSet:
    """Return the hashes of the sentences ``failed``."""
    hashes = HashSet()
    if listed := [item.sentence.hash() for item in failed]:
        hashes.add(hash_array(listed))
    return hashes


def label_sentences(store: BlockStore, sentences: Iterable[Sentence], teacher: Teacher, run: Run) -> LabelingResult:
    """Compute the logits of the ``sentences`` that have none in ``store``, and store them, see ``label_blocks``."""
    return label_blocks(store, all_blocks(sentences), teacher, run)


def label_blocks(
    store: BlockStore,
    blocks: Iterable[TextBlock],
    teacher: Teacher,
    run: Run,
    engine: LabelingEngine | None = None,
    *,
    planned: int | None = None,
) -> LabelingResult:
    """Compute the logits of the ``blocks`` that are not in ``store``, and store them.

    Args:
        store: that of the teacher.
        blocks: that are labeled.
        teacher: that labels.
        run: logs the progress. Its processes share the blocks: process k of n computes every n-th one.
        engine: computes the logits; None: this machine, with the workers of ``run``.
        planned: the number of sentences of all blocks, for the time that is left; None: unknown.

    Raises:
        InputError: a process of the launcher does not see the store, a block cannot be read, or the teacher fails on
            too many sentences.
    """
    engine = engine or LocalEngine(run.workers, run.device)
    processes = run.processes
    if processes.is_rank_zero or store.remote is not None:
        store.folder.mkdir(parents=True, exist_ok=True)
    with processes.rank_zero_only(store.lock):
        if processes.is_rank_zero:
            store.clean_up()
        _check_store_is_seen(store, run)
        store.remove_stale_copies()
        progress = _Progress(run, engine, teacher.name, planned)
        limit = FailureLimit(run.labeling.max_failed)
        missing = progress.missing(blocks, store, limit)
        with closing(engine.label(store, teacher, missing, limit)) as labeled:
            for block in labeled:
                limit.add(block.sentences, block.failed)
                progress.log(block)
        processes.barrier()  # until every process has stored its blocks
        for name in [name for name, is_stored in progress.are_stored.items() if not is_stored]:
            progress.add_computed(_open_new(store, name))
    result = progress.result(store)
    _check_failures(result, run)
    return result


def _check_failures(result: LabelingResult, run: Run) -> None:
    """Raise if the teacher has failed on too many of all sentences, also if they were stored before."""
    reason = result.failed[-1].reason if result.failed else ""
    FailureLimit(run.labeling.max_failed, result.stored + result.computed, len(result.failed), reason).check()


def _check_store_is_seen(store: BlockStore, run: Run) -> None:
    """Raise if this process does not see the folder of rank 0, which has created it."""
    run.processes.barrier()
    if not store.folder.is_dir():
        raise InputError(
            f"process {run.processes.rank} does not see what rank 0 writes there",
            location=str(store.folder),
            hint=("give all processes the same ", Setting("transfer_dir"), ", e.g. on a shared disk"),
        )


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
    """Finds the blocks that are missing, counts sentences, and logs the progress every 20 seconds.

    Attributes:
        are_stored: whether each block was stored before, by name, in the order in which they came.
        failed: sentences that the teacher failed on, now or before.
    """

    def __init__(self, run: Run, engine: LabelingEngine, teacher: str, planned: int | None) -> None:
        self.are_stored: dict[str, bool] = {}
        self.failed: list[FailedSentence] = []
        self._teacher = teacher
        self._run = run
        self._engine = engine
        self._planned = planned
        self._stored = self._own_sentences = self._own_words = self._own_blocks = self._own_failed = 0
        self._computed = self._words = 0
        self._started = self._logged = time.monotonic()

    def missing(self, blocks: Iterable[TextBlock], store: BlockStore, limit: FailureLimit) -> Iterator[TextBlock]:
        """Yield those of ``blocks`` that this process has to label, or has to have labeled."""
        processes = self._run.processes
        for block in blocks:
            if block.name in self.are_stored:
                continue
            stored = store.find(block.name, self._run.log)
            owner = len(self.are_stored) % processes.world_size if self._engine.shares_blocks else 0
            self.are_stored[block.name] = stored is not None
            if stored is not None:
                self._stored += len(stored)
                limit.sentences += len(stored)
                limit.failed += len(stored.failed)
                self._add_failed(stored)
            elif owner == processes.rank:
                yield block

    def _add_failed(self, block: StoredBlock) -> None:
        self.failed += [
            FailedSentence(self._teacher, block.sentence(row), reason) for row, reason in block.failed.items()
        ]

    def log(self, block: LabeledBlock) -> None:
        """Count the sentences of ``block``, which this process has labeled or has had labeled."""
        self._own_blocks += 1
        self._own_sentences += block.sentences
        self._own_words += block.words
        self._own_failed += len(block.failed)
        if time.monotonic() - self._logged > _LOG_SECONDS:
            self._logged = time.monotonic()
            self._run.log(self._describe(self._logged - self._started))

    def _describe(self, seconds: float) -> str:
        count = self._run.processes.world_size if self._engine.shares_blocks else 1
        about = "about " if count > 1 else ""
        sentences, blocks = self._own_sentences * count, self._own_blocks * count
        parts = [
            f"{about}{sentences:,} sentences computed so far ({blocks:,} blocks)",
            f"{self._own_words * count / seconds:,.0f} words/s",
        ]
        if self._planned is not None and sentences:
            left = max(0, self._planned - self._stored - sentences) * seconds / sentences
            parts.append(f"{timedelta(seconds=round(left))} left")
        if self._own_failed:
            parts.append(f"{self._own_failed * count:,} failed")
        if engine := self._engine.describe():
            parts.append(engine)
        return f"teacher logits: {', '.join(parts)}"

    def add_computed(self, block: StoredBlock) -> None:
        """Count the sentences of ``block``, whose logits some process has computed."""
        self._computed += len(block)
        self._words += int(block.offsets[-1])
        self._add_failed(block)

    def result(self, store: BlockStore) -> LabelingResult:
        """Return the counts."""
        seconds, names = time.monotonic() - self._started, list(self.are_stored)
        blocks = StoredBlocks(store, names)
        counts = self._stored, self._computed, self._words
        return LabelingResult(store.key, names, blocks, *counts, seconds, self.failed)
