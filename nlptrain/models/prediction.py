"""Raw text to entities or tagged words with character offsets, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from nlptrain.data.word_splitter import WordSplitter
from nlptrain.models.confidence import tag_surely, tagged
from nlptrain.models.token_model import TokenModel
from nlptrain.schemes import Scheme, tags_of
from nlptrain_runtime.answers import Answers, Tagged, shown
from nlptrain_runtime.blocks import blocks

_TEXTS = 512  # of a block: a teacher takes seconds for them
NOT_SURE = "_"  # CoNLL-U's word for what is not said


def predict(
    model: TokenModel, texts: Iterable[str], *, splitter: WordSplitter | None = None, min_confidence: float = 0.0
) -> Iterator[dict[str, Any]]:
    """One answer for each text, in order: ``{"text", "entities"}``, or ``{"text", "words"}`` for plain tags.

    Offsets are in code points; a confidence is the probability of a tag at the model's temperature, an entity's the
    least of its words'.

    Args:
        model: teacher or student.
        texts: any number, read block by block.
        splitter: what cuts them into words; the model's own if None.
        min_confidence: entities of a lower one are left out, and plain tags become None; it is compared with the
            confidence that is shown, to its four digits.
    """
    shown_as = Answers(model.labels.names, model.labels.scheme, min_confidence)
    for block in blocks(texts, most=_TEXTS):
        words = [(splitter or model.splitter).split(text) for text in block]
        answers = model.answers([[word.text for word in sentence] for sentence in words], temperature=model.temperature)
        counts = np.array([len(sentence) for sentence in words])
        best = np.concatenate([answer.best for answer in answers])
        sure = np.concatenate([tagged(answer, model.labels).confidences for answer in answers])
        places = np.array([word[1:] for sentence in words for word in sentence]).reshape(-1, 2)
        yield from shown_as.of(block, counts, best, sure, places)


def predict_columns(
    model: TokenModel, texts: Iterable[str], *, splitter: WordSplitter | None = None, min_confidence: float = 0.0
) -> Iterator[str]:
    """The words of each text with their tags, a word, a tab and a tag a line, and a blank line behind each sentence.

    Entities are written in IOB2, so that the whole can be read again as a gold file; the words of those below
    ``min_confidence`` are ``O``, and plain tags below it ``_``. Texts without a word are left out. Arguments as for
    ``predict``.
    """
    for block in blocks(texts, most=_TEXTS):
        words = [(splitter or model.splitter).words(text) for text in block]
        for sentence, answer in zip(words, tag_surely(model, words), strict=True):
            if sentence:
                written = _written(answer, model.labels.scheme, min_confidence)
                yield "".join(f"{word}\t{tag}\n" for word, tag in zip(sentence, written, strict=True))


def _written(answer: Tagged, scheme: Scheme, least: float) -> list[str]:
    parts = [(span, shown(confidence) >= least) for span, confidence in answer.parts(scheme)]
    if scheme == "plain":
        return [span.label if kept else NOT_SURE for span, kept in parts]
    return tags_of((span for span, kept in parts if kept), len(answer.tags), "iob2")
