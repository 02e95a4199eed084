"""Confidences: the probability of what a model answers, of each word and of each entity.

All that shows, counts or filters confidences reads them here, so that they mean the same everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nlptrain.labels import Labels
from nlptrain.models.heads import Answer
from nlptrain.models.token_model import TokenModel
from nlptrain.schemes import Scheme, Span, spans


class Tagged(NamedTuple):
    """The tags of one sentence with their confidences.

    Attributes:
        tags: of each word.
        confidences: the probability of each of them, [words].
    """

    tags: list[str]
    confidences: NDArray[np.float32]

    def parts(self, scheme: Scheme) -> list[tuple[Span, float]]:
        """The entities, each with the least confidence of its words; of plain tags, each word with its own.

        Example:
            >>> Tagged(["B-x", "I-x", "O"], np.array([0.75, 0.5, 1.0], dtype=np.float32)).parts("iob2")
            [(Span(label='x', start=0, end=2), 0.5)]
        """
        if scheme == "plain":
            found = [Span(tag, index, index + 1) for index, tag in enumerate(self.tags)]
        else:
            found = spans(self.tags)
        return [(span, float(self.confidences[span.start : span.end].min())) for span in found]


def tagged(answer: Answer, labels: Labels) -> Tagged:
    """The tags of ``answer``, and what the softmax of its logits gives them."""
    exact = np.exp(answer.logits - answer.logits.max(axis=1, keepdims=True, initial=-np.inf))
    sure = exact[np.arange(len(exact)), answer.best] / exact.sum(axis=1)
    return Tagged([labels.names[index] for index in answer.best], sure)


def tag_surely(model: TokenModel, sentences: Sequence[Sequence[str]]) -> list[Tagged]:
    """The tag of every word of every sentence, with its probability at the temperature of ``model``."""
    return [tagged(answer, model.labels) for answer in model.answers(sentences, temperature=model.temperature)]
