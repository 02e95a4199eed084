"""Label sentences with a teacher: compute the logits that are not stored yet, shard by shard, and store them."""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.sentence import Sentence, hash_array
from nlptrain.distillation.logit_store import LogitStore
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.distillation.teachers.teacher import Teacher, TeacherLogits
from nlptrain.distillation.transfer_set import (
    DamagedShardError,
    TeacherLogitsDataset,
    TransferSet,
    open_shard,
    write_shard,
)
from nlptrain.errors import InputError
from nlptrain.run.processes import Processes
from nlptrain.run.run import Run

SHARD_SENTENCES = 2048
_AHEAD = 2  # shards that wait for each worker
_POLL_SECONDS = 0.05  # between two checks for a file of another process
_LOG_SECONDS = 20


def label_with_ensemble(
    ensemble: TeacherEnsemble, sentences: Iterable[Sentence], run: Run, folder: Path
) -> TeacherLogitsDataset:
    """Label ``sentences`` with each teacher in turn; logits that are stored in ``folder`` are not computed again.

    The sentences are read once; teachers after the first read them from the transfer set of the first, which has no
    texts. So a teacher that reads texts is the first.

    Raises:
        InputError: there are two teachers that read texts.
    """
    order = sorted(range(len(ensemble.teachers)), key=lambda index: ensemble.teachers[index].teacher.reads != "text")
    if sum(part.teacher.reads == "text" for part in ensemble.teachers) > 1:
        raise InputError("found two that read the original text", location="teachers", expected="at most one")
    weights = array("f")

    def with_weights_recorded() -> Iterator[Sentence]:
        for sentence in sentences:
            weights.append(sentence.weight)
            yield sentence

    sets: dict[int, TransferSet] = {}
    for index in order:
        teacher = ensemble.teachers[index].teacher
        teacher.to(run.device)
        store = LogitStore(folder, teacher)
        source: Iterable[Sentence] = with_weights_recorded()
        if sets:
            first = sets[order[0]]
            source = map(first.sentence, range(len(first)))
        result = label_sentences(store, source, teacher, run)
        line = result.describe()
        run.log(f"{teacher.name}: {line}" if len(ensemble.teachers) > 1 else line)
        sets[index] = store.select(result.rows)
        teacher.to("cpu")
    in_order = tuple(sets[index] for index in range(len(sets)))
    return TeacherLogitsDataset(ensemble, in_order, np.array(weights, dtype=np.float32))


@dataclass(frozen=True)
class LabelingResult:
    """The result of ``label_sentences``.

    Attributes:
        stored: sentences whose logits were stored already.
        computed: sentences whose logits were computed.
        words: of the computed sentences.
        repeats: sentences with the same words as a computed one.
        seconds: that labeling took.
        rows: the row of each given sentence in the store, [sentences].
    """

    stored: int
    computed: int
    words: int
    repeats: int
    seconds: float
    rows: NDArray[np.uint32]

    @property
    def rate(self) -> float:
        """Computed words per second."""
        return self.words / max(1e-9, self.seconds)

    def describe(self) -> str:
        """Return a line for the log."""
        if not self.computed:
            return f"teacher logits: {self.stored:,} sentences reused, 0 computed (transfer_dir)"
        repeats = f", {self.repeats:,} repeated" if self.repeats else ""
        return (
            f"teacher logits: {self.stored:,} sentences reused, {self.computed:,} computed{repeats}, "
            f"{self.words:,} words, {self.rate:,.0f} words/s (transfer_dir)"
        )


def label_sentences(store: LogitStore, sentences: Iterable[Sentence], teacher: Teacher, run: Run) -> LabelingResult:
    """Compute the logits of the ``sentences`` that have none in ``store``, and store them shard by shard.

    They are computed by as many processes as ``run`` has workers, or by all processes of a launcher: process k of n
    computes and writes every n-th shard. Shards are stored in the order of the sentences.
    """
    processes = run.processes
    ahead = processes.world_size if run.workers == 1 else _AHEAD * run.workers
    store.folder.mkdir(parents=True, exist_ok=True)
    with processes.rank_zero_only(store.lock), teacher.labeling(run.workers) as compute:
        store.open(processes, run.log)
        progress = _Progress(run)
        waiting: deque[_PendingShard] = deque()
        shards = _missing_shards(store, sentences, progress)
        for shard_number, shard in enumerate(shards, start=store.shard_count):
            if shard_number % processes.world_size == processes.rank:
                shard.wait = compute(shard.sentences)
            waiting.append(shard)
            while len(waiting) >= ahead:
                _add_shard(store, waiting[0], processes)
                progress.add(waiting.popleft().sentences)
        for shard in waiting:
            _add_shard(store, shard, processes)
            progress.add(shard.sentences)
        processes.barrier()  # until every process has mapped every shard: then other runs may write here
        return progress.result()


