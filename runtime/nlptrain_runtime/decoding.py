"""What a net says of words to labels and confidences: each word's best label, or the best sequence of a chain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nlptrain_runtime.arrays import ranges
from nlptrain_runtime.chain import FORBIDDEN, Tables, best_paths, marginal_blocks
from nlptrain_runtime.schemes import Scheme, may_follow

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import BoolArray, FloatArray, IntArray


_WORDS = 16_384  # whose log-probabilities are in memory at once

LabelDecoder = Literal["independent", "scheme", "chain"]


def scheme_tables(names: Sequence[str], scheme: Scheme) -> Tables:
    """Scores of 0 for what ``scheme`` allows among labels ``names``, ``FORBIDDEN`` for all else."""
    allowed = np.array([[may_follow(one, other, scheme) for other in names] for one in names])
    opens = np.array([may_follow(None, name, scheme) for name in names])
    closes = np.array([may_follow(name, None, scheme) for name in names])
    return Tables(*(np.where(table, 0.0, FORBIDDEN) for table in (allowed, opens, closes)))


class Decoder:
    """Emissions to labels and their confidences.

    Attributes:
        rule: ``independent``: each word's best label. ``scheme``: the same, unless these break the tag scheme; then the
            best sequence that does not. ``chain``: the best sequence of a CRF.
    """

    def __init__(self, rule: LabelDecoder, tables: Tables | None = None) -> None:
        """Decode by ``rule``; all but ``independent`` have ``tables``."""
        self.rule: LabelDecoder = rule
        self._given = tables
        self._divided: dict[float, Tables] = {}

    @property
    def tables(self) -> Tables:
        """The scores of neighbors."""
        assert self._given is not None
        return self._given

    @cached_property
    def _allowed(self) -> tuple[BoolArray, BoolArray, BoolArray]:
        tables = self.tables
        return tables.transitions > FORBIDDEN, tables.start > FORBIDDEN, tables.end > FORBIDDEN

    def best(self, emissions: FloatArray, counts: IntArray) -> IntArray:
        """The label of each word, [W].

        Args:
            emissions: [W, C].
            counts: words of each sentence, [S].
        """
        if self.rule == "chain":
            return best_paths(emissions, counts, self.tables)
        best: IntArray = emissions.argmax(axis=1)
        if self.rule == "scheme":
            broken = self._broken(best, counts)
            if len(broken) == len(counts):
                return best_paths(emissions, counts, self.tables)
            if len(broken):
                words = ranges((np.cumsum(counts) - counts)[broken], counts[broken])
                best[words] = best_paths(emissions[words], counts[broken], self.tables)
        return best

    def _broken(self, best: IntArray, counts: IntArray) -> IntArray:
        """The sentences whose labels break the scheme."""
        allowed, opens, closes = self._allowed
        counted = counts[counts > 0]
        ends = np.cumsum(counted)
        wrong = np.zeros(len(best), dtype=bool)
        wrong[1:] = ~allowed[best[:-1], best[1:]]
        wrong[ends - counted] = ~opens[best[ends - counted]]
        wrong[ends - 1] |= ~closes[best[ends - 1]]
        owners = np.repeat(np.arange(len(counts)), counts)
        return np.unique(owners[wrong])

    def log_probabilities(
        self, emissions: FloatArray, counts: IntArray, temperature: float, dtype: type[np.floating] = np.float64
    ) -> FloatArray:
        """The log-probability of each label of each word with all scores divided by a temperature, [W, C]."""
        found = np.empty(emissions.shape, dtype)
        for words, scores in self._blocks(emissions, counts, temperature):
            found[words] = scores
        return found

    def confidences(self, emissions: FloatArray, counts: IntArray, best: IntArray, temperature: float) -> FloatArray:
        """The probability of the label ``best`` [W] of each word, [W]."""
        found = np.empty(len(best))
        for words, scores in self._blocks(emissions, counts, temperature):
            found[words] = np.exp(scores[np.arange(len(scores)), best[words]])
        return found

    def _blocks(
        self, emissions: FloatArray, counts: IntArray, temperature: float
    ) -> Iterator[tuple[IntArray | slice, FloatArray]]:
        """Yield words and their log-probabilities [w, C]; where words come twice, the later ones count."""
        if self.rule == "chain":
            tables = self._divided.get(temperature)
            if tables is None:
                tables = self.tables.divided(temperature)
                self._divided = {temperature: tables}  # the last one asked for: a tagger has one
            yield from marginal_blocks(emissions, counts, tables, temperature)
            return
        for begin in range(0, len(emissions), _WORDS):
            exact = emissions[begin : begin + _WORDS].astype(np.float64) / temperature
            exact -= exact.max(axis=1, keepdims=True, initial=-np.inf)
            exact -= np.log(np.exp(exact).sum(axis=1, keepdims=True))
            yield slice(begin, begin + _WORDS), exact


def decoder_of(described: dict[str, Any]) -> Decoder:
    """The decoder that an exported folder describes."""
    told = described["decoding"]
    if told["rule"] == "chain":
        parts = (np.array(told[name], dtype=np.float64) for name in ("transitions", "start", "end"))
        return Decoder("chain", Tables(*parts))
    if told["rule"] == "scheme":
        return Decoder("scheme", scheme_tables(described["labels"], described["scheme"]))
    return Decoder("independent")
