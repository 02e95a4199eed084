"""Confidences: the probability of what a model answers, of each word and of each entity.

All that shows, counts or filters confidences reads them here, so that they mean the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from nlptrain.data.labels import Labels
from nlptrain.models.heads.decoding import Prediction
from nlptrain.models.token_model import TokenModel
from nlptrain_runtime.predictions import TaggedSentence

__all__ = ["TaggedSentence", "tag_with_confidence", "to_tagged_sentence"]

_ROWS = 16_384  # words at once: a text may have any number


def to_tagged_sentence(answer: Prediction, labels: Labels) -> TaggedSentence:
    """The tags of ``answer``, and what the softmax of its logits gives them."""
    sure = np.empty(len(answer.label_ids), dtype=answer.logits.dtype)
    for start in range(0, len(sure), _ROWS):
        logits, best = answer.logits[start : start + _ROWS], answer.label_ids[start : start + _ROWS]
        exact = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        sure[start : start + _ROWS] = exact[np.arange(len(exact)), best] / exact.sum(axis=1)
    return TaggedSentence([labels.names[index] for index in answer.label_ids], sure)


def tag_with_confidence(model: TokenModel, sentences: Iterable[Sequence[str]]) -> list[TaggedSentence]:
    """The tag of every word of every sentence, with its probability at the temperature of ``model``."""
    return [
        to_tagged_sentence(answer, model.labels) for answer in model.predict(sentences, temperature=model.temperature)
    ]