class _Progress:
    """Counts sentences and logs the progress every 20 seconds."""

    def __init__(self, run: Run) -> None:
        self.stored = self.repeats = self._computed = self._words = 0
        self.rows = array("I")
        self._run = run
        self._started = self._logged = time.monotonic()

    def add(self, sentences: Sequence[Sentence]) -> None:
        """Count ``sentences`` whose logits were computed."""
        self._computed += len(sentences)
        self._words += sum(len(sentence.words) for sentence in sentences)
        if time.monotonic() - self._logged > _LOG_SECONDS:
            self._logged = time.monotonic()
            rate = self._words / (self._logged - self._started)
            self._run.log(f"teacher logits: {self._computed:,} sentences computed so far, {rate:,.0f} words/s")

    def result(self) -> LabelingResult:
        """Return the counts so far."""
        seconds = time.monotonic() - self._started
        rows = np.array(self.rows, dtype=np.uint32)
        return LabelingResult(self.stored, self._computed, self._words, self.repeats, seconds, rows)


@dataclass
class _PendingShard:
    """Sentences that are labeled and written as one shard.

    Attributes:
        sentences: of the shard.
        hashes: of the sentences.
        wait: waits for their logits and returns them; None if another process computes them.
        is_stored: whether the shard is written.
    """

    sentences: list[Sentence]
    hashes: list[bytes]
    wait: Callable[[], TeacherLogits] | None = None
    is_stored: bool = False


def _missing_shards(store: LogitStore, sentences: Iterable[Sentence], progress: _Progress) -> Iterator[_PendingShard]:
    """Yield shards of the sentences that are not stored, each sentence once; count the others and record all rows."""
    pending_shard = _PendingShard([], [])
    yielded: list[_PendingShard] = []
    pending: dict[bytes, int] = {}
    first_new = next_new = len(store)
    for block in _blocks(sentences):
        for shard in yielded:
            if shard.is_stored:  # the store finds its sentences from now on
                for sentence_hash in shard.hashes:
                    del pending[sentence_hash]
        yielded = [shard for shard in yielded if not shard.is_stored]
        hashes = [sentence.hash() for sentence in block]
        for sentence, sentence_hash, stored in zip(block, hashes, store.find(hash_array(hashes)).tolist(), strict=True):
            row = stored if stored >= 0 else pending.get(sentence_hash, next_new)
            progress.rows.append(row)
            if row < next_new:
                progress.stored += row < first_new
                progress.repeats += row >= first_new
                continue
            pending[sentence_hash] = row
            next_new += 1
            pending_shard.sentences.append(sentence)
            pending_shard.hashes.append(sentence_hash)
            if len(pending_shard.sentences) == SHARD_SENTENCES:
                yielded.append(pending_shard)
                yield pending_shard
                pending_shard = _PendingShard([], [])
    if pending_shard.sentences:
        yield pending_shard


def _add_shard(store: LogitStore, pending: _PendingShard, processes: Processes) -> None:
    """Add the next shard, which this process writes, or another one if ``pending`` has no logits."""
    path = store.next_path()
    if pending.wait is not None:
        write_shard(path, pending.sentences, pending.hashes, pending.wait())
    while not path.is_file():
        time.sleep(_POLL_SECONDS)
    try:
        shard = open_shard(path, len(store.labels))
    except DamagedShardError as error:
        raise InputError(
            f"damaged as soon as it was written ({error})", location=str(path), hint="check the disk"
        ) from error
    if not np.array_equal(shard.hashes, hash_array(pending.hashes)):
        raise InputError(
            "another run has written this file", location=str(path), hint="end that run, then repeat this command"
        )
    store.append(shard)
    if processes.is_rank_zero:
        store.write_manifest()
    pending.is_stored = True


def _blocks(sentences: Iterable[Sentence]) -> Iterator[list[Sentence]]:
    rest = iter(sentences)
    while block := list(islice(rest, SHARD_SENTENCES)):
        yield block
