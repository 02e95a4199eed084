"""A linear chain over the words of sentences, in numpy: Viterbi and forward-backward (Lafferty et al. 2001).

Legend: S sentences of ``counts`` words [S], W words of all of them, one sentence behind the other, C labels. Chains run
side by side, the longest first, so that a step of all those that still have a word is one product of contiguous arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nlptrain_runtime.growing import ranges

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import Floats, Numbers


FORBIDDEN = -1e8  # the score of what the tag scheme rules out; finite, so that sums stay numbers
_SCALED = 8  # words between which sums of products are scaled
_SHORT = 40  # words of a sentence whose sums of products need no scale
_TINY = 1e-250
_PAIRS = 500_000  # pairs of neighbouring labels of all chains that are decoded together


@dataclass(frozen=True)
class Common:
    """What shows soon that the best path has one label throughout, as half of all sentences do, all ``O``.

    Attributes:
        label: which.
        gain: the most that a pair of neighbours, a beginning or an end, can score above the label's own.
        first: the labels that can stand behind it, or first, without itself.
    """

    label: int
    gain: float
    first: Numbers

    def wins(self, emissions: Floats) -> bool:
        """Whether the label is the best one of every word of a sentence, [N, C]; where it says no, it may still be.

        Any other path leaves the label somewhere, by a label of ``first``, and stays away for some words, each of which
        gains a pair of neighbours, and one pair to come back: what it wins at most is less than what leaving costs.
        """
        others = emissions - emissions[:, self.label : self.label + 1]
        leaving = others[:, self.first].max(axis=1) + 2 * self.gain
        others[:, self.label] = -np.inf
        staying = np.maximum(others.max(axis=1) + self.gain, 0)
        later = staying[::-1].cumsum()[::-1] - staying
        return bool((leaving + later < 0).all())


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

    @cached_property
    def products(self) -> tuple[Floats, Floats]:
        """For sums of products, forwards and backwards side by side: a block for each [2C, 2C], and both ends [2C]."""
        labels = len(self.start)
        both = np.zeros((2 * labels, 2 * labels))
        move = np.exp(self.transitions - self.transitions.max())
        both[:labels, :labels], both[labels:, labels:] = move, move.T
        return both, np.concatenate([np.exp(scores - scores.max()) for scores in (self.start, self.end)])

    @cached_property
    def common(self) -> Common | None:
        """The label that most words have, if a sentence may have it throughout: the first one, ``O`` in a scheme."""
        scores = (self.transitions[0, 0], self.start[0], self.end[0])
        behind = np.flatnonzero(np.maximum(self.transitions[0], self.start)[1:] > FORBIDDEN) + 1
        if min(scores) <= FORBIDDEN or not len(behind):
            return None
        gains = (self.transitions.max() - scores[0], self.start.max() - scores[1], self.end.max() - scores[2])
        return Common(0, max(0.0, *gains), behind)

    def divided(self, temperature: float) -> Tables:
        """The scores divided by a temperature; what is forbidden stays so."""
        if temperature == 1.0:
            return self
        return Tables(*(_divided(scores, temperature) for scores in (self.transitions, self.start, self.end)))


def _divided(scores: Floats, temperature: float) -> Floats:
    return np.where(scores <= FORBIDDEN, FORBIDDEN, scores / temperature)


def best_paths(emissions: Floats, counts: Numbers, tables: Tables) -> Numbers:
    """The labels of the best path of each sentence, [W] (Viterbi 1967).

    Where a label was best reached from is looked for on the way back, of the labels of the path alone.

    Args:
        emissions: [W, C].
        counts: words of each sentence, [S]; may be 0.
        tables: the scores of neighbours.
    """
    if len(counts) == 1 and len(emissions):
        exact = emissions.astype(np.float64)
        common = tables.common
        if common is not None and common.wins(exact):
            return np.full(len(emissions), common.label)
        return np.array(_best_path(exact, tables))
    best = np.empty(len(emissions), dtype=np.int64)
    for words, running in _together(counts, emissions.shape[1]):
        best[words] = _viterbi(_columns(emissions, words), running, tables)
    return best


def _best_path(emissions: Floats, tables: Tables) -> list[int]:
    """The labels of one sentence, [N]: a fraction of the time of many side by side, for who asks for one at a time."""
    moves = tables.transitions + emissions[:, None, :]  # from each label to each
    add, highest, reached = np.add, np.maximum.reduce, np.empty_like(tables.transitions)
    scores = np.empty_like(emissions)
    scores[0] = emissions[0] + tables.start
    columns = scores[:, :, None]
    for move, column, score in zip(moves[1:], columns[:-1], scores[1:], strict=True):
        add(move, column, out=reached)
        highest(reached, axis=0, out=score)
    label = int((scores[-1] + tables.end).argmax())
    origins = (columns[:-1] + tables.transitions).argmax(axis=1).tolist()
    path = [label]
    for origin in reversed(origins):
        label = origin[label]
        path.append(label)
    return path[::-1]


def _viterbi(columns: Floats, running: list[int], tables: Tables) -> Numbers:
    """The labels of all steps, one step behind the other, [w]; ``columns`` are the emissions, [C, w]."""
    table = tables.transitions[:, :, None]
    highest = np.maximum.reduce
    score = columns[:, : running[0]] + tables.start[:, None]
    scores = [score]
    begin = running[0]
    for kept in running[1:]:
        score = highest(score[:, None, :kept] + table, axis=0)
        score += columns[:, begin : begin + kept]
        scores.append(score)
        begin += kept
    into = tables.transitions.T
    labels: list[Numbers] = []
    going, behind = 0, np.empty(0, dtype=np.int64)
    for kept, score in zip(running[::-1], scores[::-1], strict=True):
        # Chains that end here take their best last label; the others what led to the label behind.
        if going == kept:
            behind = (score + into[behind].T).argmax(axis=0)
        else:
            ending = (score[:, going:] + tables.end[:, None]).argmax(axis=0)
            before = (score[:, :going] + into[behind].T).argmax(axis=0)
            behind = np.concatenate([before, ending])
        labels.append(behind)
        going = kept
    return np.concatenate(labels[::-1])


def log_marginals(emissions: Floats, counts: Numbers, tables: Tables) -> Floats:
    """The log-probability of each label of each word, [W, C].

    Sums of products, scaled every few words to add up to 1 (Rabiner 1989, section V.A); sentences in which these fall
    below the smallest number are computed by logarithms. What is less likely than that number has ``FORBIDDEN``.

    Args:
        emissions: [W, C].
        counts: words of each sentence, [S]; may be 0.
        tables: the scores of neighbours.
    """
    if len(counts) == 1 and 0 < len(emissions) <= _SHORT:
        found = _of_one(emissions.astype(np.float64), tables)
        if found is not None:
            return found
    found = np.empty(emissions.shape, dtype=np.float64)
    for words, running in _together(counts, emissions.shape[1]):
        with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
            shares = _shares(_columns(emissions, words), running, tables)
            found[words] = np.where(shares > 0, np.log(shares), FORBIDDEN).T
        lost = ~(np.add.reduce(shares, axis=0) > 0.5)
        if lost.any():
            begins = words[: running[0]]
            lengths = np.bincount(np.concatenate([np.arange(kept) for kept in running]))
            chains = np.concatenate([np.arange(kept) for kept in running])[lost]
            for chain in np.unique(chains):
                here = slice(begins[chain], begins[chain] + lengths[chain])
                found[here] = _by_logarithms(emissions[here].astype(np.float64), tables)
    return found


def _shares(columns: Floats, running: list[int], tables: Tables) -> Floats:
    """The probability of each label at all steps, [C, w]; no number where a product was lost."""
    move = np.exp(tables.transitions - tables.transitions.max())
    onwards = np.ascontiguousarray(move.T)
    factors = np.exp(columns - columns.max(axis=0))
    start, end = (np.exp(scores - scores.max())[:, None] for scores in (tables.start, tables.end))
    total = np.add.reduce
    here = start * factors[:, : running[0]]
    fronts = np.empty_like(factors)
    begin = 0
    for number, kept in enumerate(running):
        if number:
            here = (onwards @ here[:, :kept]) * factors[:, begin : begin + kept]
        if number % _SCALED == _SCALED - 1:
            here = here / total(here, axis=0)
        fronts[:, begin : begin + kept] = here
        begin += kept
    backs = np.empty_like(factors)
    behind = np.empty((len(move), 0))
    for number, kept in enumerate(running[::-1]):
        begin -= kept
        going = behind.shape[1]
        here = np.repeat(end, kept, axis=1) if going < kept else np.empty_like(behind)
        if going:
            here[:, :going] = move @ (behind * factors[:, begin + kept : begin + kept + going])
        behind = here / total(here, axis=0) if number % _SCALED == _SCALED - 1 else here
        backs[:, begin : begin + kept] = behind
    shares = fronts * backs
    scaled: Floats = shares / total(shares, axis=0)
    return scaled


def _of_one(emissions: Floats, tables: Tables) -> Floats | None:
    """The log-marginals of one short sentence, [N, C], or None where sums of products were lost."""
    labels = len(tables.start)
    both, ends = tables.products
    factors = np.exp(emissions - emissions.max(axis=1, keepdims=True))
    # Forwards and, from the other end, backwards: two vectors side by side, one product a step for both.
    pairs = np.concatenate([factors, factors[::-1]], axis=1)
    bare = ends
    here = bare * pairs[0]
    without, within = [bare], [here]
    dot = np.dot  # of small ones it takes half as long as @
    for pair in pairs[1:]:
        bare = dot(here, both)
        here = bare * pair
        without.append(bare)
        within.append(here)
    # A word's own factor counts once: it is in what leads to the word, and not in what leads away from it.
    shares = np.array(within)[:, :labels] * np.array(without)[::-1, labels:]
    total = np.add.reduce(shares, axis=1, keepdims=True)
    if not total.min() > _TINY:
        return None
    with np.errstate(divide="ignore"):
        found: Floats = np.log(shares / total)
    return np.maximum(found, FORBIDDEN)


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


def _columns(emissions: Floats, words: Numbers) -> Floats:
    """The emissions of ``words`` as columns, [C, w]."""
    return np.ascontiguousarray(emissions[words].T, dtype=np.float64)


def _together(counts: Numbers, labels: int) -> Iterator[tuple[Numbers, list[int]]]:
    """Groups of sentences that are decoded side by side: their words, step by step, and how many run at each step.

    A step holds a word of each sentence that still has one, the longest first. Sentences without a word are left out.
    """
    begins = np.cumsum(counts) - counts
    order = np.argsort(-counts, kind="stable")
    order = order[: np.count_nonzero(counts)]
    size = max(1, _PAIRS // labels**2)
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        first, lengths = begins[chosen], counts[chosen]
        if len(chosen) == 1:
            yield first[0] + np.arange(lengths[0]), [1] * int(lengths[0])
            continue
        running = len(lengths) - np.searchsorted(lengths[::-1], np.arange(lengths[0]), side="right")
        steps = np.repeat(np.arange(len(running)), running)
        yield first[ranges(np.zeros_like(running), running)] + steps, running.tolist()
