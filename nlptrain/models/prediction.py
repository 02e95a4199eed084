"""Predict entities and tags of raw text, with character offsets and confidences, in bounded memory.

The confidence of a word is the probability of its predicted label: the softmax of the logits at the model's temperature
(of a CRF, whose logits are log-marginals, the marginal). An entity has the lowest confidence of its words, which
``nlptrain_runtime.confidence`` computes.

Legend: S texts, W words of all of them, concatenated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, tee
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.labels import Labels
from nlptrain.data.sentence import check_iterable, checked_texts
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.models.heads.decoding import Prediction
from nlptrain.models.tagged_text import Entity, TaggedText, TaggedWord, check_min_confidence
from nlptrain_runtime.confidence import PredictionCounts, round_confidence
from nlptrain_runtime.predictions import PredictionFormatter, TaggedSentence
from nlptrain_runtime.text_stream import text_blocks

if TYPE_CHECKING:
    from nlptrain.models.token_model import TokenModel

_BLOCK_TEXTS = 512  # per block: a teacher takes seconds for them


def predict_texts(
    model: TokenModel,
    texts: Iterable[str],
    *,
    splitter: WordSplitter | None = None,
    min_confidence: float | Mapping[str, float] = 0.0,
    counts: PredictionCounts | None = None,
) -> Iterator[dict[str, Any]]:
    """Predict each text, in order: ``{"text", "entities"}``, or ``{"text", "words"}`` for plain tags.

    Offsets are in code points. Confidences: see the module.

    Args:
        model: teacher or student.
        texts: any number, read block by block.
        splitter: word splitter; None: that of the model.
        min_confidence: entities with a lower confidence are omitted, and plain tags become None; compared with the
            confidence in the output, rounded to four digits. A mapping has one value per type, and a default under "".
        counts: receives the numbers of entities that are kept and omitted.

    Raises:
        TypeError: ``texts`` is one string, or not iterable; or ``model`` is a name.
    """
    _check_loaded(model)
    formatter = PredictionFormatter(model.labels.names, model.labels.scheme, min_confidence, counts)
    return _predict_texts(model, checked_texts(texts), splitter, formatter)


def _check_loaded(model: TokenModel) -> None:
    if isinstance(model, str | PathLike):
        raise TypeError(f"model: found {str(model)!r}; load it first: nlptrain.load(...)")


def _predict_texts(
    model: TokenModel, texts: Iterable[str], splitter: WordSplitter | None, formatter: PredictionFormatter
) -> Iterator[dict[str, Any]]:
    for block in _tagged_blocks(model, texts, splitter):
        yield from formatter.format(block.texts, block.word_counts, block.label_ids, block.confidences, block.offsets)


def tag_texts(
    model: TokenModel, texts: Iterable[str], *, min_confidence: float | Mapping[str, float] = 0.0
) -> Iterator[TaggedText]:
    """Predict the entities of each text, in order, and the tag of each of its words.

    The values are those of ``predict_texts``; ``min_confidence`` omits entities only.

    Raises:
        TypeError: ``texts`` is one string, or not iterable.
        InputError: ``min_confidence`` is no number from 0 to 1, or names other types.
    """
    check_min_confidence(min_confidence, model.labels.types)
    formatter = PredictionFormatter(model.labels.names, model.labels.scheme, min_confidence)
    return _tag_texts(model, checked_texts(texts), formatter)


def _tag_texts(model: TokenModel, texts: Iterable[str], formatter: PredictionFormatter) -> Iterator[TaggedText]:
    names = model.labels.names
    for block in _tagged_blocks(model, texts, None):
        columns = block.offsets.tolist(), block.label_ids.tolist(), block.confidences.tolist()
        rows = zip(*columns, strict=True)
        formatted = formatter.format(block.texts, block.word_counts, block.label_ids, block.confidences, block.offsets)
        for result, count in zip(formatted, block.word_counts.tolist(), strict=True):
            text = result["text"]
            words = tuple(
                TaggedWord(text[start:end], start, end, names[label], round_confidence(confidence))
                for (start, end), label, confidence in islice(rows, count)
            )
            yield TaggedText(text, tuple(Entity(**entity) for entity in result.get("entities", ())), words)


@dataclass(frozen=True)
class _TaggedBlock:
    """Texts with the labels of their words.

    Attributes:
        texts: [S].
        word_counts: words of each text, [S].
        label_ids: of each word, [W].
        confidences: probability of that label, [W].
        offsets: start and end of each word in its text, in code points, [W, 2].
    """

    texts: Sequence[str]
    word_counts: NDArray[np.int64]
    label_ids: NDArray[np.int64]
    confidences: NDArray[np.float32]
    offsets: NDArray[np.int64]


def _tagged_blocks(model: TokenModel, texts: Iterable[str], splitter: WordSplitter | None) -> Iterator[_TaggedBlock]:
    for block in text_blocks(texts, max_texts=_BLOCK_TEXTS):
        words = [(splitter or model.splitter).split(text) for text in block]
        sentences = [[word.text for word in sentence] for sentence in words]
        predictions = model.predict_labels(sentences, temperature=model.temperature)
        word_counts = np.array([len(sentence) for sentence in words])
        label_ids = np.concatenate([prediction.label_ids for prediction in predictions])
        confidences = np.concatenate([to_tagged_sentence(item, model.labels).confidences for item in predictions])
        offsets = np.array([word[1:] for sentence in words for word in sentence]).reshape(-1, 2)
        del words, sentences, predictions  # larger than the output, for a long text
        yield _TaggedBlock(block, word_counts, label_ids, confidences, offsets)


def predict_columns(
    model: TokenModel,
    texts: Iterable[str],
    *,
    splitter: WordSplitter | None = None,
    min_confidence: float | Mapping[str, float] = 0.0,
    counts: PredictionCounts | None = None,
) -> Iterator[str]:
    """Predict each text in columns: one line per word with a tab and its tag, and an empty line after each sentence.

    Entities are written in IOB2, so that the output can be read as labeled data; words of entities below
    ``min_confidence`` are ``O``, and plain tags below it ``_``. Texts without words are omitted. Arguments as for
    ``predict_texts``.
    """
    _check_loaded(model)
    return _columns(model, checked_texts(texts), splitter, min_confidence, counts)


def _columns(
    model: TokenModel,
    texts: Iterable[str],
    splitter: WordSplitter | None,
    min_confidence: float | Mapping[str, float],
    counts: PredictionCounts | None,
) -> Iterator[str]:
    for block in text_blocks(texts, max_texts=_BLOCK_TEXTS):
        words = [(splitter or model.splitter).words(text) for text in block]
        for sentence, tagged in zip(words, tag_with_confidence(model, words), strict=True):
            if sentence:
                tags = tagged.confident_tags(model.labels.scheme, min_confidence, counts)
                yield "".join(f"{word}\t{tag}\n" for word, tag in zip(sentence, tags, strict=True))


def predict_rows(
    model: TokenModel,
    rows: Iterable[dict[str, Any]],
    *,
    splitter: WordSplitter | None = None,
    min_confidence: float | Mapping[str, float] = 0.0,
    counts: PredictionCounts | None = None,
) -> Iterator[dict[str, Any]]:
    """Add to each row the predictions for its ``text``, or, if rows have no text, the tags of its words.

    Other columns stay. Rows with ``tokens`` or ``words`` get ``tags`` (IOB2 or plain) and ``confidences``.

    Args:
        model: teacher or student.
        rows: any number, all of one kind, read block by block.
        splitter: as for ``predict_texts``.
        min_confidence: as for ``predict_texts``.
        counts: as for ``predict_texts``.

    Raises:
        InputError: a row has no text and no words, or is of another kind than the first row.
        TypeError: ``rows`` is one string or one row, or ``model`` is a name.
    """
    _check_loaded(model)
    check_iterable(None if isinstance(rows, Mapping) else rows, "rows", "a list of rows, each a dictionary")
    return _predict_rows(model, rows, splitter, min_confidence, counts)


def _predict_rows(
    model: TokenModel,
    rows: Iterable[dict[str, Any]],
    splitter: WordSplitter | None,
    min_confidence: float | Mapping[str, float],
    counts: PredictionCounts | None,
) -> Iterator[dict[str, Any]]:
    rest = iter(rows)
    first = list(islice(rest, 1))
    contents = [_content(row) for row in first]
    key = next((name for row in contents for name in ("text", "tokens", "words") if row.get(name) is not None), "text")
    kept, read = tee(chain(first, rest))
    inputs = (_checked(row, row_number, key) for row_number, row in enumerate(read, start=1))
    if key == "text":
        results = predict_texts(model, inputs, splitter=splitter, min_confidence=min_confidence, counts=counts)
    else:
        results = _tag_rows(model, inputs, min_confidence, counts)
    for row, result in zip(kept, results, strict=True):
        yield {**row, **result}


def _content(row: dict[str, Any]) -> dict[str, Any]:
    """Return the dictionary with a row's text: of a Label Studio task, its ``data``."""
    data = row.get("data")
    return data if isinstance(data, dict) and "text" not in row and "tokens" not in row else row


