"""Raw text to entities or tagged words with character offsets, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from nlptrain.data.word_splitter import Word, WordSplitter
from nlptrain.models.heads import Answer
from nlptrain.models.token_model import TokenModel
from nlptrain.schemes import spans, valid

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
        answers = model.answers([[word.text for word in sentence] for sentence in words])
        for text, sentence, answer in zip(block, words, answers, strict=True):
            yield _answer(model, text, sentence, answer)


def _answer(model: TokenModel, text: str, words: list[Word], answer: Answer) -> dict[str, Any]:
    exact = np.exp(answer.logits - answer.logits.max(axis=1, keepdims=True, initial=-np.inf))
    sure = exact[np.arange(len(exact)), answer.best] / exact.sum(axis=1)
    tags = [model.labels.names[index] for index in answer.best]
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


def predict_columns(model: TokenModel, texts: Iterable[str], *, splitter: WordSplitter | None = None) -> Iterator[str]:
    """The words of each text with their tags, a word, a tab and a tag a line, and a blank line behind each sentence.

    Entities are written in IOB2, so that the whole can be read again as a gold file. Texts without a word are left out.
    Arguments as for ``predict``.
    """
    for block in _blocks(texts):
        words = [(splitter or model.splitter).words(text) for text in block]
        for sentence, tags in zip(words, model.tag(words), strict=True):
            if sentence:
                written = valid(tags, "plain" if model.labels.scheme == "plain" else "iob2")
                yield "".join(f"{word}\t{tag}\n" for word, tag in zip(sentence, written, strict=True))


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
