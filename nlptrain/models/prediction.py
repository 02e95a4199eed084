"""Raw text to entities or tagged words with character offsets, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from nlptrain.data.word_splitter import Word, WordSplitter
from nlptrain.models.confidence import Tagged, tag_surely
from nlptrain.models.token_model import TokenModel
from nlptrain.schemes import Scheme, tags_of

NOT_SURE = "_"  # CoNLL-U's word for what is not said

_LINES, _CHARACTERS = 512, 200_000  # of a block: enough to batch by length, little enough to answer soon


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
    for block in _blocks(texts):
        words = [(splitter or model.splitter).split(text) for text in block]
        answers = tag_surely(model, [[word.text for word in sentence] for sentence in words])
        for text, sentence, answer in zip(block, words, answers, strict=True):
            yield _answer(model.labels.scheme, text, sentence, answer, min_confidence)


def _answer(scheme: Scheme, text: str, words: list[Word], answer: Tagged, least: float) -> dict[str, Any]:
    found = []
    for span, confidence in answer.parts(scheme):
        start, end, sure = words[span.start].start, words[span.end - 1].end, _shown(confidence)
        place = {"start": start, "end": end}
        if scheme == "plain":
            tag = span.label if sure >= least else None
            found.append({**place, "text": words[span.start].text, "tag": tag, "confidence": sure})
        elif sure >= least:
            found.append({**place, "label": span.label, "text": text[start:end], "confidence": sure})
    return {"text": text, "words" if scheme == "plain" else "entities": found}


def _shown(confidence: float) -> float:
    return round(confidence, 4)


def predict_columns(
    model: TokenModel, texts: Iterable[str], *, splitter: WordSplitter | None = None, min_confidence: float = 0.0
) -> Iterator[str]:
    """The words of each text with their tags, a word, a tab and a tag a line, and a blank line behind each sentence.

    Entities are written in IOB2, so that the whole can be read again as a gold file; the words of those below
    ``min_confidence`` are ``O``, and plain tags below it ``_``. Texts without a word are left out. Arguments as for
    ``predict``.
    """
    for block in _blocks(texts):
        words = [(splitter or model.splitter).words(text) for text in block]
        for sentence, answer in zip(words, tag_surely(model, words), strict=True):
            if sentence:
                written = _written(answer, model.labels.scheme, min_confidence)
                yield "".join(f"{word}\t{tag}\n" for word, tag in zip(sentence, written, strict=True))


def _written(answer: Tagged, scheme: Scheme, least: float) -> list[str]:
    parts = [(span, _shown(confidence) >= least) for span, confidence in answer.parts(scheme)]
    if scheme == "plain":
        return [span.label if kept else NOT_SURE for span, kept in parts]
    return tags_of((span for span, kept in parts if kept), len(answer.tags), "iob2")


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