def _checked(row: dict[str, Any], row_number: int, key: str) -> Any:  # noqa: ANN401
    value = _content(row).get(key)
    if key == "text":
        expected = None if isinstance(value, str) else "a string, as in the first row"
    else:
        are_words = isinstance(value, list) and all(isinstance(word, str) and word for word in value)
        expected = None if are_words else "a list of words, as in the first row"
    if expected:
        raise InputError(
            f"found {json.dumps(value, default=str)[:40]} in {key!r}", location=f"row {row_number}", expected=expected
        )
    try:
        "".join(value or ()).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{key!r} has half of a character, which UTF-8 cannot encode", location=f"row {row_number}"
        ) from error
    return value


def _tag_rows(
    model: TokenModel,
    sentences: Iterable[list[str]],
    min_confidence: float | Mapping[str, float],
    counts: PredictionCounts | None,
) -> Iterator[dict[str, Any]]:
    for block in text_blocks(sentences, max_texts=_BLOCK_TEXTS, size=lambda words: sum(map(len, words))):
        for tagged in tag_with_confidence(model, block):
            yield tagged.to_row(model.labels.scheme, min_confidence, counts)


_BLOCK_WORDS = 16_384  # computed at once, to bound the memory for long texts


def to_tagged_sentence(prediction: Prediction, labels: Labels) -> TaggedSentence:
    """Return the tags of ``prediction`` with their probabilities, the softmax of its logits."""
    confidences = np.empty(len(prediction.label_ids), dtype=prediction.logits.dtype)
    for start in range(0, len(confidences), _BLOCK_WORDS):
        block = slice(start, start + _BLOCK_WORDS)
        logits, label_ids = prediction.logits[block], prediction.label_ids[block]
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        predicted = exponentials[np.arange(len(exponentials)), label_ids]
        confidences[block] = predicted / exponentials.sum(axis=1)
    return TaggedSentence([labels.names[label_id] for label_id in prediction.label_ids], confidences)


def tag_with_confidence(model: TokenModel, sentences: Iterable[Sequence[str]]) -> list[TaggedSentence]:
    """Predict the tag of each word, with its probability at the temperature of ``model``."""
    predictions = model.predict_labels(sentences, temperature=model.temperature)
    return [to_tagged_sentence(prediction, model.labels) for prediction in predictions]
