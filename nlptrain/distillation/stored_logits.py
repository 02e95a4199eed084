"""Stored logits: Arrow files of words and of a teacher's logits for them, and chosen sentences out of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nlptrain.data.digests import Digests
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.labelling import Logits

_DIGEST = pa.binary(16)


@dataclass(frozen=True)
class Shard:
    """One Arrow file, mapped into memory: digests and words of its sentences and their logits, flat."""

    digests: Digests
    words: pa.ListArray
    offsets: NDArray[np.int32]
    logits: NDArray[np.float16]


def opened(path: Path) -> Shard:
    """The shard in the file ``path``.

    Raises:
        OSError, KeyError, pyarrow.ArrowInvalid: it is none.
    """
    table = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
    logits, column = table.column("logits"), table.column("digest")
    digests: Digests = np.frombuffer(column.buffers()[1], dtype="S16")[column.offset :][: len(column)]
    offsets = logits.offsets.to_numpy(zero_copy_only=True)
    return Shard(digests, table.column("words"), offsets, logits.values.to_numpy(zero_copy_only=True))


def write_shard(path: Path, sentences: Sequence[Sentence], digests: Sequence[bytes], logits: Logits) -> None:
    """Write ``sentences``, of which ``digests`` are theirs, with their ``logits``; whole or not at all."""
    offsets = np.concatenate([[0], np.cumsum(logits.sizes)])
    batch = pa.record_batch(
        {
            "digest": pa.array(digests, _DIGEST),
            "words": pa.array([list(sentence.words) for sentence in sentences], pa.list_(pa.string())),
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
        self, shards: list[Shard], shard: NDArray[np.int32], row: NDArray[np.int32], labels: int, key: str
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

    def digests(self) -> Digests:
        """The digest of each sentence, [N]."""
        found = np.empty(len(self), dtype="S16")
        order = np.argsort(self._shard, kind="stable")  # a look at each shard, and not at all sentences for each
        shards, starts = np.unique(self._shard[order], return_index=True)
        for shard, here in zip(shards, np.split(order, starts[1:]), strict=True):
            found[here] = self._shards[shard].digests[self._row[here]]
        return found

    def sentence(self, number: int) -> Sentence:
        """The words of a sentence, as they were labelled."""
        return Sentence(tuple(self._shards[self._shard[number]].words[int(self._row[number])].as_py()))
