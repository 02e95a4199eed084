"""What a tag scheme allows, and the answers of students that keep to it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptrain.data.labels import Labels
from nlptrain.models.heads.output import Answer, by_sentence
from nlptrain.models.heads.softmax import IndependentRule
from nlptrain_runtime.chain import FORBIDDEN, Tables
from nlptrain_runtime.decoding import Decoder, scheme_tables


def allowed_by(labels: Labels) -> tuple[Tensor, Tensor, Tensor]:
    """Which label may follow which, [C, C] from the row's to the column's, which may open and which may close, [C].

    All may where the scheme is only guessed from a teacher's names: a classifier of IOB1 can have those of IOB2, and
    what opens its entities would be forbidden.
    """
    tables = _tables(labels)
    allowed, opens, closes = (
        torch.from_numpy(scores > FORBIDDEN) for scores in (tables.transitions, tables.start, tables.end)
    )
    return allowed, opens, closes


def _tables(labels: Labels) -> Tables:
    return scheme_tables(labels.names, "plain" if labels.guessed else labels.scheme)


class SchemeRule(IndependentRule):
    """Logits as with ``IndependentRule``; the labels are the best sequence that the scheme allows.

    That is Viterbi's path over the words' logits without transition scores: each word's best label, unless these
    together break the scheme. An ``I-`` behind O, which would count as an entity of its own, is then read as what its
    neighbors make likely.
    """

    def __init__(self, labels: Labels) -> None:
        """Keep to the scheme of ``labels``; where that is only guessed, to none."""
        tables = _tables(labels)
        free = not any((scores < 0).any() for scores in (tables.transitions, tables.start, tables.end))
        self._decoder = Decoder("independent") if free else Decoder("scheme", tables)

    @property
    def decoder(self) -> Decoder:
        """Each word's best label, put right where these break the scheme."""
        return self._decoder

    def answers(self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0) -> list[Answer]:
        """Logits, divided by the temperature, and the label of each word, sentence by sentence."""
        flat, counts, ends = by_sentence(emissions)
        best = np.split(self._decoder.best(flat, counts), ends)
        return [Answer(values / temperature, path) for values, path in zip(emissions, best, strict=False)]


@lru_cache(maxsize=16)
def scheme_rule(labels: Labels) -> SchemeRule:
    """The rule of ``labels``, made once."""
    return SchemeRule(labels)
