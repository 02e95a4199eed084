"""Raw text to entities or tagged words with character offsets, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.word_splitter import Word, WordSplitter
from nlptrain.labels import spans
from nlptrain.models.token_model import TokenModel

_LINES, _CHARACTERS = 512, 200_000  # of a block: enough to batch by length, little enough to answer soon


def predict(
    model: TokenModel, texts: Iterable[str], *, splitter: WordSplitter | None = None
) -> Iterator[dict[str, Any]]:
    """One answer for each text, in order: ``{"text", "entities"}``, or ``{"text", "words"}`` for plain tags.

    Offsets are in code points; an entity's confidence is the least of its words' probabilities.

    Args:
        model: teacher or student.
        texts: any number, read block by block.
        splitter: what cuts them into words; the model's own if None.
    """
    for block in _blocks(texts):
        words = [(splitter or model.splitter).split(text) for text in block]
        logits = model.logits([[word.text for word in sentence] for sentence in words])
        for text, sentence, values in zip(block, words, logits, strict=True):
            yield _answer(model, text, sentence, values)


def _answer(model: TokenModel, text: str, words: list[Word], logits: NDArray[np.float32]) -> dict[str, Any]:
    exact = np.exp(logits - logits.max(axis=1, keepdims=True)) if len(logits) else logits
    sure = exact.max(axis=1) / exact.sum(axis=1) if len(logits) else np.empty(0)
    tags = [model.labels.names[index] for index in logits.argmax(axis=1)] if len(logits) else []
    if model.labels.scheme == "plain":
        tagged = [
            {"start": word.start, "end": word.end, "text": word.text, "tag": tag, "confidence": round(float(value), 4)}
            for word, tag, value in zip(words, tags, sure, strict=True)
        ]
        return {"text": text, "words": tagged}
    entities = []
    for span in spans(tags):
        start, end = words[span.start].start, words[span.end - 1].end
        confidence = round(float(sure[span.start : span.end].min()), 4)
        entities.append(
            {"start": start, "end": end, "label": span.label, "text": text[start:end], "confidence": confidence}
        )
    return {"text": text, "entities": entities}


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    block: list[str] = []
    characters = 0
    for text in texts:
        block.append(text)
        characters += len(text)
        if len(block) == _LINES or characters > _CHARACTERS:
            yield block
            block, characters = [], 0
    if block:
        yield block
