"""The transfer set: words and the teacher's logits for them, computed once and found again sentence by sentence."""

from __future__ import annotations

import itertools
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from filelock import FileLock
from numpy.typing import NDArray

from nlptrain.data.corpus import Sentence
from nlptrain.data.digests import DigestNumbers, Digests, packed
from nlptrain.distillation.labelling import Logits, labelling
from nlptrain.errors import InputError
from nlptrain.models.token_model import TokenModel
from nlptrain.processes import Processes
from nlptrain.run import Run
from nlptrain.run_folder import write_json

Precision = Literal["fp32", "bf16"]
SHARD_SENTENCES = 2048
_AHEAD = 2  # shards that wait for each worker
_SAY_SECONDS = 20
_LOOK_SECONDS = 0.05  # between two looks for a file of another process
_FORMAT = 1
_DIGEST = pa.binary(16)


@dataclass(frozen=True)
class Shard:
    """One Arrow file, mapped into memory: the words of its sentences and their logits, flat."""

    words: pa.ListArray
    offsets: NDArray[np.int64]
    logits: NDArray[np.float16]


@dataclass(frozen=True)
class Labelled:
    """What a call of ``LogitStore.label`` found and what it computed."""

    found: int
    computed: int
    words: int
    seconds: float

    @property
    def rate(self) -> float:
        """Words computed per second."""
        return self.words / max(1e-9, self.seconds)

    def describe(self) -> str:
        """A sentence for the log."""
        if not self.computed:
            return f"teacher's logits: found all {self.found:,} sentences"
        return (
            f"teacher's logits: found {self.found:,} sentences, computed {self.computed:,} "
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
        self.found = self._computed = self._words = 0
        self._run = run
        self._started = self._said = time.monotonic()

    def add(self, shard: _Asked) -> None:
        """Count what was computed."""
        self._computed += len(shard.sentences)
        self._words += sum(len(one.words) for one in shard.sentences)
        if time.monotonic() - self._said > _SAY_SECONDS:
            self._said = time.monotonic()
            self._run.say(f"labelling: {self._computed:,} sentences, {self.labelled().rate:,.0f} words/s")

    def labelled(self) -> Labelled:
        """All until now."""
        return Labelled(self.found, self._computed, self._words, time.monotonic() - self._started)


class LogitStore:
    """One teacher's logits on disk: a folder of Arrow shards and a manifest, which is written last.

    The folder is named by all that decides a logit, so a changed teacher is never served old ones. A shard that the
    manifest does not know was interrupted; it is labelled anew, whole, so that its bytes do not depend on when a run
    was stopped (batch mates change a few float16 logits).
    """

    def __init__(self, folder: Path, teacher: TokenModel, precision: Precision = "fp32") -> None:
        """Open or start the store of ``teacher`` below ``folder``; it computes in ``precision``."""
        self.labels = teacher.labels.names
        self.key = f"{teacher.fingerprint()}-torch-{precision}"
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

    def _unknown(self, sentences: Iterable[Sentence], counts: _Counts) -> Iterator[_Asked]:
        """The shards of those that are not stored, each once; those found are counted."""
        asked = _Asked([], [])
        given: list[_Asked] = []
        pending: set[bytes] = set()
        for block in _blocks(sentences):
            for shard in given:
                if shard.stored:  # found from now on
                    pending.difference_update(shard.digests)
            given = [shard for shard in given if not shard.stored]
            digests = [sentence.digest() for sentence in block]
            for sentence, digest, row in zip(block, digests, self._numbers.find(packed(digests)).tolist(), strict=True):
                if row >= 0 or digest in pending:
                    counts.found += 1
                    continue
                pending.add(digest)
                asked.sentences.append(sentence)
                asked.digests.append(digest)
                if len(asked.sentences) == SHARD_SENTENCES:
                    given.append(asked)
                    yield asked
                    asked = _Asked([], [])
        if asked.sentences:
            yield asked

    def transfer_set(self, digests: Sequence[bytes] | Digests) -> TransferSet:
        """The stored rows of the sentences with ``digests``, in this order."""
        rows = self._numbers.find(digests if isinstance(digests, np.ndarray) else packed(digests))
        assert (rows >= 0).all(), "label() comes first"
        sizes = np.cumsum([0, *(len(shard.offsets) - 1 for shard in self._shards)])
        shards = np.searchsorted(sizes, rows, side="right") - 1
        return TransferSet(self._shards, shards, rows - sizes[shards], len(self.labels), self.key)

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
                self._numbers.add(packed(self._map(path)))
        except (OSError, KeyError, pa.ArrowInvalid) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> InputError:
        return InputError(
            f"{self.folder}: a stored file is missing or damaged ({error}); remove this folder, and the teacher's "
            "logits are computed anew"
        )

    def _map(self, path: Path) -> list[bytes]:
        """Open the next shard; the digests of its sentences."""
        table = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
        logits = table.column("logits")
        offsets = logits.offsets.to_numpy().astype(np.int64)
        self._shards.append(Shard(table.column("words"), offsets, logits.values.to_numpy(zero_copy_only=True)))
        digests: list[bytes] = table.column("digest").to_pylist()
        return digests

    def _add(self, asked: _Asked, processes: Processes) -> None:
        """The next shard: written here or, where nothing is to wait for, by another process."""
        path = self.folder / f"{len(self._shards):06d}.arrow"
        if asked.wait is not None:
            self._write(path, asked, asked.wait())
        while not path.is_file():
            time.sleep(_LOOK_SECONDS)
        if self._map(path) != asked.digests:
            raise InputError(f"{path}: another run has written it; end that one, and give the same command again")
        self._numbers.add(packed(asked.digests))
        if processes.first:
            shards = [{"file": f"{n:06d}.arrow", "sentences": len(s.offsets) - 1} for n, s in enumerate(self._shards)]
            described = {"format": _FORMAT, "key": self.key, "teacher": self.teacher, "labels": list(self.labels)}
            write_json(self.folder / "manifest.json", {**described, "shards": shards})
        asked.stored = True

    def _write(self, path: Path, asked: _Asked, logits: Logits) -> None:
        offsets = np.concatenate([[0], np.cumsum(logits.sizes)])
        batch = pa.record_batch(
            {
                "digest": pa.array(asked.digests, _DIGEST),
                "words": pa.array([list(sentence.words) for sentence in asked.sentences], pa.list_(pa.string())),
                "logits": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(logits.values)),
            }
        )
        beside = path.with_name(path.name + ".part")
        with pa.OSFile(str(beside), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
        beside.replace(path)


class TransferSet:
    """Sentences with a teacher's logits, in a fixed order, read from the mapped shards."""

    def __init__(
        self, shards: list[Shard], shard: NDArray[np.int64], row: NDArray[np.int64], labels: int, key: str
    ) -> None:
        """The sentences that stand in row ``row`` of shard ``shard``; ``labels`` is C, ``key`` names the teacher."""
        self.key = key
        self._shards = shards
        self._shard = shard
        self._row = row
        self._labels = labels

    def __len__(self) -> int:
        """The number of sentences."""
        return len(self._row)

    def chosen(self, numbers: NDArray[np.int64]) -> TransferSet:
        """The sentences with ``numbers``, in this order."""
        return TransferSet(self._shards, self._shard[numbers], self._row[numbers], self._labels, self.key)

    def rows(self, sentence: int) -> NDArray[np.float16]:
        """The logits of the words of ``sentence``, [words, C], a view of the file."""
        shard, row = self._shards[self._shard[sentence]], self._row[sentence]
        rows: NDArray[np.float16] = shard.logits[shard.offsets[row] : shard.offsets[row + 1]]
        return rows.reshape(-1, self._labels)

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> NDArray[np.float32]:
        """The logits of the words of all ``spans`` (sentence, first word, words), one behind the other, [W, C]."""
        rows = [self.rows(sentence)[first : first + count] for sentence, first, count in spans]
        return np.concatenate(rows).astype(np.float32)

    def sentence(self, number: int) -> Sentence:
        """The words of a sentence, as they were labelled."""
        return Sentence(tuple(self._shards[self._shard[number]].words[int(self._row[number])].as_py()))


def _blocks(sentences: Iterable[Sentence]) -> Iterator[list[Sentence]]:
    rest = iter(sentences)
    while block := list(itertools.islice(rest, SHARD_SENTENCES)):
        yield block
