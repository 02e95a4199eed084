"""TransferSet: sentences with a teacher's logits, and the Arrow shards that hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nlptrain.atomic_files import replacing
from nlptrain.data.sentence import Hashes, Sentence, hash_array
from nlptrain.data.sentence import words_hash as digest_of
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.distillation.teachers.inference import Logits
from nlptrain.models.heads import Prediction

_DIGEST = pa.binary(16)
_SCHEMA = pa.schema({"digest": _DIGEST, "words": pa.list_(pa.string()), "logits": pa.list_(pa.float16())})


class DamagedShardError(Exception):
    """The file of a shard has other content than was written; the message says why."""


@dataclass(frozen=True)
class Shard:
    """One Arrow file, mapped into memory: digests, words and logits of its sentences.

    Attributes:
        file: its name.
        sha256: the checksum of its bytes.
        digests: of its sentences.
        words: of its sentences.
        offsets: where the logits of each sentence begin, and where the last ones end, [sentences + 1].
        logits: of all words, [words * C].
    """

    file: str
    sha256: str
    digests: Hashes
    words: pa.ListArray
    offsets: NDArray[np.int32]
    logits: NDArray[np.float16]


def open_shard(path: Path, labels: int, sha256: str | None = None) -> Shard:
    """Map the shard in the file ``path`` into memory, after verifying it.

    Args:
        path: the file.
        labels: logits of a word.
        sha256: its checksum; None if unknown.

    Raises:
        DamagedShardError: it has other content than was written.
        OSError: it cannot be opened.
    """
    try:
        with pa.memory_map(str(path)) as file:
            content = file.read_buffer()  # it holds the mapping
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
    digests, words, values = batch.columns
    lists_are_whole = not any(one.null_count for one in (*batch.columns, words.values, values.values))
    if not lists_are_whole or (np.diff(values.offsets) != labels * np.diff(words.offsets)).any():
        raise DamagedShardError(f"it does not hold {labels} logits for each word")
    return Shard(
        path.name,
        checksum,
        np.frombuffer(digests.buffers()[1], dtype="S16")[digests.offset :][: len(digests)],
        words,
        values.offsets.to_numpy(zero_copy_only=True),
        values.values.to_numpy(zero_copy_only=True),
    )


def check_words(shard: Shard) -> None:
    """Check the words of a shard without a known checksum against their digests.

    Raises:
        DamagedShardError: they differ, or a logit is not finite.
    """
    digests = [digest_of(tuple(words)) for words in shard.words.to_pylist()]
    if not np.array_equal(shard.digests, hash_array(digests)) or not np.isfinite(shard.logits).all():
        raise DamagedShardError("its words are not those that were labeled")


def write_shard(path: Path, sentences: Sequence[Sentence], digests: Sequence[bytes], logits: Logits) -> None:
    """Write ``sentences`` with their ``digests`` and ``logits``, whole or not at all."""
    offsets = np.concatenate([[0], np.cumsum(logits.sizes)])
    batch = pa.record_batch(
        {
            "digest": pa.array(digests, _DIGEST),
            "words": pa.array([list(sentence.words) for sentence in sentences], pa.list_(pa.string())),
            "logits": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(logits.values)),
        }
    )
    with replacing(path) as part, pa.OSFile(str(part), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


class TransferSet:
    """Sentences with a teacher's logits, in a fixed order, read from mapped shards."""

    def __init__(
        self, shards: list[Shard], shard: NDArray[np.int32], row: NDArray[np.int32], labels: int, key: str
    ) -> None:
        """Take the sentences in row ``row`` of shard ``shard``; ``labels`` is C, ``key`` names the teacher."""
        self.key = key
        self._shards = shards
        self._shard = shard
        self._row = row
        self._labels = labels

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self._row)

    def chosen(self, numbers: NDArray[np.int64]) -> TransferSet:
        """Return the sentences with ``numbers``, in this order."""
        return TransferSet(self._shards, self._shard[numbers], self._row[numbers], self._labels, self.key)

    def rows(self, sentence: int) -> NDArray[np.float16]:
        """Return the logits of the words of ``sentence``, [words, C], as a view of the file."""
        shard, row = self._shards[self._shard[sentence]], self._row[sentence]
        rows: NDArray[np.float16] = shard.logits[shard.offsets[row] : shard.offsets[row + 1]]
        return rows.reshape(-1, self._labels)

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> NDArray[np.float32]:
        """Return the logits of the words of all ``spans`` (sentence, first word, words), concatenated, [W, C]."""
        rows = [self.rows(sentence)[first : first + count] for sentence, first, count in spans]
        return np.concatenate(rows).astype(np.float32)

    def digests(self) -> Hashes:
        """Return the digest of each sentence, [N]."""
        found = np.empty(len(self), dtype="S16")
        order = np.argsort(self._shard, kind="stable")  # one pass per shard, not one over all sentences for each
        shards, starts = np.unique(self._shard[order], return_index=True)
        for shard, here in zip(shards, np.split(order, starts[1:]), strict=True):
            found[here] = self._shards[shard].digests[self._row[here]]
        return found

    def sentence(self, number: int) -> Sentence:
        """Return the words of a sentence, as they were labeled."""
        return Sentence(tuple(self._shards[self._shard[number]].words[int(self._row[number])].as_py()))


@dataclass(frozen=True)
class TeacherLogitsDataset:
    """Sentences in a fixed order with the logits of each teacher, which are mixed when they are read.

    Attributes:
        ensemble: mixes the logits.
        sets: the transfer set of each teacher, with the same sentences.
        weights: sampling weight of each sentence, [N].
    """

    ensemble: TeacherEnsemble
    sets: tuple[TransferSet, ...]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self.sets[0])

    def chosen(self, numbers: NDArray[np.int64]) -> TeacherLogitsDataset:
        """Return the sentences with ``numbers``, in this order."""
        return TeacherLogitsDataset(
            self.ensemble, tuple(one.chosen(numbers) for one in self.sets), self.weights[numbers]
        )

    def starting_at(self, number: int) -> TeacherLogitsDataset:
        """Return the sentences from ``number`` on."""
        return self.chosen(np.arange(number, len(self)))

    def sources(self, number: int) -> NDArray[np.float64] | None:
        """Return the weights, 0 for the first ``number`` sentences; None if all others have the same weight."""
        others = self.weights[number:]
        if not len(others) or (others == others[0]).all():
            return None
        return np.append(np.zeros(number), others.astype(np.float64))

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> NDArray[np.float32]:
        """Return the ensemble's logits of the words of all ``spans`` (sentence, first word, words), [W, C]."""
        return self.ensemble.mix([one.gather(spans) for one in self.sets])

    def rows(self, sentence: int) -> NDArray[np.float32]:
        """Return the ensemble's logits of the words of ``sentence``, [words, C]."""
        return self.ensemble.mix([one.rows(sentence) for one in self.sets])

    def answer(self, sentence: int) -> Prediction:
        """Return the ensemble's logits and label of each word of ``sentence``."""
        (answer,) = self.ensemble.decoder.predict([self.rows(sentence).astype(np.float32)])
        return answer

    def digests(self) -> Hashes:
        """Return the digest of each sentence, [N]."""
        return self.sets[0].digests()

    def sentence(self, number: int) -> Sentence:
        """Return the words of a sentence."""
        return self.sets[0].sentence(number)
