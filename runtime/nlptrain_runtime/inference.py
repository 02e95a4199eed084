"""The net: rows to what it says of each word."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptrain_runtime.arrays import GrowableArray, GrowableLists
from nlptrain_runtime.batching import Batch, batches_of, laid, rows_of
from nlptrain_runtime.folder import Folder
from nlptrain_runtime.onnx_graph import Graph
from nlptrain_runtime.windows import OVERLAPS

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from nlptrain_runtime.arrays import Array, FloatArray, IntArray


# Units of a batch of rows that are longer than a whole batch otherwise: windows of a long text. A recurrent net reads
# three of them together 1.3 times as fast as one by one in float32.
_LONG_ROWS = 12_288


class Net:
    """The exported graph, and how the features of words become its inputs."""

    def __init__(self, folder: Folder, *, threads: int, batch_units: int) -> None:
        """Load the graph in ``folder``.

        Args:
            folder: an exported one.
            threads: batches that are computed at once, each by one thread.
            batch_units: units of a batch (pieces or words), padding included.

        Raises:
            FolderError: ONNX Runtime cannot read it.
        """
        described = folder.described
        self._labels = len(described["labels"])
        self._max_units: int = described["window"]["max_pieces"]
        self._pieces: dict[str, Any] = described["pieces"] if described["reads"] == "pieces" else {}
        self._left: bool = self._pieces.get("pads_left", False)
        self._special = len(self._pieces.get("prefix", [])) + len(self._pieces.get("suffix", []))
        self._overlap = OVERLAPS[described["window"]["rule"]]
        self._batch_units = batch_units
        self._session = Graph(folder, "model")
        self._threads = threads
        self.renew()

    def renew(self) -> None:
        """Begin with threads of this process: those of the one that it was forked from are not in it."""
        self._pool = _pool(self._threads) if self._threads > 1 else None

    def read(self, features: GrowableArray | GrowableLists, words: IntArray, counts: IntArray) -> FloatArray:
        """What the net says of each word, [W, C].

        Args:
            features: the pieces of all known words, or their vectors.
            words: their numbers, [W].
            counts: words of each sentence, [S].
        """
        if isinstance(features, GrowableLists):
            units, spans = features.joined(words)
            inputs: Callable[[Batch], dict[str, Array]] = self._of_pieces
        else:
            units, spans = words, np.ones(len(words), dtype=np.int64)
            vectors: FloatArray = features.values

            def inputs(batch: Batch) -> dict[str, Array]:
                return {"vectors": vectors[batch.units], "lengths": batch.sizes}

        if len(counts) == 1 and 0 < len(units) <= self._max_units - self._special:
            return self._one(units, spans, inputs)
        frame = {name: self._pieces.get(name, []) for name in ("prefix", "suffix")}
        rows = rows_of(units, spans, counts, max_units=self._max_units, overlap=self._overlap, **frame)
        longest = int(rows.sizes.max(initial=0))
        most = self._batch_units if longest <= self._batch_units else max(longest, min(3 * longest, _LONG_ROWS))
        batches = batches_of(rows, most=most, padding=self._pieces.get("padding", 0), left=self._left)
        return self._run(batches, inputs, len(words))

    def _run(self, batches: Iterable[Batch], inputs: Callable[[Batch], dict[str, Array]], words: int) -> FloatArray:
        found = np.empty((words, self._labels), dtype=np.float32)

        def answer(batch: Batch) -> None:
            (logits,) = self._session.run(None, inputs(batch))
            found[batch.words] = logits.reshape(-1, self._labels)[batch.places]

        if self._pool is None:
            for batch in batches:
                answer(batch)
        else:
            for _ in self._pool.map(answer, batches):
                pass
        return found

    def _one(self, units: IntArray, spans: IntArray, inputs: Callable[[Batch], dict[str, Array]]) -> FloatArray:
        """What the net says of the words of one sentence that is not too long: nothing is sorted, nothing padded."""
        before, behind = self._pieces.get("prefix", []), self._pieces.get("suffix", [])
        places = len(before) + np.cumsum(spans) - spans
        if self._special:
            units = np.concatenate([before, units, behind])
        batch = Batch(units[None], np.array([len(units)]), places, places)
        (logits,) = self._session.run(None, inputs(batch))
        found: FloatArray = logits[0, places]
        return found

    def _of_pieces(self, batch: Batch) -> dict[str, Array]:
        mask = laid(batch.sizes, batch.units.shape[1], left=self._left).astype(np.int64)
        return {"input_ids": batch.units, "attention_mask": mask}


def _pool(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # which a process of one thread need not open

    return ThreadPoolExecutor(threads)
