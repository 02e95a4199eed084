"""Raw text to entities or tagged words with character offsets, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice, tee
from os import PathLike
from typing import Any

import numpy as np

from nlptrain.data.tag_schemes import Scheme, spans_to_tags
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.models.arguments import check_iterable, checked_texts
from nlptrain.models.confidence import tag_with_confidence, to_tagged_sentence
from nlptrain.models.token_model import TokenModel
from nlptrain_runtime.confidence import PredictionCounts, round_confidence
from nlptrain_runtime.predictions import PredictionFormatter, TaggedSentence
from nlptrain_runtime.text_stream import text_blocks

_TEXTS = 512  # of a block: a teacher takes seconds for them
NOT_SURE = "_"  # CoNLL-U's word for what is not said


def predict(
    model: TokenModel,
    texts: Iterable[str],
    *,
    splitter: WordSplitter | None = None,
    min_confidence: float | Mapping[str, float] = 0.0,
    tally: PredictionCounts | None = None,
) -> Iterator[dict[str, Any]]:
    """One answer for each text, in order: ``{"text", "entities"}``, or ``{"text", "words"}`` for plain tags.

    Offsets are in code points; a confidence is the probability of a tag at the model's temperature, an entity's the
    least of its words'.

    Args:
        model: teacher or student.
        texts: any number, read block by block.
        splitter: what cuts them into words; the model's own if None.
        min_confidence: entities of a lower one are left out, and plain tags become None; it is compared with the
            confidence that is shown, to its four digits. A map has one for each type, and under "" that of all others.
        tally: counts what is told and what is left out so.

    Raises:
        TypeError: ``texts`` is one string, or something else than texts; or ``model`` is a name.
    """
    _check_loaded(model)
    shown_as = PredictionFormatter(model.labels.names, model.labels.scheme, min_confidence, tally)
    return _predicted(model, checked_texts(texts), splitter, shown_as)


def _check_loaded(model: TokenModel) -> None:
    if isinstance(model, str | PathLike):
        raise TypeError(f"model: found {str(model)!r}; load it first: nlptrain.load_token_model(...)")


def _predicted(
    model: TokenModel, texts: Iterable[str], splitter: WordSplitter | None, shown_as: PredictionFormatter
) -> Iterator[dict[str, Any]]:
    for block in text_blocks(texts, max_texts=_TEXTS):
        words = [(splitter or model.splitter).split(text) for text in block]
        answers = model.predict([[word.text for word in sentence] for sentence in words], temperature=model.temperature)
        counts = np.array([len(sentence) for sentence in words])
        best = np.concatenate([answer.label_ids for answer in answers])
        sure = np.concatenate([to_tagged_sentence(answer, model.labels).confidences for answer in answers])
        places = np.array([word[1:] for sentence in words for word in sentence]).reshape(-1, 2)
        del words, answers  # of a long text, more than all that is shown
        yield from shown_as.format(block, counts, best, sure, places)


def predict_columns(
    model: TokenModel,
    texts: Iterable[str],
    *,
    splitter: WordSplitter | None = None,
    min_confidence: float | Mapping[str, float] = 0.0,
    tally: PredictionCounts | None = None,
) -> Iterator[str]:
    """The words of each text with their tags, a word, a tab and a tag a line, and a blank line behind each sentence.

    Entities are written in IOB2, so that the whole can be read again as a gold file; the words of those below
    ``min_confidence`` are ``O``, and plain tags below it ``_``. Texts without a word are left out. Arguments as for
    ``predict``.
    """
    _check_loaded(model)
    return _columns(model, checked_texts(texts), splitter, min_confidence, tally)


def _columns(
    model: TokenModel,
    texts: Iterable[str],
    splitter: WordSplitter | None,
    min_confidence: float | Mapping[str, float],
    tally: PredictionCounts | None,
) -> Iterator[str]:
    for block in text_blocks(texts, max_texts=_TEXTS):
        words = [(splitter or model.splitter).words(text) for text in block]
        for sentence, answer in zip(words, tag_with_confidence(model, words), strict=True):
            if sentence:
                written = _written(answer, model.labels.scheme, min_confidence, tally)
                yield "".join(f"{word}\t{tag}\n" for word, tag in zip(sentence, written, strict=True))


def predict_rows(
    model: TokenModel,
    rows: Iterable[dict[str, Any]],
    *,
    splitter: WordSplitter | None = None,
    min_confidence: float | Mapping[str, float] = 0.0,
    tally: PredictionCounts | None = None,
) -> Iterator[dict[str, Any]]:
    """Each row with what ``predict`` answers to its ``text``, or, where the rows have none, with tags of its words.

    All other columns stay as they are. Of ``tokens`` or ``words`` come ``tags`` (IOB2 or plain) and ``confidences``.

    Args:
        model: teacher or student.
        rows: any number, all of one kind, read block by block.
        splitter: as for ``predict``.
        min_confidence: as for ``predict``.
        tally: as for ``predict``.

    Raises:
        InputError: a row has neither, or another kind than the first one.
        TypeError: ``rows`` is one string or one row, or ``model`` is a name.
    """
    _check_loaded(model)
    check_iterable(None if isinstance(rows, Mapping) else rows, "rows", "a list of rows, each a dictionary")
    return _answered(model, rows, splitter, min_confidence, tally)


def _answered(
    model: TokenModel,
    rows: Iterable[dict[str, Any]],
    splitter: WordSplitter | None,
    min_confidence: float | Mapping[str, float],
    tally: PredictionCounts | None,
) -> Iterator[dict[str, Any]]:
    rest = iter(rows)
    first = list(islice(rest, 1))
    told = [_told(row) for row in first]
    key = next((name for row in told for name in ("text", "tokens", "words") if row.get(name) is not None), "text")
    kept, read = tee(chain(first, rest))
    asked = (_checked(row, number, key) for number, row in enumerate(read, start=1))
    if key == "text":
        answers = predict(model, asked, splitter=splitter, min_confidence=min_confidence, tally=tally)
    else:
        answers = _tagged_rows(model, asked, min_confidence, tally)
    for row, answer in zip(kept, answers, strict=True):
        yield {**row, **answer}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """What holds a row's text: of a task of Label Studio its ``data``."""
    data = row.get("data")
    return data if isinstance(data, dict) and "text" not in row and "tokens" not in row else row


