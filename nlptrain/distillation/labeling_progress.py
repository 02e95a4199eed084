"""Progress and result of labeling sentences with a teacher."""

from __future__ import annotations

import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.sentence import Sentence
from nlptrain.run import Run

_LOG_SECONDS = 20


@dataclass(frozen=True)
class LabelingResult:
    """The result of ``LogitStore.label``.

    Attributes:
        found: sentences that were stored already.
        computed: sentences that were labeled.
        words: of the labeled sentences.
        repeats: sentences with the same words as a labeled one.
        seconds: that labeling took.
        rows: the row of each given sentence in the store, [sentences].
    """

    found: int
    computed: int
    words: int
    repeats: int
    seconds: float
    rows: NDArray[np.uint32]

    @property
    def rate(self) -> float:
        """Labeled words per second."""
        return self.words / max(1e-9, self.seconds)

    def describe(self) -> str:
        """Return a line for the log."""
        if not self.computed:
            return f"teacher's logits: found all {self.found:,} sentences"
        repeats = (
            f" and {self.repeats:,} {'repeat' if self.repeats == 1 else 'repeats'} of them" if self.repeats else ""
        )
        return (
            f"teacher's logits: found {self.found:,} sentences, computed {self.computed:,}{repeats} "
            f"({self.words:,} words, {self.rate:,.0f} words/s)"
        )


class LabelingProgress:
    """Counts sentences and logs the progress every 20 seconds."""

    def __init__(self, run: Run) -> None:
        """Start at zero; progress goes to the log of ``run``."""
        self.found = self.repeats = self._computed = self._words = 0
        self.rows = array("I")
        self._run = run
        self._started = self._logged = time.monotonic()

    def add(self, sentences: Sequence[Sentence]) -> None:
        """Count labeled ``sentences``."""
        self._computed += len(sentences)
        self._words += sum(len(one.words) for one in sentences)
        if time.monotonic() - self._logged > _LOG_SECONDS:
            self._logged = time.monotonic()
            rate = self._words / (self._logged - self._started)
            self._run.log(f"labeling: {self._computed:,} sentences, {rate:,.0f} words/s")

    def result(self) -> LabelingResult:
        """Return the counts so far."""
        seconds = time.monotonic() - self._started
        rows = np.array(self.rows, dtype=np.uint32)
        return LabelingResult(self.found, self._computed, self._words, self.repeats, seconds, rows)
