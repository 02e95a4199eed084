"""Viterbi and forward-backward for linear chains over the words of sentences, in numpy (Lafferty et al. 2001).

Legend: S sentences of ``counts`` words [S], W words of all of them, concatenated, C labels. Chains are computed in
parallel, the longest first, so that a step of all chains that have a word left is one product of contiguous arrays.
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

_SCALE_EVERY = 8  # words; then sums of products are scaled
_SHORT = 40  # words of a sentence whose sums of products need no scaling
_TINY = 1e-250
_MAX_PAIRS = 500_000  # pairs of neighboring labels of all chains of a group
_MAX_SCORES = 2_000_000  # labels of all words of a group


def best_paths(emissions: FloatArray, counts: IntArray, tables: TransitionTables) -> IntArray:
    """Return the labels of the best path of each sentence, [W] (Viterbi 1967).

    The best previous label is searched on the way back, only for the labels of the path.

    Args:
        emissions: [W, C].
        counts: words of each sentence, [S]; may be 0.
        tables: the transition scores.
    """
    if len(counts) == 1 and 0 < len(emissions) <= LONG:
        scores = emissions.astype(np.float64)
        all_outside = tables.all_outside
        if all_outside is not None and all_outside.wins(scores):
            return np.full(len(emissions), all_outside.label)
        return np.array(_best_path(scores, tables))
    best = np.empty(len(emissions), dtype=np.int64)
    begins = np.cumsum(counts) - counts
    short = counts <= LONG
    for words, running, _ in _groups(begins[short], counts[short], emissions.shape[1]):
        best[words] = _viterbi(_columns(emissions, words), running, tables, tables.start[:, None], tables.end[:, None])
    for begin, count in zip(begins[~short], counts[~short], strict=True):
        best[begin : begin + count] = _cut_path(emissions[begin : begin + count], tables)
    return best


def _cut_path(emissions: FloatArray, tables: TransitionTables) -> IntArray:
    """Return the labels of one long sentence: the chain is cut at words whose label no neighbor can change."""
    best = certain_labels(emissions, tables)
    cuts = np.concatenate([[-1], np.flatnonzero(best >= 0), [len(best)]])
    begins, counts = cuts[:-1] + 1, np.diff(cuts) - 1
    between = counts > 0
    begins, counts = begins[between], counts[between]
    starts = np.concatenate([tables.transitions, tables.start[None]]).T  # [C, C + 1], by the previous label
    ends = np.concatenate([tables.transitions, tables.end[:, None]], axis=1)  # [C, C + 1], by the next label
    labels = len(tables.start)
    before = np.where(begins > 0, best[begins - 1], labels)
    after = np.where(begins + counts < len(best), best[np.minimum(begins + counts, len(best) - 1)], labels)
    short = counts <= LONG
    for words, running, chains in _groups(begins[short], counts[short], labels):
        edges = starts[:, before[short][chains]], ends[:, after[short][chains]]
        best[words] = _viterbi(_columns(emissions, words), running, tables, *edges)
    long_parts = zip(*(values[~short] for values in (begins, counts, before, after)), strict=True)
    for begin, count, label_before, label_after in long_parts:
        part = emissions[begin : begin + count]
        edges = starts[:, label_before], ends[:, label_after]
        best[begin : begin + count] = long_path(part, tables.transitions, *edges)
    return best


def _best_path(emissions: FloatArray, tables: TransitionTables) -> list[int]:
    """Return the labels of one sentence, [N], in a fraction of the time of the code for many sentences."""
    moves = tables.transitions + emissions[:, None, :]  # from each label to each label
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
    continuing, following = 0, np.empty(0, dtype=np.int64)
    for kept, score in zip(running[::-1], scores[::-1], strict=True):
        # Chains that end at this step take their best last label; the others their best previous label.
        if continuing == kept:
            following = (score + into[following].T).argmax(axis=0)
        else:
            last = (score[:, continuing:] + end[:, continuing:kept]).argmax(axis=0)
            inner = (score[:, :continuing] + into[following].T).argmax(axis=0)
            following = np.concatenate([inner, last])
        labels.append(following)
        continuing = kept
    return np.concatenate(labels[::-1])


def log_marginals(
    emissions: FloatArray,
    counts: IntArray,
    tables: TransitionTables,
    temperature: float = 1.0,
    dtype: type[np.floating] = np.float64,
) -> FloatArray:
    """Return the log-probability of each label of each word, [W, C].

    Computed by sums of products, scaled every few words to a sum of 1 (Rabiner 1989, section V.A); sentences in which
    these underflow are computed by logarithms. Labels whose probability underflows have ``FORBIDDEN``.

    Args:
        emissions: [W, C].
        counts: words of each sentence, [S]; may be 0.
        tables: the transition scores, divided by the temperature.
        temperature: divides the emissions.
        dtype: of the result.
    """
    marginals = np.empty(emissions.shape, dtype)
    for words, values in marginal_blocks(emissions, counts, tables, temperature):
        marginals[words] = values
    return marginals


def marginal_blocks(
    emissions: FloatArray, counts: IntArray, tables: TransitionTables, temperature: float
) -> Iterator[tuple[IntArray | slice, FloatArray]]:
    """Yield words and their ``log_marginals`` [w, C], group by group in bounded memory.

    Some words may be yielded twice; the later values count.
    """
    if len(counts) == 1 and 0 < len(emissions) <= _SHORT:
        marginals = _short_marginals((emissions / temperature).astype(np.float64), tables)
        if marginals is not None:
            yield slice(None), marginals
            return
    begins = np.cumsum(counts) - counts
    short = counts <= LONG
    for words, running, _ in _groups(begins[short], counts[short], emissions.shape[1]):
        yield words, _marginals(_columns(emissions, words, temperature), running, tables)
    for begin, count in zip(begins[~short].tolist(), counts[~short].tolist(), strict=True):
        for part, values in long_marginals(emissions[begin : begin + count], tables, temperature):
            yield slice(begin + part.start, begin + part.stop), values


def _marginals(columns: FloatArray, running: list[int], tables: TransitionTables) -> FloatArray:
    """Return the log-probability of each label at all steps, [w, C]."""
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
        shares = _shares(columns, running, tables)
        marginals: FloatArray = np.where(shares > 0, np.log(shares), FORBIDDEN).T
    underflown = ~(np.add.reduce(shares, axis=0) > 0.5)
    if underflown.any():
        chains = np.concatenate([np.arange(kept) for kept in running])
        for chain in np.unique(chains[underflown]):
            words = np.flatnonzero(chains == chain)
            marginals[words] = _marginals_by_logarithms(columns[:, words].T, tables)
    return marginals


def _shares(columns: FloatArray, running: list[int], tables: TransitionTables) -> FloatArray:
    """Return the probability of each label at all steps, [C, w]; NaN where a product underflows."""
    move = np.exp(tables.transitions - tables.transitions.max())
    onwards = np.ascontiguousarray(move.T)
    factors = np.exp(columns - columns.max(axis=0))
    start, end = (np.exp(scores - scores.max())[:, None] for scores in (tables.start, tables.end))
    total = np.add.reduce
    message = start * factors[:, : running[0]]
    forward = np.empty_like(factors)
    begin = 0
    for step, kept in enumerate(running):
        if step:
            message = (onwards @ message[:, :kept]) * factors[:, begin : begin + kept]
        if step % _SCALE_EVERY == _SCALE_EVERY - 1:
            message = message / total(message, axis=0)
        forward[:, begin : begin + kept] = message
        begin += kept
    backward = np.empty_like(factors)
    following = np.empty((len(move), 0))
    for step, kept in enumerate(running[::-1]):
        begin -= kept
        continuing = following.shape[1]
        message = np.repeat(end, kept, axis=1) if continuing < kept else np.empty_like(following)
        if continuing:
            next_factors = factors[:, begin + kept : begin + kept + continuing]
            message[:, :continuing] = move @ (following * next_factors)
        following = message / total(message, axis=0) if step % _SCALE_EVERY == _SCALE_EVERY - 1 else message
        backward[:, begin : begin + kept] = following
    shares = forward * backward
    scaled: FloatArray = shares / total(shares, axis=0)
    return scaled


def _short_marginals(emissions: FloatArray, tables: TransitionTables) -> FloatArray | None:
    """Return the log-marginals of one short sentence, [N, C], or None if sums of products underflow."""
    labels = len(tables.start)
    both, ends = tables.products
    factors = np.exp(emissions - emissions.max(axis=1, keepdims=True))
    # Forward and, from the other end, backward: two vectors in one, so that each step is one product.
    pairs = np.concatenate([factors, factors[::-1]], axis=1)
    incoming = ends
    message = incoming * pairs[0]
    without_own, with_own = [incoming], [message]
    dot = np.dot  # for small arrays it takes half the time of @
    for pair in pairs[1:]:
        incoming = dot(message, both)
        message = incoming * pair
        without_own.append(incoming)
        with_own.append(message)
    # The factor of a word counts once: it is in the forward message, and not in the backward one.
    shares = np.array(with_own)[:, :labels] * np.array(without_own)[::-1, labels:]
    total = np.add.reduce(shares, axis=1, keepdims=True)
    if not total.min() > _TINY:
        return None
    with np.errstate(divide="ignore"):
        marginals: FloatArray = np.log(shares / total)
    return np.maximum(marginals, FORBIDDEN)


def _marginals_by_logarithms(emissions: FloatArray, tables: TransitionTables) -> FloatArray:
    """Return the log-marginals of one sentence, [N, C]."""
    forward, backward = [emissions[0] + tables.start], [tables.end]
    for word in emissions[1:]:
        forward.append(word + np.logaddexp.reduce(forward[-1][:, None] + tables.transitions, axis=0))
    for word in emissions[:0:-1]:
        backward.append(np.logaddexp.reduce(tables.transitions + (backward[-1] + word), axis=1))
    sums = np.stack(forward) + np.stack(backward[::-1])
    marginals: FloatArray = np.maximum(sums - np.logaddexp.reduce(sums, axis=1, keepdims=True), FORBIDDEN)
    return marginals


def _columns(emissions: FloatArray, words: IntArray, temperature: float = 1.0) -> FloatArray:
    """Return the emissions of ``words``, divided by a temperature, as columns, [C, w]."""
    return np.ascontiguousarray((emissions[words] / temperature).T, dtype=np.float64)


def _groups(begins: IntArray, counts: IntArray, labels: int) -> Iterator[tuple[IntArray, list[int], IntArray]]:
    """Yield groups of chains: their words, step by step, the number of running chains at each step, and the chains.

    A step has one word of each chain that has one left, the longest chain first. Chains without a word are omitted.

    Args:
        begins: the first word of each chain.
        counts: words of each chain.
        labels: C.
    """
    order = np.argsort(-counts, kind="stable")
    order = order[: np.count_nonzero(counts)]
    start = 0
    while start < len(order):
        longest = int(counts[order[start]])
        group = order[start : start + max(1, min(_MAX_PAIRS // labels**2, _MAX_SCORES // (labels * longest)))]
        start += len(group)
        first, lengths = begins[group], counts[group]
        if len(group) == 1:
            yield first[0] + np.arange(lengths[0]), [1] * int(lengths[0]), group
            continue
        running = len(lengths) - np.searchsorted(lengths[::-1], np.arange(lengths[0]), side="right")
        steps = np.repeat(np.arange(len(running)), running)
        yield first[ranges(np.zeros_like(running), running)] + steps, running.tolist(), group
