"""Inference: features of words to emissions, batched by length."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptrain_runtime.arrays import GrowableArray, GrowableLists
from nlptrain_runtime.batching import Batch, attention_mask, batch_by_length, build_sequences
from nlptrain_runtime.folder import Folder
from nlptrain_runtime.onnx_graph import OnnxGraph
from nlptrain_runtime.windows import OVERLAPS

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from nlptrain_runtime.arrays import Array, FloatArray, IntArray

# Units of a batch of sequences that are longer than a whole batch otherwise: windows of a long text. A recurrent model
# reads three of them together 1.3 times as fast as one by one in float32.
_LONG_BATCH_UNITS = 12_288


class InferenceModel:
    """The exported graph of the model with its batching."""

    def __init__(self, folder: Folder, *, threads: int, batch_units: int) -> None:
        """Load the graph in ``folder``.

        Args:
            folder: an exported one.
            threads: batches that are computed at once, each by one thread.
            batch_units: units of a batch (subwords or words), padding included.

        Raises:
            FolderError: ONNX Runtime cannot read it.
        """
        described = folder.described
        self._labels = len(described["labels"])
        self._max_units: int = described["window"]["max_pieces"]
        self._subwords: dict[str, Any] = described["pieces"] if described["reads"] == "pieces" else {}
        self._prefix: list[int] = self._subwords.get("prefix", [])
        self._suffix: list[int] = self._subwords.get("suffix", [])
        self._pads_left: bool = self._subwords.get("pads_left", False)
        self._overlap = OVERLAPS[described["window"]["rule"]]
        self._batch_units = batch_units
        self._graph = OnnxGraph(folder, "model")
        self._threads = threads
        self.start_threads()

    def start_threads(self) -> None:
        """Start the threads; again in a forked process, which has none of its parent's."""
        self._pool = _thread_pool(self._threads) if self._threads > 1 else None

    def emissions(self, features: GrowableArray | GrowableLists, words: IntArray, counts: IntArray) -> FloatArray:
        """Return the emissions of each word, [W, C].

        Args:
            features: subwords or vectors of all known words.
            words: ids of the words, [W].
            counts: words of each sentence, [S].
        """
        if isinstance(features, GrowableLists):
            units, unit_counts = features.concatenate(words)
            inputs: Callable[[Batch], dict[str, Array]] = self._subword_inputs
        else:
            units, unit_counts = words, np.ones(len(words), dtype=np.int64)
            vectors: FloatArray = features.values

            def inputs(batch: Batch) -> dict[str, Array]:
                return {"vectors": vectors[batch.units], "lengths": batch.sizes}

        if len(counts) == 1 and 0 < len(units) <= self._max_units - len(self._prefix) - len(self._suffix):
            return self._run_one(units, unit_counts, inputs)
        sequences = build_sequences(
            units,
            unit_counts,
            counts,
            max_units=self._max_units,
            prefix=self._prefix,
            suffix=self._suffix,
            overlap=self._overlap,
        )
        longest = int(sequences.sizes.max(initial=0))
        max_units = self._batch_units
        if longest > self._batch_units:
            max_units = max(longest, min(3 * longest, _LONG_BATCH_UNITS))
        padding = self._subwords.get("padding", 0)
        batches = batch_by_length(sequences, max_units=max_units, padding=padding, pads_left=self._pads_left)
        return self._run(batches, inputs, len(words))

    def _run(self, batches: Iterable[Batch], inputs: Callable[[Batch], dict[str, Array]], words: int) -> FloatArray:
        emissions = np.empty((words, self._labels), dtype=np.float32)

        def run_batch(batch: Batch) -> None:
            (logits,) = self._graph.run(None, inputs(batch))
            emissions[batch.words] = logits.reshape(-1, self._labels)[batch.positions]

        if self._pool is None:
            for batch in batches:
                run_batch(batch)
        else:
            for _ in self._pool.map(run_batch, batches):
                pass
        return emissions

    def _run_one(
        self, units: IntArray, unit_counts: IntArray, inputs: Callable[[Batch], dict[str, Array]]
    ) -> FloatArray:
        """Return the emissions of one sentence that fits the model, without sorting and padding, [W, C]."""
        positions = len(self._prefix) + np.cumsum(unit_counts) - unit_counts
        if self._prefix or self._suffix:
            units = np.concatenate([self._prefix, units, self._suffix])
        batch = Batch(units[None], np.array([len(units)]), positions, positions)
        (logits,) = self._graph.run(None, inputs(batch))
        emissions: FloatArray = logits[0, positions]
        return emissions

    def _subword_inputs(self, batch: Batch) -> dict[str, Array]:
        mask = attention_mask(batch.sizes, batch.units.shape[1], pads_left=self._pads_left).astype(np.int64)
        return {"input_ids": batch.units, "attention_mask": mask}


def _thread_pool(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # not imported by a process of one thread

    return ThreadPoolExecutor(threads)