def _checked(row: dict[str, Any], number: int, key: str) -> Any:  # noqa: ANN401
    value = _told(row).get(key)
    if key == "text":
        right = None if isinstance(value, str) else "a string, as in the first row"
    else:
        words = isinstance(value, list) and all(isinstance(word, str) and word for word in value)
        right = None if words else "a list of words, as in the first row"
    if right:
        raise InputError(f"row {number}: found {json.dumps(value, default=str)[:40]} in {key!r}; it is {right}")
    try:
        "".join(value or ()).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"row {number}: {key!r} holds half of a character, which UTF-8 cannot hold") from error
    return value


def _tagged_rows(
    model: TokenModel,
    sentences: Iterable[list[str]],
    min_confidence: float | Mapping[str, float],
    tally: PredictionCounts | None,
) -> Iterator[dict[str, Any]]:
    for block in text_blocks(sentences, max_texts=_TEXTS, size=lambda words: sum(map(len, words))):
        for answer in tag_with_confidence(model, block):
            sure = [round_confidence(float(confidence)) for confidence in answer.confidences]
            yield {"tags": _written(answer, model.labels.scheme, min_confidence, tally), "confidences": sure}


def _written(
    answer: TaggedSentence, scheme: Scheme, least: float | Mapping[str, float], tally: PredictionCounts | None
) -> list[str]:
    limits = least if isinstance(least, Mapping) else {"": least}
    other = limits.get("", 0.0)
    parts = [
        (span, round_confidence(confidence) >= limits.get(span.label, other))
        for span, confidence in answer.spans(scheme)
    ]
    if tally is not None:
        tally.add(sum(kept for _, kept in parts), len(parts))
    if scheme == "plain":
        return [span.label if kept else NOT_SURE for span, kept in parts]
    return spans_to_tags((span for span, kept in parts if kept), len(answer.tags), "iob2")
