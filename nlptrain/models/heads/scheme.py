"""What a tag scheme allows, and the answers of students that keep to it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptrain.labels import Labels
from nlptrain.models.heads.chain import FORBIDDEN, best_paths, of_like_length
from nlptrain.models.heads.output import Answer
from nlptrain.models.heads.softmax import IndependentRule
from nlptrain.models.inputs import whole_sentences
from nlptrain.schemes import may_follow


def allowed_by(labels: Labels) -> tuple[Tensor, Tensor, Tensor]:
    """Which label may follow which, [C, C] from the row's to the column's, which may open and which may close, [C].

    All may where the scheme is only guessed from a teacher's names: a classifier of IOB1 can have those of IOB2, and
    what opens its entities would be forbidden.
    """
    names, scheme = labels.names, "plain" if labels.guessed else labels.scheme
    return (
        torch.tensor([[may_follow(one, other, scheme) for other in names] for one in names]),
        torch.tensor([may_follow(None, name, scheme) for name in names]),
        torch.tensor([may_follow(name, None, scheme) for name in names]),
    )


class SchemeRule(IndependentRule):
    """Logits as with ``IndependentRule``; the labels are the best sequence that the scheme allows.

    That is Viterbi's path over the words' logits without transition scores: each word's best label, unless these
    together break the scheme. An ``I-`` behind O, which would count as an entity of its own, is then read as what its
    neighbours make likely.
    """

    def __init__(self, labels: Labels) -> None:
        """Keep to the scheme of ``labels``."""
        self._tables = allowed_by(labels)
        self._free = all(bool(table.all()) for table in self._tables)
        self._allowed, self._opens, self._closes = (table.numpy() for table in self._tables)

    @torch.inference_mode()
    def answers(self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0) -> list[Answer]:
        """Logits, divided by the temperature, and the label of each word, sentence by sentence."""
        found = super().answers(emissions, temperature)
        if self._free:
            return found
        broken = [number for number, answer in enumerate(found) if self._breaks(answer.best)]
        scores = [torch.zeros(table.shape).masked_fill(~table, FORBIDDEN) for table in self._tables]
        for batch in of_like_length([len(emissions[number]) for number in broken], len(self._opens)):
            numbers = [broken[place] for place in batch]
            flat = torch.from_numpy(np.concatenate([emissions[number] for number in numbers])).double()
            chains = whole_sentences([len(emissions[number]) for number in numbers])
            transitions, start, end = (table.double() for table in scores)
            edges = (edge.expand(len(numbers), -1) for edge in (start, end))
            paths = best_paths(chains.spread(flat), chains.mask, transitions, *edges)[chains.mask].numpy()
            ends = np.cumsum([len(emissions[number]) for number in numbers])[:-1]
            for number, path in zip(numbers, np.split(paths, ends), strict=True):
                found[number] = Answer(found[number].logits, path)
        return found

    def _breaks(self, path: NDArray[np.int64]) -> bool:
        if not len(path):
            return False
        inside = bool(self._allowed[path[:-1], path[1:]].all())
        return not (inside and self._opens[path[0]] and self._closes[path[-1]])


@lru_cache(maxsize=16)
def scheme_rule(labels: Labels) -> SchemeRule:
    """The rule of ``labels``, made once."""
    return SchemeRule(labels)
