"""TransferSet: sentences with a teacher's logits, read from its blocks; TeacherLogitsDataset: with an ensemble's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.mapped_arrays import ArrayWriter, mapped_array
from nlptrain.data.sentence import HashSet, Sentence
from nlptrain.distillation.block_file import StoredBlock
from nlptrain.distillation.block_store import StoredBlocks
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.models.heads import Prediction

_Values = TypeVar("_Values", bound="np.generic[Any]")


@dataclass(frozen=True)
class Rows:
    """Sentences in a fixed order: each is a row of a block.

    Attributes:
        block_ids: index of the block of each sentence, [N].
        rows: its row in the block, [N].
    """

    block_ids: NDArray[np.int32]
    rows: NDArray[np.uint16]

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self.rows)

    def __getitem__(self, selected: NDArray[np.integer] | slice) -> Rows:
        """Return the ``selected`` rows, in this order."""
        return Rows(_selected(self.block_ids, selected), _selected(self.rows, selected))

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """Return the rows of all ``parts``, one after the other."""
        block_ids, rows = ArrayWriter(np.int32), ArrayWriter(np.uint16)
        for part in parts:
            block_ids.append(part.block_ids)
            rows.append(part.rows)
        return cls(block_ids.finish(), rows.finish())

    @classmethod
    def distinct(cls, blocks: StoredBlocks, seen: HashSet) -> Rows:
        """Return the rows of the sentences of all ``blocks`` that are not in ``seen``, in their order, each once.

        A sentence of several blocks is that of the first of them by name, so that it does not matter in which order
        they are read.
        """
        kept: dict[int, NDArray[np.uint16]] = {}
        for block_id in sorted(range(len(blocks)), key=blocks.names.__getitem__):
            hashes = blocks[block_id].hashes
            kept[block_id] = np.flatnonzero(~seen.has(hashes)).astype(np.uint16)
            seen.add(hashes[kept[block_id]])
        return cls.joined(
            [cls(np.full(len(kept[index]), index, np.int32), kept[index]) for index in range(len(blocks))]
        )


def _selected(values: NDArray[_Values], selected: NDArray[np.integer] | slice) -> NDArray[_Values]:
    """Return the ``selected`` values: as a view, or mapped from a temporary file."""
    return values[selected] if isinstance(selected, slice) else mapped_array(values[selected])


class TransferSet:
    """Sentences with one teacher's logits, in a fixed order, read from mapped blocks."""

    def __init__(self, blocks: StoredBlocks, rows: Rows, key: str) -> None:
        """Hold the sentences in ``rows`` of ``blocks``; ``key`` identifies the teacher."""
        self.key = key
        self._blocks = blocks
        self._rows = rows

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self._rows)

    def select(self, rows: NDArray[np.integer] | slice) -> TransferSet:
        """Return the sentences of ``rows``, in this order."""
        return TransferSet(self._blocks, self._rows[rows], self.key)

    def identity(self) -> str:
        """Return a hash of the sentences and their order, in hexadecimal digits."""
        result = hashlib.blake2b(json.dumps(list(self._blocks.names)).encode(), digest_size=16)
        result.update(np.ascontiguousarray(self._rows.block_ids).data)
        result.update(np.ascontiguousarray(self._rows.rows).data)
        return result.hexdigest()

    def sentences(self, start: int = 0) -> Iterator[Sentence]:
        """Yield the sentences from ``start`` on as they were labeled, without tags."""
        for block, rows in self._runs(start):
            sentences = list(block.sentences())
            for row in rows.tolist():
                yield sentences[row]

    def parts(self) -> Iterator[tuple[NDArray[np.floating], NDArray[np.int64]]]:
        """Yield the sentences in parts, each of one block: the logits of all words, [W, C], and words per sentence."""
        for block, rows in self._runs():
            counts = np.diff(block.offsets)[rows].astype(np.int64)
            logits = block.logits.between(0, int(block.offsets[-1]))
            if len(rows) < len(block) or (rows != np.arange(len(rows))).any():
                firsts = block.offsets[rows] - np.cumsum(counts) + counts
                logits = logits[np.repeat(firsts, counts) + np.arange(counts.sum())]
            yield logits, counts

    def _runs(self, start: int = 0) -> Iterator[tuple[StoredBlock, NDArray[np.uint16]]]:
        """Yield the rows from ``start`` on, block by block."""
        block_ids, rows = self._rows.block_ids[start:], self._rows.rows[start:]
        changes = (np.flatnonzero(block_ids[1:] != block_ids[:-1]) + 1).tolist()
        limits = [0, *changes, len(rows)] if len(rows) else []
        for first, end in pairwise(limits):
            yield self._blocks[block_ids[first]], rows[first:end]

    def sentence(self, row: int) -> Sentence:
        """Return a sentence as it was labeled, without tags."""
        block: StoredBlock = self._blocks[self._rows.block_ids[row]]
        return block.sentence(int(self._rows.rows[row]))

    def teacher_logits(self, row: int) -> NDArray[np.floating]:
        """Return the logits of the words of a sentence, [words, C]."""
        block, block_row = self._blocks[self._rows.block_ids[row]], int(self._rows.rows[row])
        start, end = block.offsets[block_row : block_row + 2].tolist()
        logits: NDArray[np.floating] = block.logits.between(start, end)
        return logits

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> NDArray[np.float32]:
        """Return the logits of the words of all ``spans`` (row, first word, words), concatenated, [W, C]."""
        parts = [self.teacher_logits(row)[first : first + count] for row, first, count in spans]
        return np.concatenate(parts).astype(np.float32)


@dataclass(frozen=True)
class TeacherLogitsDataset:
    """Sentences with the logits of an ensemble: a transfer set per teacher, mixed when the logits are read.

    Attributes:
        ensemble: mixes the logits.
        sets: the transfer set of each teacher, all with the same sentences.
        weights: sampling weight of each sentence, [N].
        synthetic_from: index of the first synthetic sentence; the number of sentences if there is none.
    """

    ensemble: TeacherEnsemble
    sets: tuple[TransferSet, ...]
    weights: NDArray[np.float32]
    synthetic_from: int

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self.sets[0])

    def select(self, rows: NDArray[np.integer] | slice) -> TeacherLogitsDataset:
        """Return the sentences of ``rows``, which ascend; of a slice, those from its start on."""
        sets = tuple(transfer_set.select(rows) for transfer_set in self.sets)
        if isinstance(rows, slice):
            synthetic_from = max(0, self.synthetic_from - (rows.start or 0))
        else:
            synthetic_from = int(np.searchsorted(rows, self.synthetic_from))
        return TeacherLogitsDataset(self.ensemble, sets, _selected(self.weights, rows), synthetic_from)

    def parts(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Yield the sentences in parts: the ensemble's logits of all words, [W, C], and the words of each sentence."""
        for parts in zip(*(transfer_set.parts() for transfer_set in self.sets), strict=True):
            yield self.ensemble.mix([logits for logits, _ in parts]), parts[0][1]

    def source_weights(self, gold: int) -> NDArray[np.float32] | None:
        """Return the weights after ``gold`` weights of 0, those of the gold sentences; None if all are equal."""
        if not len(self.weights) or (self.weights == self.weights[0]).all():
            return None
        return np.append(np.zeros(gold, np.float32), self.weights)

    def sentences(self, start: int = 0) -> Iterator[Sentence]:
        """Yield the sentences from ``start`` on as they were labeled, without tags."""
        return self.sets[0].sentences(start)

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
