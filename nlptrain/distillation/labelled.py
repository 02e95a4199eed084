"""What labelling has found and computed until now, and how far it is."""

from __future__ import annotations

import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.sentence import Sentence
from nlptrain.run import Run

_SAY_SECONDS = 20


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


class LabelledCounts:
    """How far labelling is, said every 20 seconds."""

    def __init__(self, run: Run) -> None:
        """Nothing is computed yet; ``run`` is told how far it is."""
        self.found = self.repeats = self._computed = self._words = 0
        self.rows = array("I")
        self._run = run
        self._started = self._said = time.monotonic()

    def add(self, sentences: Sequence[Sentence]) -> None:
        """Count what was computed."""
        self._computed += len(sentences)
        self._words += sum(len(one.words) for one in sentences)
        if time.monotonic() - self._said > _SAY_SECONDS:
            self._said = time.monotonic()
            rate = self._words / (self._said - self._started)
            self._run.say(f"labelling: {self._computed:,} sentences, {rate:,.0f} words/s")

    def labelled(self) -> Labelled:
        """All until now."""
        seconds = time.monotonic() - self._started
        rows = np.array(self.rows, dtype=np.uint32)
        return Labelled(self.found, self._computed, self._words, self.repeats, seconds, rows)
