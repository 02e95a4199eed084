"""Viterbi and forward-backward for one long sequence: bounded memory, and most of it in parallel.

A text of thousands of words is one chain. Two facts allow computing its parts in parallel with the same result:

* Where a word's emissions outweigh everything that transitions can add, its label is the same on every best path. The
  chain is cut there, and the words between two such words are decoded separately.
* Forward and backward messages forget where they began. Overlapping segments start from a flat message, and each
  boundary is compared with the message of the neighboring segment. Updates of messages never expand their distance in
  Hilbert's projective metric (Birkhoff 1957), so segments with equal boundaries have the messages of the whole chain.

If neither applies, the chain is computed word by word, with memory for a block of words.

Legend: N words, C labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nlptrain_runtime.transition_tables import FORBIDDEN, TransitionTables

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import BoolArray, FloatArray, IntArray

LONG = 256  # words; longer sequences are handled here
_BLOCK = 4096  # words whose emissions are converted to float64 together
_PAIRS = 1_000_000  # pairs of labels of all words of a block, for argmax
_SLACK = 1e-6  # scores closer than this count as equal, as sums along a chain are rounded
_TOLERANCE = 1e-10  # distance of two messages that count as equal
_SEGMENT = 256  # words of a segment without its context
_CONTEXTS = (64, 192)  # words on each side of a segment; the second if the first is too short
_GROUP_LABELS = 3200  # labels of all segments of a group, at each step
_MAX_GROUP = 256  # segments of a group
_SCALE_EVERY = 4  # steps; then messages are scaled


def certain_labels(emissions: FloatArray, tables: TransitionTables) -> IntArray:
    """Return the label of each word that is the same on every best path, and -1 for all other words, [N].

    Args:
        emissions: [N, C].
        tables: the transition scores.
    """
    if min(scores.min() for scores in (tables.transitions, tables.start, tables.end)) > FORBIDDEN:
        return _certain_by_neighbors(emissions, tables)
    return _certain_by_excursions(emissions, tables)


def _certain_by_neighbors(emissions: FloatArray, tables: TransitionTables) -> IntArray:
    """Compare each word's best label with every other one between the two neighbors that favor the other label most."""
    moves = np.concatenate([tables.transitions, tables.start[None]])
    returns = np.concatenate([tables.transitions, tables.end[:, None]], axis=1)
    # [C, C]: the most that the column's label can gain over the row's by the previous and by the next neighbor.
    gains = (moves[:, None, :] - moves[:, :, None]).max(axis=0) + (returns[None] - returns[:, None]).max(axis=2)
    np.fill_diagonal(gains, -np.inf)
    labels = np.empty(len(emissions), dtype=np.int64)
    for begin in range(0, len(emissions), _BLOCK):
        part = emissions[begin : begin + _BLOCK].astype(np.float64)
        best = part.argmax(axis=1)
        lead = part[np.arange(len(part)), best] - (part + gains[best]).max(axis=1)
        labels[begin : begin + _BLOCK] = np.where(lead > _SLACK, best, -1)
    return labels


def _certain_by_excursions(emissions: FloatArray, tables: TransitionTables) -> IntArray:
    """Find the words at which no path gains by another label than the most frequent one, ``O`` in a tag scheme.

    A path with another label at a word changes from the frequent label somewhere at or before the word, and changes
    back somewhere at or after it. The bound adds the most that each word in between can gain.
    """
    uncertain = np.full(len(emissions), -1)
    label = int(np.bincount(emissions.argmax(axis=1), minlength=emissions.shape[1]).argmax())
    others = np.arange(emissions.shape[1]) != label
    own, own_start, own_end = tables.transitions[label, label], tables.start[label], tables.end[label]
    if min(own, own_start, own_end) <= FORBIDDEN or not others.any():
        return uncertain
    leaving_moves = tables.transitions[label, others] - own
    inner_moves = tables.transitions[others][:, others].max(axis=0) - own
    leaving, staying = np.empty(len(emissions)), np.empty(len(emissions))
    for begin in range(0, len(emissions), _BLOCK):
        part = emissions[begin : begin + _BLOCK].astype(np.float64)
        gaps = part[:, others] - part[:, label, None]
        leaving[begin : begin + _BLOCK] = (gaps + leaving_moves).max(axis=1)
        staying[begin : begin + _BLOCK] = (gaps + inner_moves).max(axis=1)
        if begin == 0:
            leaving[0] = (gaps[0] + tables.start[others] - own_start).max()
    # A floor raises the bound, and so is safe; it keeps the sums small enough to be exact.
    sums = np.cumsum(np.maximum(staying, -100.0))
    coming_back = np.full(len(emissions), (tables.transitions[others, label] - own).max())
    coming_back[-1] = (tables.end[others] - own_end).max()
    before = np.maximum.accumulate(leaving - sums)
    after = np.maximum.accumulate((sums + coming_back)[::-1])[::-1]
    return np.where(before + after < -_SLACK, label, uncertain)


