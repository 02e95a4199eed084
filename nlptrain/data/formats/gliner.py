"""GLiNER's training data: words, and entities as spans of words whose ends are inclusive.

``{"tokenized_text": ["Ada", "sings"], "ner": [[0, 0, "person"]], "ner_labels": ["person", "place"], "ner_negatives":
["place"]}``, in a JSON list or JSON Lines. Only the types in ``ner_labels`` and ``ner_negatives`` were looked for; all
types without these keys. Negative types alone are a sample: the types of the entities were looked for as well. GLiNER
ignores other keys; ``id``, ``scores`` (one for each entity) and ``rejected`` (spans as in ``ner``) are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.annotated_text import AnnotatedText, TextSpan
from nlptrain.data.formats.fields import check_strings, id_and_text, json_line, quote_json
from nlptrain.data.formats.head import Head
from nlptrain.data.formats.json_rows import Row, ignored_keys, read_row_sentences
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Span, tags_to_spans
from nlptrain.errors import InputError

_EXAMPLE = '{"tokenized_text": ["Ada", "sings"], "ner": [[0, 0, "person"]]}'
_ASKED = ("ner_labels", "ner_negatives")
_USED = ("tokenized_text", "ner", "id", "scores", "rejected", *_ASKED)


def is_gliner(head: Head) -> bool:
    """Return whether the file has rows of GLiNER."""
    return head.has_rows("tokenized_text", "ner")


def read_gliner(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of a file; of entities that share a word, the longer one is kept.

    Raises:
        InputError: the file cannot be read.
    """
    return read_row_sentences(path, context.report, partial(_sentence, context))


def ignored_gliner_keys(path: Path, _: ReadContext) -> list[str]:
    """Return the keys of the first row that are not read."""
    return ignored_keys(path, _USED)


def gliner_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield one JSON list of rows of GLiNER."""
    separator = "[\n"
    for sentence in sentences:
        context.count_lost(sentence, has_texts=False)
        yield separator + json_line(_row(sentence, context)).rstrip("\n")
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _sentence(context: ReadContext, row: Row, location: str) -> Sentence | None:
    words = check_strings(row.get("tokenized_text"), "tokenized_text", location, example=_EXAMPLE)
    text = " ".join(words)
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word) + 1)
    offsets = [(start, start + len(word)) for start, word in zip(starts, words, strict=False)]
    scores = row.get("scores") or []
    entities = [
        _text_span(value, offsets, scores[index] if index < len(scores) else None, location)
        for index, value in enumerate(_list(row, "ner", location))
    ]
    rejected = [_text_span(value, offsets, None, location) for value in _list(row, "rejected", location)]
    annotated = AnnotatedText(
        text,
        entities,
        location,
        offsets,
        id_and_text({"id": row.get("id")}, location)[0],
        asked=_asked(row, entities, location),
        rejected=rejected,
    )
    sentence = annotated.sentence(context)
    return None if sentence is None else replace(sentence, text=None)


def _asked(row: Row, entities: list[TextSpan], location: str) -> frozenset[str] | None:
    """Return the types that were looked for; None: all."""
    if all(row.get(key) is None for key in _ASKED):
        return None
    types = {str(name) for key in _ASKED for name in _list(row, key, location)}
    return frozenset(types if row.get("ner_labels") is not None else types | {span.label for span in entities})


def _list(row: Row, key: str, location: str) -> list[Any]:
    values = row.get(key) or []
    if not isinstance(values, list):
        raise InputError(f"found {quote_json(values)} in {key!r}", location=location, expected=f"a list: {_EXAMPLE}")
    return values


def _text_span(value: Any, offsets: list[tuple[int, int]], score: Any, location: str) -> TextSpan:  # noqa: ANN401
    """Return an entity with offsets in the words joined by spaces."""
    start, end, label = value[:3] if isinstance(value, list) and len(value) >= 3 else (None, None, None)
    if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label:
        raise InputError(
            f"found the entity {quote_json(value)}",
            location=location,
            expected=f"the first word, the last word and the type, as in {_EXAMPLE}",
        )
    if not 0 <= start <= end < len(offsets):
        raise InputError(
            f"found an entity {label!r} from word {start} to {end}",
            location=location,
            expected=f"words from 0 to {len(offsets) - 1}, the last one included",
        )
    has_score = isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1
    return TextSpan(offsets[start][0], offsets[end][1], label, float(score) if has_score else None)


def _row(sentence: Sentence, context: WriteContext) -> Row:
    spans = (
        [Span(tag, index, index + 1) for index, tag in enumerate(sentence.tags or ())]
        if context.scheme == "plain"
        else tags_to_spans(sentence.tags or ())
    )
    row: Row = {} if sentence.id is None else {"id": sentence.id}
    row |= {"tokenized_text": sentence.words, "ner": [_inclusive(span) for span in spans]}
    if sentence.asked is not None:
        row["ner_labels"] = sorted(sentence.asked)
    if sentence.scores:
        row["scores"] = [sentence.scores.get(span) for span in spans]
    if sentence.rejected:
        row["rejected"] = [_inclusive(span) for span in sentence.rejected]
    return row


def _inclusive(span: Span) -> list[Any]:
    return [span.start, span.end - 1, span.label]
