"""A linear chain over the words of sentences, in numpy: Viterbi and forward-backward (Lafferty et al. 2001).

Legend: S sentences of ``counts`` words [S], W words of all of them, one sentence behind the other, C labels. Chains run
side by side, the longest first, so that a step of all those that still have a word is one product of contiguous arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nlptrain_runtime.arrays import ranges
from nlptrain_runtime.long_chain import LONG, certain_labels, long_marginals, long_path
from nlptrain_runtime.transition_tables import FORBIDDEN, TransitionTables

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import FloatArray, IntArray

_SCALED = 8  # words between which sums of products are scaled
_SHORT = 40  # words of a sentence whose sums of products need no scale
_TINY = 1e-250
_PAIRS = 500_000  # pairs of neighbouring labels of all chains that are decoded together
_SCORES = 2_000_000  # labels of all their words


def best_paths(emissions: FloatArray, counts: IntArray, tables: TransitionTables) -> IntArray:
    """The labels of the best path of each sentence, [W] (Viterbi 1967).

    Where a label was best reached from is looked for on the way back, of the labels of the path alone.

    Args:
        emissions: [W, C].
        counts: words of each sentence, [S]; may be 0.
        tables: the scores of neighbors.
    """
    if len(counts) == 1 and 0 < len(emissions) <= LONG:
        exact = emissions.astype(np.float64)
        all_outside = tables.all_outside
        if all_outside is not None and all_outside.wins(exact):
            return np.full(len(emissions), all_outside.label)
        return np.array(_best_path(exact, tables))
    best = np.empty(len(emissions), dtype=np.int64)
    begins = np.cumsum(counts) - counts
    short = counts <= LONG
    for words, running, _ in _together(begins[short], counts[short], emissions.shape[1]):
        best[words] = _viterbi(_columns(emissions, words), running, tables, tables.start[:, None], tables.end[:, None])
    for begin, count in zip(begins[~short], counts[~short], strict=True):
        best[begin : begin + count] = _cut_path(emissions[begin : begin + count], tables)
    return best


def _cut_path(emissions: FloatArray, tables: TransitionTables) -> IntArray:
    """The labels of one long sentence: the chain is cut at words whose label no neighbor can change."""
    best = certain_labels(emissions, tables)
    cuts = np.concatenate([[-1], np.flatnonzero(best >= 0), [len(best)]])
    begins, counts = cuts[:-1] + 1, np.diff(cuts) - 1
    between = counts > 0
    begins, counts = begins[between], counts[between]
    starts = np.concatenate([tables.transitions, tables.start[None]]).T  # [C, C + 1], by the label in front
    ends = np.concatenate([tables.transitions, tables.end[:, None]], axis=1)  # [C, C + 1], by the label after
    labels = len(tables.start)
    before = np.where(begins > 0, best[begins - 1], labels)
    after = np.where(begins + counts < len(best), best[np.minimum(begins + counts, len(best) - 1)], labels)
    short = counts <= LONG
    for words, running, chains in _together(begins[short], counts[short], labels):
        edges = starts[:, before[short][chains]], ends[:, after[short][chains]]
        best[words] = _viterbi(_columns(emissions, words), running, tables, *edges)
    for begin, count, one, other in zip(*(values[~short] for values in (begins, counts, before, after)), strict=True):
        part = emissions[begin : begin + count]
        best[begin : begin + count] = long_path(part, tables.transitions, starts[:, one], ends[:, other])
    return best


def _best_path(emissions: FloatArray, tables: TransitionTables) -> list[int]:
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


def _viterbi(
    columns: FloatArray, running: list[int], tables: TransitionTables, start: FloatArray, end: FloatArray
) -> IntArray:
    """Return the labels of all steps, concatenated, [w]; ``columns`` are the emissions, [C, w].

    ``start`` and ``end`` are [C, n], of each chain, or [C, 1].
    """
    end = np.broadcast_to(end, (len(end), running[0]))
    table = tables.transitions[:, :, None]
    highest = np.maximum.reduce
    score = columns[:, : running[0]] + start
    scores = [score]
    begin = running[0]
    for kept in running[1:]:
        score = highest(score[:, None, :kept] + table, axis=0)
        score += columns[:, begin : begin + kept]
        scores.append(score)
        begin += kept
    into = tables.transitions.T
    labels: list[IntArray] = []
    going, behind = 0, np.empty(0, dtype=np.int64)
    for kept, score in zip(running[::-1], scores[::-1], strict=True):
        # Chains that end here take their best last label; the others what led to the label behind.
        if going == kept:
            behind = (score + into[behind].T).argmax(axis=0)
        else:
            ending = (score[:, going:] + end[:, going:kept]).argmax(axis=0)
            before = (score[:, :going] + into[behind].T).argmax(axis=0)
            behind = np.concatenate([before, ending])
        labels.append(behind)
        going = kept
    return np.concatenate(labels[::-1])


def log_marginals(
    emissions: FloatArray,
    counts: IntArray,
    tables: TransitionTables,
    temperature: float = 1.0,
    dtype: type[np.floating] = np.float64,
) -> FloatArray:
    """The log-probability of each label of each word, [W, C].

    Sums of products, scaled every few words to add up to 1 (Rabiner 1989, section V.A); sentences in which these fall
    below the smallest number are computed by logarithms. What is less likely than that number has ``FORBIDDEN``.

    Args:
        emissions: [W, C].
        counts: words of each sentence, [S]; may be 0.
        tables: the scores of neighbors, divided by the temperature.
        temperature: divides the emissions.
        dtype: of the answer.
    """
    found = np.empty(emissions.shape, dtype)
    for words, values in marginal_blocks(emissions, counts, tables, temperature):
        found[words] = values
    return found


def marginal_blocks(
    emissions: FloatArray, counts: IntArray, tables: TransitionTables, temperature: float
) -> Iterator[tuple[IntArray | slice, FloatArray]]:
    """Yield words and their ``log_marginals`` [w, C], group by group, so that memory stays bounded.

    Some words may come twice; the later values count.
    """
    if len(counts) == 1 and 0 < len(emissions) <= _SHORT:
        found = _of_one((emissions / temperature).astype(np.float64), tables)
        if found is not None:
            yield slice(None), found
            return
    begins = np.cumsum(counts) - counts
    short = counts <= LONG
    for words, running, _ in _together(begins[short], counts[short], emissions.shape[1]):
        yield words, _marginals(_columns(emissions, words, temperature), running, tables)
    for begin, count in zip(begins[~short].tolist(), counts[~short].tolist(), strict=True):
        for part, values in long_marginals(emissions[begin : begin + count], tables, temperature):
            yield slice(begin + part.start, begin + part.stop), values


def _marginals(columns: FloatArray, running: list[int], tables: TransitionTables) -> FloatArray:
    """The log-probability of each label at all steps, [w, C]."""
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
        shares = _shares(columns, running, tables)
        found: FloatArray = np.where(shares > 0, np.log(shares), FORBIDDEN).T
    lost = ~(np.add.reduce(shares, axis=0) > 0.5)
    if lost.any():
        chains = np.concatenate([np.arange(kept) for kept in running])
        for chain in np.unique(chains[lost]):
            here = np.flatnonzero(chains == chain)
            found[here] = _by_logarithms(columns[:, here].T, tables)
    return found


def _shares(columns: FloatArray, running: list[int], tables: TransitionTables) -> FloatArray:
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
    scaled: FloatArray = shares / total(shares, axis=0)
    return scaled


def _of_one(emissions: FloatArray, tables: TransitionTables) -> FloatArray | None:
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
        found: FloatArray = np.log(shares / total)
    return np.maximum(found, FORBIDDEN)


def _by_logarithms(emissions: FloatArray, tables: TransitionTables) -> FloatArray:
    """The log-marginals of one sentence, [N, C]."""
    fronts, backs = [emissions[0] + tables.start], [tables.end]
    for here in emissions[1:]:
        fronts.append(here + np.logaddexp.reduce(fronts[-1][:, None] + tables.transitions, axis=0))
    for behind in emissions[:0:-1]:
        backs.append(np.logaddexp.reduce(tables.transitions + (backs[-1] + behind), axis=1))
    sums = np.stack(fronts) + np.stack(backs[::-1])
    found: FloatArray = np.maximum(sums - np.logaddexp.reduce(sums, axis=1, keepdims=True), FORBIDDEN)
    return found


def _columns(emissions: FloatArray, words: IntArray, temperature: float = 1.0) -> FloatArray:
    """The emissions of ``words``, divided by a temperature, as columns, [C, w]."""
    return np.ascontiguousarray((emissions[words] / temperature).T, dtype=np.float64)


def _together(begins: IntArray, counts: IntArray, labels: int) -> Iterator[tuple[IntArray, list[int], IntArray]]:
    """Groups of chains that are decoded side by side: their words, step by step, how many run at each step, and which.

    A step holds a word of each chain that still has one, the longest first. Chains without a word are left out.

    Args:
        begins: the first word of each chain.
        counts: its words.
        labels: C.
    """
    order = np.argsort(-counts, kind="stable")
    order = order[: np.count_nonzero(counts)]
    start = 0
    while start < len(order):
        longest = int(counts[order[start]])
        chosen = order[start : start + max(1, min(_PAIRS // labels**2, _SCORES // (labels * longest)))]
        start += len(chosen)
        first, lengths = begins[chosen], counts[chosen]
        if len(chosen) == 1:
            yield first[0] + np.arange(lengths[0]), [1] * int(lengths[0]), chosen
            continue
        running = len(lengths) - np.searchsorted(lengths[::-1], np.arange(lengths[0]), side="right")
        steps = np.repeat(np.arange(len(running)), running)
        yield first[ranges(np.zeros_like(running), running)] + steps, running.tolist(), chosen
