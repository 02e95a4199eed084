"""LogitStore: a teacher's logits on disk, computed once and found again sentence by sentence."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from nlptrain.data.digests import DigestNumbers, Digests, packed
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.labeling_progress import LabelingProgress, LabelingResult
from nlptrain.distillation.manifest import FILE_NAME, ListedShard, read_manifest, set_aside, write_manifest
from nlptrain.distillation.teacher_inference import Logits, backend, check_teacher_precision, logits_workers
from nlptrain.distillation.transfer_set import (
    DamagedShardError,
    Shard,
    TransferSet,
    check_words,
    open_shard,
    write_shard,
)
from nlptrain.errors import InputError
from nlptrain.models.token_model import TokenModel
from nlptrain.processes import Processes
from nlptrain.run import Run

Precision = Literal["fp32", "bf16", "int8"]
SHARD_SENTENCES = 2048
_AHEAD = 2  # shards that wait for each worker
_POLL_SECONDS = 0.05  # between two checks for a file of another process
_AT_ONCE = 65_536  # rows that are looked up


@dataclass
class _PendingShard:
    """Sentences that are labeled and written as one shard.

    Attributes:
        sentences: of the shard.
        digests: of the sentences.
        wait: waits for their logits and returns them; None if another process computes them.
        is_stored: whether the shard is written.
    """

    sentences: list[Sentence]
    digests: list[bytes]
    wait: Callable[[], Logits] | None = None
    is_stored: bool = False


class LogitStore:
    """One teacher's logits on disk: a folder of Arrow shards and a manifest, which is written last.

    The folder is named after everything that decides a logit, so a changed teacher never gets old ones. A shard that
    is not in the manifest was interrupted; it is labeled again, whole, so that its bytes do not depend on when a run
    was stopped (the other sentences of a batch change a few float16 logits).

    The manifest holds the checksum of each shard, and its own. A damaged file is moved aside. The sentences of a lost
    shard are then the first that have no logits, so that the next shard is labeled from them, whole, and takes the
    place of the lost one: it has the same bytes.
    """

    def __init__(self, folder: Path, teacher: TokenModel, precision: Precision = "fp32") -> None:
        """Open the store of ``teacher``, which computes in ``precision``, in a subfolder of ``folder``.

        Raises:
            InputError: the teacher cannot compute in this precision.
        """
        check_teacher_precision(teacher, precision)
        self.labels = teacher.labels.names
        self.key = f"{teacher.fingerprint()}-{backend(precision)}"
        self.precision = precision
        self.folder = folder / self.key
        self.teacher = teacher.name
        self._shards: list[Shard] = []  # in the order of their rows, which is not that of their names
        self._numbers = DigestNumbers()
        self._lock = FileLock(folder / f"{self.key}.lock")

    def label(self, sentences: Iterable[Sentence], teacher: TokenModel, run: Run) -> LabelingResult:
        """Compute the logits of those ``sentences`` that have none, and store them shard by shard.

        They are computed by as many processes as ``run`` has workers, or by all processes of a launcher: process k of
        n computes and writes every n-th shard. Shards are stored in the order of the sentences.
        """
        processes = run.processes
        ahead = processes.count if run.workers == 1 else _AHEAD * run.workers
        self.folder.mkdir(parents=True, exist_ok=True)
        with processes.led(self._lock), logits_workers(teacher, self.precision, run.workers) as compute:
            self._begin(processes, run.log)
            progress = LabelingProgress(run)
            waiting: deque[_PendingShard] = deque()
            for number, shard in enumerate(self._unknown(sentences, progress), start=len(self._shards)):
                if number % processes.count == processes.number:
                    shard.wait = compute([sentence.words for sentence in shard.sentences])
                waiting.append(shard)
                while len(waiting) >= ahead:
                    self._add(waiting[0], processes)
                    progress.add(waiting.popleft().sentences)
            for shard in waiting:
                self._add(shard, processes)
                progress.add(shard.sentences)
            processes.wait()  # until every process has mapped every shard: then other runs may write here
            return progress.result()

    def contains(self, digests: Digests) -> NDArray[np.bool_]:
        """Return which sentences are stored, [N], without taking the write lock."""
        if not self._shards:
            self._open(read_manifest(self.folder))
        return self._find(digests) >= 0

    def _unknown(self, sentences: Iterable[Sentence], progress: LabelingProgress) -> Iterator[_PendingShard]:
        """Yield shards of the sentences that are not stored, each sentence once; count the others and note all rows."""
        pending_shard = _PendingShard([], [])
        yielded: list[_PendingShard] = []
        pending: dict[bytes, int] = {}
        first_new = next_new = len(self._numbers)
        for block in _blocks(sentences):
            for shard in yielded:
                if shard.is_stored:  # `_find` finds its sentences from now on
                    for digest in shard.digests:
                        del pending[digest]
            yielded = [shard for shard in yielded if not shard.is_stored]
            digests = [sentence.digest() for sentence in block]
            for sentence, digest, stored in zip(block, digests, self._find(packed(digests)).tolist(), strict=True):
                row = stored if stored >= 0 else pending.get(digest, next_new)
                progress.rows.append(row)
                if row < next_new:
                    progress.found += row < first_new
                    progress.repeats += row >= first_new
                    continue
                pending[digest] = row
                next_new += 1
                pending_shard.sentences.append(sentence)
                pending_shard.digests.append(digest)
                if len(pending_shard.sentences) == SHARD_SENTENCES:
                    yielded.append(pending_shard)
                    yield pending_shard
                    pending_shard = _PendingShard([], [])
        if pending_shard.sentences:
            yield pending_shard

    def transfer_set(self, digests: Sequence[bytes]) -> TransferSet:
        """Return the stored sentences with ``digests``, in this order."""
        rows = self._find(packed(digests))
        assert (rows >= 0).all(), "label() comes first"
        return self.rows(rows)

    def rows(self, rows: NDArray[np.integer[Any]]) -> TransferSet:
        """Return the stored sentences of ``rows``, numbers that ``label`` returned, in this order."""
        sizes = self._sizes()
        shards, within = np.empty(len(rows), np.int32), np.empty(len(rows), np.int32)
        for start in range(0, len(rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            shards[part] = np.searchsorted(sizes, rows[part], side="right") - 1
            within[part] = rows[part] - sizes[shards[part]]
        return TransferSet(self._shards, shards, within, len(self.labels), self.key)

    def _sizes(self) -> NDArray[np.int64]:
        """Return the number of the first row of each shard, and the number of all rows at the end."""
        return np.cumsum([0, *(len(shard.digests) for shard in self._shards)])

    def _find(self, digests: Digests) -> NDArray[np.int64]:
        """Return the row of each sentence, -1 if it is not stored."""
        rows = self._numbers.find(digests)
        if (rows < 0).all():
            return rows
        sizes = self._sizes()
        shards = np.searchsorted(sizes, rows, side="right") - 1
        for shard in np.unique(shards[rows >= 0]):
            here = np.flatnonzero(shards == shard)
            rows[here] = np.where(
                self._shards[shard].digests[rows[here] - sizes[shard]] == digests[here], rows[here], -1
            )
        return rows

    def _begin(self, processes: Processes, log: Callable[[str], None]) -> None:
        """Open the stored shards, the same ones in all processes."""
        listed = processes.agreed(lambda: self._recover(log))
        if not Path(self._lock.lock_file).exists():
            raise InputError(
                f"{self.folder}: process {processes.number} does not see what the first one writes there "
                "(transfer_dir); all must see the same folders"
            )
        if not processes.first and (damaged := self._open(listed)):
            raise InputError(*(f"{path}: {reason}" for path, reason in damaged.items()))

    def _recover(self, log: Callable[[str], None]) -> list[ListedShard]:
        """Open the stored shards, and move damaged ones aside."""

        def without_manifest(reason: str) -> None:
            set_aside(self.folder / FILE_NAME, reason, "the shards are checked without it", log)

        known = read_manifest(self.folder, without_manifest)
        for path, reason in self._open(known).items():
            set_aside(path, reason, "its sentences are labeled again", log)
        listed = self._listed()
        if listed != known:
            self._write_manifest()
        # Remove interrupted shards: another process would take them for those that it waits for.
        kept = {one.file for one in listed}
        for path in [*self.folder.glob("*.arrow"), *self.folder.glob("*.arrow.part")]:
            if path.name not in kept:
                path.unlink()
        return listed

    def _listed(self) -> list[ListedShard]:
        return [ListedShard(shard.file, len(shard.digests), shard.sha256) for shard in self._shards]

    def _write_manifest(self) -> None:
        described = {"key": self.key, "teacher": self.teacher, "labels": list(self.labels)}
        write_manifest(self.folder, described, self._listed())

    def _open(self, listed: Iterable[ListedShard]) -> dict[Path, str]:
        """Open the ``listed`` shards; return those that are damaged, each with the reason."""
        self._shards, self._numbers = [], DigestNumbers()
        damaged: dict[Path, str] = {}
        for one in listed:
            path = self.folder / one.file
            try:
                shard = open_shard(path, len(self.labels), one.sha256)
                if one.sha256 is None:
                    check_words(shard)
            except FileNotFoundError:
                damaged[path] = "missing"
            except DamagedShardError as error:
                damaged[path] = f"damaged ({error})"
            except OSError as error:
                raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
            else:
                self._append(shard)
        return damaged

    def _append(self, shard: Shard) -> None:
        self._shards.append(shard)
        self._numbers.add(shard.digests)

    def _add(self, pending: _PendingShard, processes: Processes) -> None:
        """Add the next shard, which this process writes, or another one if ``pending`` has no logits."""
        taken = {shard.file for shard in self._shards}
        path = self.folder / next(name for n in itertools.count() if (name := f"{n:06d}.arrow") not in taken)
        if pending.wait is not None:
            write_shard(path, pending.sentences, pending.digests, pending.wait())
        while not path.is_file():
            time.sleep(_POLL_SECONDS)
        try:
            shard = open_shard(path, len(self.labels))
        except DamagedShardError as error:
            raise InputError(f"{path}: damaged as soon as it was written ({error}); is the disk sound?") from error
        if not np.array_equal(shard.digests, packed(pending.digests)):
            raise InputError(f"{path}: another run has written it; end that one, and give the same command again")
        self._append(shard)
        if processes.first:
            self._write_manifest()
        pending.is_stored = True


def _blocks(sentences: Iterable[Sentence]) -> Iterator[list[Sentence]]:
    rest = iter(sentences)
    while block := list(itertools.islice(rest, SHARD_SENTENCES)):
        yield block
