"""TransferSet: sentences with a teacher's logits, read from Arrow shards; TeacherLogitsDataset: with an ensemble's."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nlptrain.atomic_files import replacing
from nlptrain.data.sentence import Hashes, Sentence, hash_array, words_hash
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.distillation.teachers.teacher import TeacherLogits
from nlptrain.models.heads import Prediction

_HASH = pa.binary(16)
_SCHEMA = pa.schema({"digest": _HASH, "words": pa.list_(pa.string()), "logits": pa.list_(pa.float16())})


class DamagedShardError(Exception):
    """The file of a shard differs from what was written; the message is the reason."""


@dataclass(frozen=True)
class Shard:
    """One Arrow file, mapped into memory: hash, words and logits of each sentence.

    Attributes:
        file: name of the file.
        sha256: checksum of the file.
        hashes: of the words of each sentence.
        words: of each sentence.
        offsets: of the first logit of each sentence, and the number of all logits, [sentences + 1].
        teacher_logits: of all words, [words * C].
    """

    file: str
    sha256: str
    hashes: Hashes
    words: pa.ListArray
    offsets: NDArray[np.int32]
    teacher_logits: NDArray[np.float16]


def open_shard(path: Path, labels: int, sha256: str | None = None) -> Shard:
    """Verify the shard in the file ``path``, and map it into memory.

    Args:
        path: of the file.
        labels: logits per word.
        sha256: checksum of the file; None if unknown.

    Raises:
        DamagedShardError: the file differs from what was written.
        OSError: the file cannot be opened.
    """
    try:
        with pa.memory_map(str(path)) as file:
            content = file.read_buffer()  # keeps the mapping alive
        checksum = hashlib.sha256(content).hexdigest()
        if sha256 is not None and checksum != sha256:
            raise DamagedShardError("its checksum differs")
        reader = pa.ipc.open_file(pa.BufferReader(content))
        if not reader.schema.equals(_SCHEMA) or reader.num_record_batches != 1:
            raise DamagedShardError("it is no shard")
        batch = reader.get_batch(0)
        if not batch.num_rows:
            raise DamagedShardError("it holds no sentence")
        batch.validate(full=True)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DamagedShardError(str(error).split("\n", 1)[0]) from error
    hashes, words, values = batch.columns
    has_nulls = any(array.null_count for array in (*batch.columns, words.values, values.values))
    if has_nulls or (np.diff(values.offsets) != labels * np.diff(words.offsets)).any():
        raise DamagedShardError(f"it does not hold {labels} logits for each word")
    return Shard(
        path.name,
        checksum,
        np.frombuffer(hashes.buffers()[1], dtype="S16")[hashes.offset :][: len(hashes)],
        words,
        values.offsets.to_numpy(zero_copy_only=True),
        values.values.to_numpy(zero_copy_only=True),
    )


def check_words(shard: Shard) -> None:
    """Check a shard without a known checksum: its words against their hashes, its logits for NaN and infinity.

    Raises:
        DamagedShardError: a hash differs, or a logit is not finite.
    """
    hashes = [words_hash(tuple(words)) for words in shard.words.to_pylist()]
    if not np.array_equal(shard.hashes, hash_array(hashes)) or not np.isfinite(shard.teacher_logits).all():
        raise DamagedShardError("its words are not those that were labeled")


def write_shard(
    path: Path, sentences: Sequence[Sentence], hashes: Sequence[bytes], teacher_logits: TeacherLogits
) -> None:
    """Write ``sentences`` with their ``hashes`` and ``teacher_logits``, whole or not at all."""
    offsets = np.concatenate([[0], np.cumsum(teacher_logits.sizes)])
    batch = pa.record_batch(
        {
            "digest": pa.array(hashes, _HASH),
            "words": pa.array([list(sentence.words) for sentence in sentences], pa.list_(pa.string())),
            "logits": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(teacher_logits.values)),
        }
    )
    with replacing(path) as part, pa.OSFile(str(part), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


class TransferSet:
    """Sentences with one teacher's logits, in a fixed order, read from mapped shards."""

    def __init__(
        self, shards: list[Shard], shard_ids: NDArray[np.int32], shard_rows: NDArray[np.int32], labels: int, key: str
    ) -> None:
        """Hold the sentences in row ``shard_rows[i]`` of shard ``shard_ids[i]``.

        ``labels`` is C; ``key`` identifies the teacher.
        """
        self.key = key
        self._shards = shards
        self._shard_ids = shard_ids
        self._shard_rows = shard_rows
        self._labels = labels

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self._shard_rows)

    def select(self, rows: NDArray[np.int64]) -> TransferSet:
        """Return the sentences of ``rows``, in this order."""
        return TransferSet(self._shards, self._shard_ids[rows], self._shard_rows[rows], self._labels, self.key)

    def sentence(self, row: int) -> Sentence:
        """Return a sentence as it was labeled, without tags."""
        return Sentence(tuple(self._shards[self._shard_ids[row]].words[int(self._shard_rows[row])].as_py()))

    def teacher_logits(self, row: int) -> NDArray[np.float16]:
        """Return the logits of the words of a sentence, [words, C], as a view of the file."""
        shard, shard_row = self._shards[self._shard_ids[row]], self._shard_rows[row]
        values: NDArray[np.float16] = shard.teacher_logits[shard.offsets[shard_row] : shard.offsets[shard_row + 1]]
        return values.reshape(-1, self._labels)

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> NDArray[np.float32]:
        """Return the logits of the words of all ``spans`` (row, first word, words), concatenated, [W, C]."""
        parts = [self.teacher_logits(row)[first : first + count] for row, first, count in spans]
        return np.concatenate(parts).astype(np.float32)

    def hashes(self) -> Hashes:
        """Return the hash of each sentence, [N]."""
        hashes = np.empty(len(self), dtype="S16")
        order = np.argsort(self._shard_ids, kind="stable")  # one pass per shard, not one over all sentences for each
        shard_ids, starts = np.unique(self._shard_ids[order], return_index=True)
        for shard_id, rows in zip(shard_ids, np.split(order, starts[1:]), strict=True):
            hashes[rows] = self._shards[shard_id].hashes[self._shard_rows[rows]]
        return hashes


