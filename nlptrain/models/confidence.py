"""Confidences: the probability of what a model answers, of each word and of each entity.

All that shows, counts or filters confidences reads them here, so that they mean the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from nlptrain.data.labels import Labels
from nlptrain.models.heads.decoding import Answer
from nlptrain.models.token_model import TokenModel
from nlptrain_runtime.predictions import Tagged

__all__ = ["Tagged", "tag_surely", "tagged"]

_ROWS = 16_384  # words at once: a text may have any number


def tagged(answer: Answer, labels: Labels) -> Tagged:
    """The tags of ``answer``, and what the softmax of its logits gives them."""
    sure = np.empty(len(answer.best), dtype=answer.logits.dtype)
    for start in range(0, len(sure), _ROWS):
        logits, best = answer.logits[start : start + _ROWS], answer.best[start : start + _ROWS]
        exact = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        sure[start : start + _ROWS] = exact[np.arange(len(exact)), best] / exact.sum(axis=1)
    return Tagged([labels.names[index] for index in answer.best], sure)


def tag_surely(model: TokenModel, sentences: Iterable[Sequence[str]]) -> list[Tagged]:
    """The tag of every word of every sentence, with its probability at the temperature of ``model``."""
    return [tagged(answer, model.labels) for answer in model.answers(sentences, temperature=model.temperature)]