def long_path(emissions: FloatArray, transitions: FloatArray, start: FloatArray, end: FloatArray) -> IntArray:
    """Return the best path word by word, [N] (Viterbi 1967), with one small number per word and label in memory.

    Args:
        emissions: [N, C].
        transitions: [C, C].
        start: the score of each label of the first word, [C].
        end: the score of each label of the last word, [C].
    """
    labels = emissions.shape[1]
    origins = np.empty(emissions.shape, dtype=np.min_scalar_type(labels))
    score = start + emissions[0]
    block = max(1, _PAIRS // labels**2)
    for begin in range(1, len(emissions), block):
        part = emissions[begin : begin + block].astype(np.float64)
        scores = np.empty_like(part)
        for index, word in enumerate(part):
            scores[index] = score
            score = (score[:, None] + transitions).max(axis=0)
            score += word
        origins[begin : begin + block] = (scores[:, :, None] + transitions).argmax(axis=1)
        score -= score.max()
    label = int((score + end).argmax())
    path = np.empty(len(emissions), dtype=np.int64)
    for stop in range(len(emissions), 0, -_BLOCK):
        begin = max(0, stop - _BLOCK)
        for index, row in zip(range(stop - 1, begin - 1, -1), origins[begin:stop][::-1].tolist(), strict=True):
            path[index] = label
            label = row[label] if index else label
    return path


def long_marginals(
    emissions: FloatArray, tables: TransitionTables, temperature: float
) -> Iterator[tuple[slice, FloatArray]]:
    """Yield the log-probabilities of the labels, [n, C], of one block of words after another, as (words, values).

    A block may be yielded twice; the later values count.

    Args:
        emissions: [N, C].
        tables: the transition scores, divided by the temperature.
        temperature: divides the emissions.
    """
    for context in _CONTEXTS:
        is_consistent = True
        for words, values, is_consistent in _segment_marginals(emissions, tables, temperature, context):
            if not is_consistent:
                break
            yield words, values
        if is_consistent:
            return
    yield from _sequential_marginals(emissions, tables, temperature)


def _segment_marginals(
    emissions: FloatArray, tables: TransitionTables, temperature: float, context: int
) -> Iterator[tuple[slice, FloatArray, bool]]:
    """Yield words, their log-probabilities, and whether all boundaries so far are consistent."""
    known: FloatArray | None = None  # the messages at the end of the previous segments
    together = _SEGMENT * max(1, min(_MAX_GROUP, _GROUP_LABELS // emissions.shape[1]))
    for first in range(0, len(emissions), together):
        last = min(len(emissions), first + together)
        with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
            shares, is_consistent, known = _segment_shares(emissions, tables, temperature, context, first, last, known)
            total = shares.sum(axis=1, keepdims=True)
            is_consistent = is_consistent and bool((total > 0).all())
            shares /= total
            np.maximum(np.log(shares, out=shares), FORBIDDEN, out=shares)
        yield slice(first, last), shares, is_consistent


def _segment_shares(
    emissions: FloatArray,
    tables: TransitionTables,
    temperature: float,
    context: int,
    first: int,
    last: int,
    known: FloatArray | None,
) -> tuple[FloatArray, bool, FloatArray]:
    """Return the shares of the labels of words ``first`` to ``last``, [n, C]; the rest as ``_compare_boundaries``."""
    count = -(-(last - first) // _SEGMENT)
    steps = first - context + _SEGMENT * np.arange(count) + np.arange(_SEGMENT + 2 * context)[:, None]  # [T, n]
    factors = _divided(emissions[np.clip(steps, 0, len(emissions) - 1)], temperature)  # [T, n, C]
    factors -= factors.max(axis=2, keepdims=True)
    np.exp(factors, out=factors)
    move = np.exp(tables.transitions - tables.transitions.max())
    start, end = (np.exp(scores - scores.max()) for scores in (tables.start, tables.end))
    forward = _forward(factors, move, start, steps == 0)
    backward = _backward(factors, move, end, steps == len(emissions) - 1)
    is_consistent, ends = _compare_boundaries(forward, backward, known, context)
    core = slice(context, context + _SEGMENT)
    forward[core] *= backward[core]
    shares = forward[core].transpose(1, 0, 2).reshape(-1, emissions.shape[1])[: last - first]
    return shares, is_consistent, ends


def _forward(factors: FloatArray, move: FloatArray, start: FloatArray, opens: BoolArray) -> FloatArray:
    """Return the scaled forward messages of segments, [T, n, C]; where ``opens`` [T, n], the chain begins."""
    messages = np.empty_like(factors)
    message = np.ones_like(factors[0])
    opening: list[bool] = np.logical_or.reduce(opens, axis=1).tolist()
    for step, (factor, next_message) in enumerate(zip(factors, messages, strict=True)):
        np.multiply(message @ move if step else message, factor, out=next_message)
        if opening[step]:
            next_message[opens[step]] = start * factor[opens[step]]
        if step % _SCALE_EVERY == 0:
            next_message /= np.add.reduce(next_message, axis=1, keepdims=True)
        message = next_message
    return messages


def _backward(factors: FloatArray, move: FloatArray, end: FloatArray, closes: BoolArray) -> FloatArray:
    """Return the scaled backward messages of segments, [T, n, C]; where ``closes`` [T, n], the chain ends."""
    messages = np.empty_like(factors)
    onwards = np.ascontiguousarray(move.T)
    messages[-1] = 1.0
    closing: list[bool] = np.logical_or.reduce(closes, axis=1).tolist()
    for step in range(len(factors) - 1, -1, -1):
        message = messages[step]
        if step < len(factors) - 1:
            np.matmul(messages[step + 1] * factors[step + 1], onwards, out=message)
        if closing[step]:
            message[closes[step]] = end
        if step % _SCALE_EVERY == 0:
            message /= np.add.reduce(message, axis=1, keepdims=True)
    return messages


def _compare_boundaries(
    forward: FloatArray, backward: FloatArray, known: FloatArray | None, context: int
) -> tuple[bool, FloatArray]:
    """Compare the messages of neighboring segments at their boundaries; return those at the last boundary, too.

    The boundary before word w has the forward message at w - 1 and the backward message at w.
    """
    ends = np.stack([forward[context + _SEGMENT - 1], backward[context + _SEGMENT]])  # [2, n, C]
    begins = np.stack([forward[context - 1], backward[context]])
    earlier = ends[:, :-1] if known is None else np.concatenate([known[:, None], ends[:, :-1]], axis=1)
    later = begins[:, 1:] if known is None else begins
    if not ((earlier > 0) == (later > 0)).all() or not (np.isfinite(earlier) & np.isfinite(later)).all():
        return False, ends[:, -1]
    ratios = np.log(later / earlier)  # not a number where both are 0
    spread = np.where(later > 0, ratios, -np.inf).max(axis=2) - np.where(later > 0, ratios, np.inf).min(axis=2)
    return bool((spread < _TOLERANCE).all()), ends[:, -1]


def _sequential_marginals(
    emissions: FloatArray, tables: TransitionTables, temperature: float
) -> Iterator[tuple[slice, FloatArray]]:
    """Yield the log-probabilities, the last block first: the forward messages of a block are computed again for it."""
    first_messages: list[FloatArray] = []
    for begin in range(0, len(emissions), _BLOCK):
        before = first_messages[-1] if first_messages else None
        if before is None:
            first_messages.append(tables.start + _divided(emissions[0], temperature))
            continue
        block = _divided(emissions[begin - _BLOCK : begin + 1], temperature)
        first_messages.append(_forward_logs(block, before, tables)[-1])
    backward = tables.end
    for begin, message in zip(range(0, len(emissions), _BLOCK)[::-1], first_messages[::-1], strict=True):
        part = _divided(emissions[begin : begin + _BLOCK], temperature)
        sums = np.stack(_forward_logs(part, message, tables))
        for index in range(len(part) - 1, -1, -1):
            sums[index] += backward
            backward = np.logaddexp.reduce(tables.transitions + (backward + part[index]), axis=1)
            backward -= backward.max()
        values = sums - np.logaddexp.reduce(sums, axis=1, keepdims=True)
        yield slice(begin, begin + len(part)), np.maximum(values, FORBIDDEN)


def _forward_logs(emissions: FloatArray, message: FloatArray, tables: TransitionTables) -> list[FloatArray]:
    """Return the forward messages of a block of words, as logarithms; ``message`` is that of its first word."""
    messages = [message - message.max()]
    for word in emissions[1:]:
        message = word + np.logaddexp.reduce(messages[-1][:, None] + tables.transitions, axis=0)
        messages.append(message - message.max())
    return messages


def _divided(emissions: FloatArray, temperature: float) -> FloatArray:
    return (emissions / temperature).astype(np.float64)
