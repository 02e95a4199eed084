"""The logits of a block's words as Arrow columns: those of all labels or, of many labels, the largest alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nlptrain.distillation.sealed_files import DamagedFileError

MANY_LABELS = 32  # with more, the largest logits take less room
MAX_DIVERGENCE = 1e-4  # of a word's distribution from the stored one, in nats
_SLICE = 4096  # words whose logits are sorted at once
_MIN_LOGIT = -60.0  # of the labels that are not stored, if their probability is 0

Columns = dict[str, pa.Array]


class StoredLogits(Protocol):
    """The logits of the W words of a block."""

    def between(self, start: int, end: int) -> NDArray[np.floating[Any]]:
        """Return the logits of the words from ``start`` to ``end``, [end - start, C]."""
        ...


@dataclass(frozen=True)
class AllLogits:
    """The logits of all labels, [W, C]."""

    values: NDArray[np.float16]

    def between(self, start: int, end: int) -> NDArray[np.float16]:
        """Return the logits of the words from ``start`` to ``end``, [end - start, C], as a view."""
        return self.values[start:end]

    @staticmethod
    def columns(logits: NDArray[np.float16]) -> Columns:
        """Return the columns of a word for ``logits`` [W, C]."""
        values = pa.array(np.ascontiguousarray(logits).reshape(-1))
        return {"logits": pa.FixedSizeListArray.from_arrays(values, logits.shape[1])}

    @classmethod
    def read(cls, words: pa.StructArray, labels: int) -> AllLogits:
        """Read the ``columns`` of words.

        Raises:
            DamagedFileError: they have other types.
        """
        column = words.field("logits")
        if column.type != pa.list_(pa.float16(), labels) or column.null_count or column.values.null_count:
            raise DamagedFileError(f"it has no {labels} logits for each word")
        return cls(column.values.to_numpy(zero_copy_only=True).reshape(-1, labels))


@dataclass(frozen=True)
class TopLogits:
    """The log-probabilities of each word's likeliest labels, and the mean of the others.

    A word has as few of them as make the Kullback-Leibler divergence of its distribution from the stored one, in which
    the other labels share the rest evenly, less than 1e-4.

    Attributes:
        labels: C, the number of all labels.
        ends: of the entries of each word, [W].
        rest: log-probability of each label without an entry, [W].
        label_ids: of the entries of all words.
        values: their log-probabilities.
    """

    labels: int
    ends: NDArray[np.uint32]
    rest: NDArray[np.float16]
    label_ids: NDArray[np.uint16]
    values: NDArray[np.float16]

    def between(self, start: int, end: int) -> NDArray[np.float32]:
        """Return the log-probabilities of the words from ``start`` to ``end``, [end - start, C]."""
        ends = self.ends[start:end].astype(np.int64)
        first = int(self.ends[start - 1]) if start else 0
        logits = np.repeat(self.rest[start:end].astype(np.float32)[:, None], self.labels, axis=1)
        entries = slice(first, int(ends[-1]) if len(ends) else first)
        owners = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=first))
        logits[owners, self.label_ids[entries]] = self.values[entries]
        return logits

    @staticmethod
    def columns(logits: NDArray[np.float16]) -> Columns:
        """Return the columns of a word for ``logits`` [W, C]."""
        counts, rest, label_ids, values = [], [], [], []
        for start in range(0, len(logits), _SLICE):
            part = logits[start : start + _SLICE].astype(np.float32)
            part_counts, part_rest, ids, log_probabilities = _largest(part)
            counts.append(part_counts)
            rest.append(part_rest)
            label_ids.append(ids)
            values.append(log_probabilities)
        ends = np.cumsum(np.concatenate([np.empty(0, np.int64), *counts])).astype(np.int32)
        entries = pa.StructArray.from_arrays(
            [
                pa.array(np.concatenate([np.empty(0, np.uint16), *label_ids])),
                pa.array(np.concatenate([np.empty(0, np.float16), *values])),
            ],
            ["label", "logit"],
        )
        offsets = pa.array(np.append(np.zeros(1, np.int32), ends))
        rest_of_all = pa.array(np.concatenate([np.empty(0, np.float16), *rest]))
        return {"rest": rest_of_all, "top": pa.ListArray.from_arrays(offsets, entries)}

    @classmethod
    def read(cls, words: pa.StructArray, labels: int) -> TopLogits:
        """Read the ``columns`` of words.

        Raises:
            DamagedFileError: they have other types or labels.
        """
        rest, top = words.field("rest"), words.field("top")
        entry = pa.struct({"label": pa.uint16(), "logit": pa.float16()})
        if rest.type != pa.float16() or top.type != pa.list_(entry):
            raise DamagedFileError("it has no logits of the likeliest labels")
        label_ids, values = (top.values.field(name) for name in ("label", "logit"))
        if any(column.null_count for column in (rest, top, top.values, label_ids, values)):
            raise DamagedFileError("it has no logits of some words")
        ids = label_ids.to_numpy(zero_copy_only=True)
        if len(ids) and int(ids.max()) >= labels:
            raise DamagedFileError(f"it has other labels than {labels}")
        ends = top.offsets.to_numpy(zero_copy_only=True)[1:].view(np.uint32)
        return cls(labels, ends, rest.to_numpy(zero_copy_only=True), ids, values.to_numpy(zero_copy_only=True))


def smallest_columns(logits: NDArray[np.float16]) -> Columns:
    """Return the columns for the largest ``logits`` [W, C], or those for all where these take less room."""
    top = TopLogits.columns(logits)
    return top if sum(column.nbytes for column in top.values()) < logits.nbytes else AllLogits.columns(logits)


def _largest(
    logits: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.float16], NDArray[np.uint16], NDArray[np.float16]]:
    """Return how many labels of each word are stored, the log-probability of each other one, and the stored ones."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    order = np.argsort(-log_probabilities, axis=1, kind="stable")
    ordered = np.take_along_axis(log_probabilities, order, axis=1).astype(np.float64)
    probabilities = np.exp(ordered)
    # With k labels stored, the others have the mass r, and KL = sum(p log p) - r log(r / (C - k)) over these.
    masses = _sums_after(probabilities)
    negative_entropies = _sums_after(probabilities * ordered)
    others = np.arange(logits.shape[1], -1, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(masses > 0, np.log(masses / np.maximum(others, 1)), _MIN_LOGIT)
    divergences = negative_entropies - masses * means
    counts = np.argmax(divergences < MAX_DIVERGENCE, axis=1)
    is_stored = np.arange(logits.shape[1]) < counts[:, None]
    rest = np.maximum(np.take_along_axis(means, counts[:, None], axis=1)[:, 0], _MIN_LOGIT)
    return counts, rest.astype(np.float16), order[is_stored].astype(np.uint16), ordered[is_stored].astype(np.float16)


def _sums_after(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each k from 0 to C the sum of all but the first k values of each row, [W, C + 1]."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    sums[:, :-1] = np.cumsum(values[:, ::-1], axis=1)[:, ::-1]
    return sums
