"""Confidences: the probability of each word's predicted label; an entity has the lowest confidence of its words.

The probability is the softmax of the logits at the model's temperature (of a CRF, whose logits are log-marginals, the
marginal). All code that shows, counts or filters confidences uses this module. ``nlptrain_runtime.confidence`` takes
the minimum over the words of an entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from nlptrain.data.labels import Labels
from nlptrain.models.heads.decoding import Prediction
from nlptrain.models.token_model import TokenModel
from nlptrain_runtime.predictions import TaggedSentence

__all__ = ["TaggedSentence", "tag_with_confidence", "to_tagged_sentence"]

_WORDS = 16_384  # computed at once, to bound the memory for long texts


def to_tagged_sentence(prediction: Prediction, labels: Labels) -> TaggedSentence:
    """Return the tags of ``prediction`` with their probabilities, the softmax of its logits."""
    confidences = np.empty(len(prediction.label_ids), dtype=prediction.logits.dtype)
    for start in range(0, len(confidences), _WORDS):
        logits, label_ids = prediction.logits[start : start + _WORDS], prediction.label_ids[start : start + _WORDS]
        exact = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        confidences[start : start + _WORDS] = exact[np.arange(len(exact)), label_ids] / exact.sum(axis=1)
    return TaggedSentence([labels.names[label_id] for label_id in prediction.label_ids], confidences)


def tag_with_confidence(model: TokenModel, sentences: Iterable[Sequence[str]]) -> list[TaggedSentence]:
    """Predict the tag of each word, with its probability at the temperature of ``model``."""
    predictions = model.predict(sentences, temperature=model.temperature)
    return [to_tagged_sentence(prediction, model.labels) for prediction in predictions]
