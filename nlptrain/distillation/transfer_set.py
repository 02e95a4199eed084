"""The transfer set: words and the teacher's logits for them, computed once and found again sentence by sentence."""

from __future__ import annotations

import itertools
import json
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from filelock import FileLock
from numpy.typing import NDArray

from nlptrain.data.digests import DigestNumbers, Digests, packed
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.labelling import Logits, backend, labelling, refuse_precision
from nlptrain.distillation.stored_logits import Shard, TransferSet, opened, write_shard
from nlptrain.errors import InputError
from nlptrain.models.token_model import TokenModel
from nlptrain.processes import Processes
from nlptrain.run import Run
from nlptrain.run_folder import write_json

Precision = Literal["fp32", "bf16", "int8"]
SHARD_SENTENCES = 2048
_AHEAD = 2  # shards that wait for each worker
_SAY_SECONDS = 20
_LOOK_SECONDS = 0.05  # between two looks for a file of another process
_AT_ONCE = 65_536  # rows that are looked up
_FORMAT = 1


@dataclass(frozen=True)
class Labelled:
    """What a call of ``LogitStore.label`` found and what it computed.

    Attributes:
        found: sentences that were stored before.
        computed: those that were not.
        words: of these.
        repeats: sentences whose words are those of one that was computed.
        seconds: that it took.
        rows: where each sentence that was given is stored, [sentences].
    """

    found: int
    computed: int
    words: int
    repeats: int
    seconds: float
    rows: NDArray[np.uint32]

    @property
    def rate(self) -> float:
        """Words computed per second."""
        return self.words / max(1e-9, self.seconds)

    def describe(self) -> str:
        """A sentence for the log."""
        if not self.computed:
            return f"teacher's logits: found all {self.found:,} sentences"
        repeats = (
            f" and {self.repeats:,} {'repeat' if self.repeats == 1 else 'repeats'} of them" if self.repeats else ""
        )
        return (
            f"teacher's logits: found {self.found:,} sentences, computed {self.computed:,}{repeats} "
            f"({self.words:,} words, {self.rate:,.0f} words/s)"
        )


@dataclass
class _Asked:
    """Sentences that become a shard.

    Attributes:
        sentences: of it.
        digests: theirs.
        wait: gives their logits; None where another process computes them.
        stored: whether they are.
    """

    sentences: list[Sentence]
    digests: list[bytes]
    wait: Callable[[], Logits] | None = None
    stored: bool = False


class _Counts:
    """How far labelling is, said every 20 seconds."""

    def __init__(self, run: Run) -> None:
        self.found = self.repeats = self._computed = self._words = 0
        self.rows = array("I")
        self._run = run
        self._started = self._said = time.monotonic()

    def add(self, shard: _Asked) -> None:
        """Count what was computed."""
        self._computed += len(shard.sentences)
        self._words += sum(len(one.words) for one in shard.sentences)
        if time.monotonic() - self._said > _SAY_SECONDS:
            self._said = time.monotonic()
            rate = self._words / (self._said - self._started)
            self._run.say(f"labelling: {self._computed:,} sentences, {rate:,.0f} words/s")

    def labelled(self) -> Labelled:
        """All until now."""
        seconds = time.monotonic() - self._started
        rows = np.array(self.rows, dtype=np.uint32)
        return Labelled(self.found, self._computed, self._words, self.repeats, seconds, rows)


