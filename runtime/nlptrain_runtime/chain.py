"""A linear chain over the words of sentences, in numpy: Viterbi and forward-backward (Lafferty et al. 2001).

Legend: S sentences of ``counts`` words [S], W words of all of them, one sentence behind the other, C labels. Chains run
side by side, the longest first, so that a step of all those that still have a word is one product of contiguous arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

FORBIDDEN = -1e8  # the score of what the tag scheme rules out; finite, so that sums stay numbers
_PAIRS = 500_000  # pairs of neighbouring labels of all chains that are decoded together


@dataclass(frozen=True)
class Tables:
    """The scores of a chain; what is forbidden has ``FORBIDDEN``.

    Attributes:
        transitions: [C, C], from the row's label to the column's.
        start: what a sentence gains by beginning with a label, [C].
        end: what it gains by ending with it, [C].
    """

    transitions: Floats
    start: Floats
    end: Floats

    def divided(self, temperature: float) -> Tables:
        """The scores divided by a temperature; what is forbidden stays so."""
        if temperature == 1.0:
            return self
        return Tables(*(_divided(scores, temperature) for scores in (self.transitions, self.start, self.end)))


def _divided(scores: Floats, temperature: float) -> Floats:
    return np.where(scores <= FORBIDDEN, FORBIDDEN, scores / temperature)


def best_paths(emissions: NDArray[np.floating], counts: Numbers, tables: Tables) -> Numbers:
    """The labels of the best path of each sentence, [W] (Viterbi 1967).

    Where a label was best reached from is looked for on the way back, of the labels of the path alone.

    Args:
        emissions: [W, C].
        counts: words of each sentence, [S]; may be 0.
        tables: the scores of neighbours.
    """
    best = np.empty(len(emissions), dtype=np.int64)
    for first, running in _together(counts, emissions.shape[1]):
        best_of = _viterbi(emissions, first, running, tables, counts)
        for step, labels in enumerate(best_of):
            best[first[: running[step]] + step] = labels
    return best


def _viterbi(
    emissions: NDArray[np.floating], first: Numbers, running: Numbers, tables: Tables, counts: Numbers
) -> list[Numbers]:
    """The labels of each step, [running chains] each."""
    table = np.ascontiguousarray(tables.transitions)[:, :, None]
    scores = [_column(emissions, first) + tables.start[:, None]]
    for step in range(1, len(running)):
        kept = running[step]
        moved = (scores[-1][:, None, :kept] + table).max(axis=0)
        scores.append(moved + _column(emissions, first[:kept] + step))
    labels: list[Numbers] = []
    behind = np.empty(0, dtype=np.int64)
    for step in range(len(running) - 1, -1, -1):
        # Chains that end here take their best last label; the others what led to the label behind.
        going = len(behind)
        here = scores[step]
        label = np.empty(running[step], dtype=np.int64)
        label[going:] = (here[:, going:] + tables.end[:, None]).argmax(axis=0)
        if going:
            label[:going] = (here[:, :going] + tables.transitions[:, behind]).argmax(axis=0)
        labels.append(label)
        behind = label
    return labels[::-1]


def log_marginals(emissions: NDArray[np.floating], counts: Numbers, tables: Tables) -> Floats:
    """The log-probability of each label of each word, [W, C].

    Sums of products, each word's scaled to add up to 1 (Rabiner 1989, section V.A); sentences in which these fall below
    the smallest number are computed by logarithms. What is less likely than that number has ``FORBIDDEN``.

    Args:
        emissions: [W, C].
        counts: words of each sentence, [S]; may be 0.
        tables: the scores of neighbours.
    """
    found = np.empty(emissions.shape, dtype=np.float64)
    for first, running in _together(counts, emissions.shape[1]):
        with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
            shares = _shares(emissions, first, running, tables)
            lost = np.zeros(len(first), dtype=bool)
            for here in shares:
                lost[: here.shape[1]] |= ~(here.sum(axis=0) > 0.5)
            for step, here in enumerate(shares):
                found[first[: here.shape[1]] + step] = np.where(here > 0, np.log(here), FORBIDDEN).T
        for chain in np.flatnonzero(lost):
            start = int(first[chain])
            end = start + int((running > chain).sum())
            found[start:end] = _by_logarithms(emissions[start:end].astype(np.float64), tables)
    return found


def _shares(emissions: NDArray[np.floating], first: Numbers, running: Numbers, tables: Tables) -> list[Floats]:
    """The probability of each label at each step, [C, running chains] each; no number where a product was lost."""
    move = np.exp(tables.transitions - tables.transitions.max())
    factors = []
    for step in range(len(running)):
        column = _column(emissions, first[: running[step]] + step)
        factors.append(np.exp(column - column.max(axis=0)))
    start, end = (np.exp(scores - scores.max())[:, None] for scores in (tables.start, tables.end))
    fronts = [_scaled(start * factors[0])]
    for step in range(1, len(running)):
        fronts.append(_scaled((move.T @ fronts[-1][:, : running[step]]) * factors[step]))
    shares: list[Floats] = []
    back = np.empty((len(move), 0))
    for step in range(len(running) - 1, -1, -1):
        here = np.repeat(end, running[step], axis=1)
        if back.shape[1]:
            here[:, : back.shape[1]] = move @ (back * factors[step + 1])
        back = _scaled(here)
        shares.append(_scaled(fronts[step] * back))
    return shares[::-1]


def _scaled(values: Floats) -> Floats:
    scaled: Floats = values / values.sum(axis=0)
    return scaled


def _by_logarithms(emissions: Floats, tables: Tables) -> Floats:
    """The log-marginals of one sentence, [N, C]."""
    fronts, backs = [emissions[0] + tables.start], [tables.end]
    for here in emissions[1:]:
        fronts.append(here + np.logaddexp.reduce(fronts[-1][:, None] + tables.transitions, axis=0))
    for behind in emissions[:0:-1]:
        backs.append(np.logaddexp.reduce(tables.transitions + (backs[-1] + behind), axis=1))
    sums = np.stack(fronts) + np.stack(backs[::-1])
    found: Floats = np.maximum(sums - np.logaddexp.reduce(sums, axis=1, keepdims=True), FORBIDDEN)
    return found


def _column(emissions: NDArray[np.floating], words: Numbers) -> Floats:
    """The emissions of ``words`` as columns, [C, chains]."""
    return np.ascontiguousarray(emissions[words].T, dtype=np.float64)


def _together(counts: Numbers, labels: int) -> Iterator[tuple[Numbers, Numbers]]:
    """Groups of sentences that are decoded side by side: their first words, the longest first, and how many still run.

    Sentences without a word are left out.
    """
    begins = np.cumsum(counts) - counts
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    size = max(1, _PAIRS // labels**2)
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        lengths = counts[chosen]
        running = len(lengths) - np.searchsorted(lengths[::-1], np.arange(lengths[0]), side="right")
        yield begins[chosen], running