@dataclass(frozen=True)
class TeacherLogitsDataset:
    """Sentences with the logits of an ensemble: a transfer set per teacher, mixed when the logits are read.

    Attributes:
        ensemble: mixes the logits.
        sets: the transfer set of each teacher, all with the same sentences.
        weights: sampling weight of each sentence, [N].
    """

    ensemble: TeacherEnsemble
    sets: tuple[TransferSet, ...]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self.sets[0])

    def select(self, rows: NDArray[np.int64]) -> TeacherLogitsDataset:
        """Return the sentences of ``rows``, in this order."""
        sets = tuple(transfer_set.select(rows) for transfer_set in self.sets)
        return TeacherLogitsDataset(self.ensemble, sets, self.weights[rows])

    def source_weights(self, gold: int) -> NDArray[np.float64] | None:
        """Return the weights, with 0 for the first ``gold`` sentences; None if all others have the same weight."""
        others = self.weights[gold:]
        if not len(others) or (others == others[0]).all():
            return None
        return np.append(np.zeros(gold), others.astype(np.float64))

    def sentence(self, row: int) -> Sentence:
        """Return a sentence as it was labeled, without tags."""
        return self.sets[0].sentence(row)

    def teacher_logits(self, row: int) -> NDArray[np.float32]:
        """Return the ensemble's logits of the words of a sentence, [words, C]."""
        return self.ensemble.mix([transfer_set.teacher_logits(row) for transfer_set in self.sets])

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> NDArray[np.float32]:
        """Return the ensemble's logits of the words of all ``spans`` (row, first word, words), [W, C]."""
        return self.ensemble.mix([transfer_set.gather(spans) for transfer_set in self.sets])

    def prediction(self, row: int) -> Prediction:
        """Return the ensemble's logits and label of each word of a sentence."""
        (prediction,) = self.ensemble.decoder.predict([self.teacher_logits(row).astype(np.float32)])
        return prediction

    def hashes(self) -> Hashes:
        """Return the hash of each sentence, [N]."""
        return self.sets[0].hashes()