class LogitStore:
    """One teacher's logits on disk: a folder of Arrow shards and a manifest, which is written last.

    The folder is named by all that decides a logit, so a changed teacher is never served old ones. A shard that the
    manifest does not know was interrupted; it is labelled anew, whole, so that its bytes do not depend on when a run
    was stopped (batch mates change a few float16 logits).
    """

    def __init__(self, folder: Path, teacher: TokenModel, precision: Precision = "fp32") -> None:
        """Open or start the store of ``teacher`` below ``folder``; it computes in ``precision``.

        Raises:
            InputError: the teacher does not label in it.
        """
        refuse_precision(teacher, precision)
        self.labels = teacher.labels.names
        self.key = f"{teacher.fingerprint()}-{backend(precision)}"
        self.precision = precision
        self.folder = folder / self.key
        self.teacher = teacher.name
        self._shards: list[Shard] = []
        self._numbers = DigestNumbers()
        self._lock = FileLock(folder / f"{self.key}.lock")

    def label(self, sentences: Iterable[Sentence], teacher: TokenModel, run: Run) -> Labelled:
        """Make sure that every one of ``sentences`` has logits; those that have none are computed, shard by shard.

        They are computed by as many processes as ``run`` has workers, or by all that a launcher has started, each of
        which computes and writes every so manieth shard; they are stored in the order of the sentences.
        """
        processes = run.processes
        ahead = processes.count if run.workers == 1 else _AHEAD * run.workers
        self.folder.mkdir(parents=True, exist_ok=True)
        with processes.led(self._lock), labelling(teacher, self.precision, run.workers) as compute:
            self._begin(processes)
            counts = _Counts(run)
            waiting: deque[_Asked] = deque()
            for number, asked in enumerate(self._unknown(sentences, counts), start=len(self._shards)):
                if number % processes.count == processes.number:
                    asked.wait = compute([one.words for one in asked.sentences])
                waiting.append(asked)
                while len(waiting) >= ahead:
                    self._add(waiting[0], processes)
                    counts.add(waiting.popleft())
            for asked in waiting:
                self._add(asked, processes)
                counts.add(asked)
            processes.wait()  # until all have mapped all: then others may write here
            return counts.labelled()

    def look(self, digests: Digests) -> NDArray[np.bool_]:
        """Whether each sentence is stored; for who will not store any."""
        if not self._shards:
            self._open()
        return self._find(digests) >= 0

    def _unknown(self, sentences: Iterable[Sentence], counts: _Counts) -> Iterator[_Asked]:
        """The shards of those that are not stored, each once; those found are counted, and where all are is noted."""
        asked = _Asked([], [])
        given: list[_Asked] = []
        pending: dict[bytes, int] = {}
        before = behind = len(self._numbers)
        for block in _blocks(sentences):
            for shard in given:
                if shard.stored:  # found from now on
                    for digest in shard.digests:
                        del pending[digest]
            given = [shard for shard in given if not shard.stored]
            digests = [sentence.digest() for sentence in block]
            for sentence, digest, stored in zip(block, digests, self._find(packed(digests)).tolist(), strict=True):
                row = stored if stored >= 0 else pending.get(digest, behind)
                counts.rows.append(row)
                if row < behind:
                    counts.found += row < before
                    counts.repeats += row >= before
                    continue
                pending[digest] = row
                behind += 1
                asked.sentences.append(sentence)
                asked.digests.append(digest)
                if len(asked.sentences) == SHARD_SENTENCES:
                    given.append(asked)
                    yield asked
                    asked = _Asked([], [])
        if asked.sentences:
            yield asked

    def transfer_set(self, digests: Sequence[bytes]) -> TransferSet:
        """The stored rows of the sentences with ``digests``, in this order."""
        rows = self._find(packed(digests))
        assert (rows >= 0).all(), "label() comes first"
        return self.rows(rows)

    def rows(self, rows: NDArray[np.integer[Any]]) -> TransferSet:
        """The stored ``rows``, as ``label`` has told them, in this order."""
        sizes = self._sizes()
        shards, within = np.empty(len(rows), np.int32), np.empty(len(rows), np.int32)
        for start in range(0, len(rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            shards[part] = np.searchsorted(sizes, rows[part], side="right") - 1
            within[part] = rows[part] - sizes[shards[part]]
        return TransferSet(self._shards, shards, within, len(self.labels), self.key)

    def _sizes(self) -> NDArray[np.int64]:
        """The number of the first row of each shard, and behind the last of all."""
        return np.cumsum([0, *(len(shard.digests) for shard in self._shards)])

    def _find(self, digests: Digests) -> NDArray[np.int64]:
        """The row of each sentence, -1 where it is not stored."""
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

    def _begin(self, processes: Processes) -> None:
        """Open what is there, in all processes the same."""
        processes.agreed(self._drop_unknown)
        if not Path(self._lock.lock_file).exists():
            raise InputError(
                f"{self.folder}: process {processes.number} does not see what the first one writes there "
                "(transfer_dir); all must see the same folders"
            )
        self._open()

    def _known(self) -> list[Path]:
        """The files of the shards that the manifest knows."""
        manifest = self.folder / "manifest.json"
        if not manifest.is_file():
            return []
        try:
            shards = json.loads(manifest.read_text(encoding="utf-8"))["shards"]
            return [self.folder / shard["file"] for shard in shards]
        except (ValueError, KeyError) as error:
            raise self._damaged(error) from error

    def _drop_unknown(self) -> None:
        """Take away what was interrupted: another process would take it for what it waits for."""
        known = set(self._known())
        for path in self.folder.glob("*.arrow"):
            if path not in known:
                path.unlink()

    def _open(self) -> None:
        self._shards, self._numbers = [], DigestNumbers()
        try:
            for path in self._known():
                self._numbers.add(self._map(path))
        except (OSError, KeyError, pa.ArrowInvalid) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> InputError:
        return InputError(
            f"{self.folder}: a stored file is missing or damaged ({error}); remove this folder, and the teacher's "
            "logits are computed anew"
        )

    def _map(self, path: Path) -> Digests:
        """Open the next shard; the digests of its sentences."""
        self._shards.append(opened(path))
        return self._shards[-1].digests

    def _add(self, asked: _Asked, processes: Processes) -> None:
        """The next shard: written here or, where nothing is to wait for, by another process."""
        path = self.folder / f"{len(self._shards):06d}.arrow"
        if asked.wait is not None:
            write_shard(path, asked.sentences, asked.digests, asked.wait())
        while not path.is_file():
            time.sleep(_LOOK_SECONDS)
        digests = self._map(path)
        if not np.array_equal(digests, packed(asked.digests)):
            raise InputError(f"{path}: another run has written it; end that one, and give the same command again")
        self._numbers.add(digests)
        if processes.first:
            shards = [{"file": f"{n:06d}.arrow", "sentences": len(s.offsets) - 1} for n, s in enumerate(self._shards)]
            described = {"format": _FORMAT, "key": self.key, "teacher": self.teacher, "labels": list(self.labels)}
            write_json(self.folder / "manifest.json", {**described, "shards": shards})
        asked.stored = True


def _blocks(sentences: Iterable[Sentence]) -> Iterator[list[Sentence]]:
    rest = iter(sentences)
    while block := list(itertools.islice(rest, SHARD_SENTENCES)):
        yield block
