"""Emissions to labels and their confidences: each word's best label, or the best sequence of a linear chain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nlptrain_runtime.arrays import ranges
from nlptrain_runtime.chain import best_paths, marginal_blocks
from nlptrain_runtime.schemes import Scheme, is_transition_allowed
from nlptrain_runtime.transition_tables import FORBIDDEN, TransitionTables

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import BoolArray, FloatArray, IntArray


_BLOCK_WORDS = 16_384  # words whose log-probabilities are in memory at once

DecodingRule = Literal["independent", "scheme", "chain"]


def scheme_tables(names: Sequence[str], scheme: Scheme) -> TransitionTables:
    """Return scores of 0 for transitions between labels ``names`` that ``scheme`` allows, ``FORBIDDEN`` for others."""
    allowed = np.array([[is_transition_allowed(before, after, scheme) for after in names] for before in names])
    opens = np.array([is_transition_allowed(None, name, scheme) for name in names])
    closes = np.array([is_transition_allowed(name, None, scheme) for name in names])
    return TransitionTables(*(np.where(table, 0.0, FORBIDDEN) for table in (allowed, opens, closes)))


class Decoder:
    """Emissions to labels and their confidences.

    Attributes:
        rule: ``independent``: each word's best label. ``scheme``: the same, or the best valid sequence for a sentence
            in which these break the tag scheme. ``chain``: the best sequence of a CRF.
    """

    def __init__(self, rule: DecodingRule, tables: TransitionTables | None = None) -> None:
        """Decode by ``rule``; every rule except ``independent`` needs ``tables``."""
        self.rule: DecodingRule = rule
        self._tables = tables
        self._divided: dict[float, TransitionTables] = {}

    @property
    def tables(self) -> TransitionTables:
        """The transition scores."""
        assert self._tables is not None
        return self._tables

    @cached_property
    def _allowed(self) -> tuple[BoolArray, BoolArray, BoolArray]:
        tables = self.tables
        return tables.transitions > FORBIDDEN, tables.start > FORBIDDEN, tables.end > FORBIDDEN

    def decode(self, emissions: FloatArray, counts: IntArray) -> IntArray:
        """Return the label of each word, [W].

        Args:
            emissions: [W, C].
            counts: words of each sentence, [S].
        """
        if self.rule == "chain":
            return best_paths(emissions, counts, self.tables)
        best: IntArray = emissions.argmax(axis=1)
        if self.rule == "scheme":
            invalid = self._invalid_sentences(best, counts)
            if len(invalid) == len(counts):
                return best_paths(emissions, counts, self.tables)
            if len(invalid):
                words = ranges((np.cumsum(counts) - counts)[invalid], counts[invalid])
                best[words] = best_paths(emissions[words], counts[invalid], self.tables)
        return best

    def _invalid_sentences(self, best: IntArray, counts: IntArray) -> IntArray:
        """Return the sentences whose labels break the scheme."""
        allowed, may_start, may_end = self._allowed
        lengths = counts[counts > 0]
        ends = np.cumsum(lengths)
        invalid = np.zeros(len(best), dtype=bool)
        invalid[1:] = ~allowed[best[:-1], best[1:]]
        invalid[ends - lengths] = ~may_start[best[ends - lengths]]
        invalid[ends - 1] |= ~may_end[best[ends - 1]]
        owners = np.repeat(np.arange(len(counts)), counts)
        return np.unique(owners[invalid])

    def log_probabilities(
        self, emissions: FloatArray, counts: IntArray, temperature: float, dtype: type[np.floating] = np.float64
    ) -> FloatArray:
        """Return the log-probability of each label of each word, [W, C], with all scores divided by a temperature."""
        log_probabilities = np.empty(emissions.shape, dtype)
        for words, scores in self._blocks(emissions, counts, temperature):
            log_probabilities[words] = scores
        return log_probabilities

    def confidences(self, emissions: FloatArray, counts: IntArray, best: IntArray, temperature: float) -> FloatArray:
        """Return the confidence of each word, [W]: the probability of its label ``best`` [W]."""
        confidences = np.empty(len(best))
        for words, scores in self._blocks(emissions, counts, temperature):
            confidences[words] = np.exp(scores[np.arange(len(scores)), best[words]])
        return confidences

    def _blocks(
        self, emissions: FloatArray, counts: IntArray, temperature: float
    ) -> Iterator[tuple[IntArray | slice, FloatArray]]:
        """Yield words and their log-probabilities [w, C]; if words are yielded twice, the later values count."""
        if self.rule == "chain":
            tables = self._divided.get(temperature)
            if tables is None:
                tables = self.tables.divided(temperature)
                self._divided = {temperature: tables}  # a tagger has one temperature
            yield from marginal_blocks(emissions, counts, tables, temperature)
            return
        for begin in range(0, len(emissions), _BLOCK_WORDS):
            scores = emissions[begin : begin + _BLOCK_WORDS].astype(np.float64) / temperature
            scores -= scores.max(axis=1, keepdims=True, initial=-np.inf)
            scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
            yield slice(begin, begin + _BLOCK_WORDS), scores


def load_decoder(described: dict[str, Any]) -> Decoder:
    """Return the decoder that an exported folder describes."""
    decoding = described["decoding"]
    if decoding["rule"] == "chain":
        parts = (np.array(decoding[name], dtype=np.float64) for name in ("transitions", "start", "end"))
        return Decoder("chain", TransitionTables(*parts))
    if decoding["rule"] == "scheme":
        return Decoder("scheme", scheme_tables(described["labels"], described["scheme"]))
    return Decoder("independent")
