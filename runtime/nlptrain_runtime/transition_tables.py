"""The transition scores of a linear chain, and quantities derived from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import FloatArray, IntArray


FORBIDDEN = -1e8  # the score of a transition that the tag scheme excludes; finite, so that sums stay finite


@dataclass(frozen=True)
class AllOutsideShortcut:
    """A fast test whether the best path has the same label at every word: half of all sentences are all ``O``.

    Attributes:
        label: the id of ``O``.
        gain: an upper bound on what a transition, a start or an end can score above those of the label.
        first: the other labels that can follow ``label`` or start a sentence.
    """

    label: int
    gain: float
    first: IntArray

    def wins(self, emissions: FloatArray) -> bool:
        """Return True only if the label is best at every word of a sentence, [N, C]; False proves nothing.

        Any other path changes at some word to a label of ``first``, has other labels for some words, and changes back.
        The test is True if the change costs more than all these words and transitions can gain.
        """
        others = emissions - emissions[:, self.label : self.label + 1]
        changing = others[:, self.first].max(axis=1) + 2 * self.gain
        others[:, self.label] = -np.inf
        staying = np.maximum(others.max(axis=1) + self.gain, 0)
        later = staying[::-1].cumsum()[::-1] - staying
        return bool((changing + later < 0).all())


@dataclass(frozen=True)
class TransitionTables:
    """The transition scores of a linear chain; excluded transitions have ``FORBIDDEN``.

    Attributes:
        transitions: [C, C], from the row's label to the column's.
        start: score of each label of the first word, [C].
        end: score of each label of the last word, [C].
    """

    transitions: FloatArray
    start: FloatArray
    end: FloatArray

    @cached_property
    def products(self) -> tuple[FloatArray, FloatArray]:
        """Factors for forward and backward sums in one product: a block-diagonal matrix [2C, 2C], both ends [2C]."""
        labels = len(self.start)
        both = np.zeros((2 * labels, 2 * labels))
        move = np.exp(self.transitions - self.transitions.max())
        both[:labels, :labels], both[labels:, labels:] = move, move.T
        return both, np.concatenate([np.exp(scores - scores.max()) for scores in (self.start, self.end)])

    @cached_property
    def all_outside(self) -> AllOutsideShortcut | None:
        """The test for the first label, ``O`` in a tag scheme; None if it cannot be the label of every word."""
        scores = (self.transitions[0, 0], self.start[0], self.end[0])
        others = np.flatnonzero(np.maximum(self.transitions[0], self.start)[1:] > FORBIDDEN) + 1
        if min(scores) <= FORBIDDEN or not len(others):
            return None
        gains = (self.transitions.max() - scores[0], self.start.max() - scores[1], self.end.max() - scores[2])
        return AllOutsideShortcut(0, max(0.0, *gains), others)

    def divided(self, temperature: float) -> TransitionTables:
        """Return the scores divided by a temperature; ``FORBIDDEN`` stays as it is."""
        if temperature == 1.0:
            return self
        return TransitionTables(*(_divided(scores, temperature) for scores in (self.transitions, self.start, self.end)))


def _divided(scores: FloatArray, temperature: float) -> FloatArray:
    return np.where(scores <= FORBIDDEN, FORBIDDEN, scores / temperature)
