"""GLiNER's training data: words, and entities as spans of words whose ends are inclusive.

``{"tokenized_text": ["Ada", "sings"], "ner": [[0, 0, "person"]], "ner_labels": ["person", "city"], "ner_negatives":
["city"]}``, in a JSON list or JSON Lines. Only the types in ``ner_labels`` and ``ner_negatives`` were looked for; all
types without these keys. Negative types alone are a sample: the types of the entities were looked for as well. GLiNER
ignores other keys; ``id``, ``text``, ``scores`` (one for each entity) and ``rejected`` (as ``ner``) are ours.

Rows with ``tokens`` and spans of words, as SpERT and others have them, are read, too: ``{"tokens": ["Ada", "sings"],
"entities": [{"start": 0, "end": 1, "type": "person"}]}``. Their ends are exclusive, unless a start is an end as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.entity_fields import EntityFields, entity_fields
from nlptrain.data.formats.fields import check_strings, check_utf8, id_and_text, json_line, quote_json
from nlptrain.data.formats.head import Head, read_head
from nlptrain.data.formats.json_rows import Row, ignored_keys, read_row_sentences
from nlptrain.data.formats.row_shapes import find_text
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Span, spans_to_tags, tags_to_spans
from nlptrain.errors import InputError

_EXAMPLE = '{"tokenized_text": ["Ada", "sings"], "ner": [[0, 0, "person"]]}'
_ASKED = ("ner_labels", "ner_negatives")
_TWICE, _OVERLAPS = "span that is there twice, merged", "span that overlaps another entity, left out"
_SPANS = ("entities", "ner", "spans", "ents")
_USED = ("tokenized_text", "ner", "id", "text", "scores", "rejected", *_ASKED)


def is_gliner(head: Head) -> bool:
    """Return whether the file has rows of GLiNER, or others with tokens and spans of words."""
    return head.has_rows("tokenized_text", "ner") or _spans_key(head.rows) is not None


def _spans_key(rows: Sequence[Row]) -> str | None:
    """Return the key of the spans in rows with tokens and no text; None: these are other rows."""
    rows = [row for row in rows if _are_words(row.get("tokens")) and find_text(row) is None]
    for key in _SPANS:
        spans = [span for row in rows if isinstance(row.get(key), list) for span in row[key]]
        fields = [fields for span in spans for fields in entity_fields(span)]
        if rows and fields and len(fields) == len(spans) and all(map(_has_words, fields)):
            return key
    return None


def _are_words(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) for word in value)


def _has_words(fields: EntityFields) -> bool:
    return type(fields.start) is int and type(fields.end) is int and isinstance(fields.label, str)


def read_gliner(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of a file.

    Of entities that share a word, the one with the higher score is kept, else the longer one.

    Raises:
        InputError: the file cannot be read.
    """
    rows = read_head(path).rows
    key = _spans_key(rows)
    if key is None:
        return read_row_sentences(path, context.report, partial(_sentence, context))
    spans = [fields for row in rows for span in row.get(key) or [] for fields in entity_fields(span)]
    is_inclusive = any(fields.start == fields.end for fields in spans)
    ends = "inclusive" if is_inclusive else "exclusive"
    context.report.note(f"{path}: {key!r} are spans of words, whose ends are {ends}")

    def to_sentence(row: Row, location: str) -> Sentence | None:
        entities = [fields for span in _list(row, key, location) for fields in entity_fields(span)]
        ner = [[fields.start, fields.end - (not is_inclusive), fields.label] for fields in entities]
        return _sentence(context, {"id": row.get("id"), "tokenized_text": row.get("tokens"), "ner": ner}, location)

    return read_row_sentences(path, context.report, to_sentence)


def ignored_gliner_keys(path: Path, _: ReadContext) -> list[str]:
    """Return the keys of the first row that are not read."""
    key = _spans_key(read_head(path).rows)
    return ignored_keys(path, _USED if key is None else ("tokens", "id", key))


def gliner_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield one JSON list of rows of GLiNER."""
    separator = "[\n"
    for sentence in sentences:
        yield separator + json_line(_row(sentence, context)).rstrip("\n")
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _sentence(context: ReadContext, row: Row, location: str) -> Sentence | None:
    words = check_strings(row.get("tokenized_text"), "tokenized_text", location, example=_EXAMPLE)
    if not words:
        return None
    spans = [_span(value, len(words), location) for value in _list(row, "ner", location)]
    scores = [score if _is_score(score) else None for score in _list(row, "scores", location)]
    scored = list(zip_longest(spans, scores[: len(spans)]))
    kept = _without_overlaps(scored, context, location)
    tags = tuple(spans_to_tags([span for span, _ in kept], len(words), "iob2"))
    if context.scheme == "plain":
        if [span[1:] for span, _ in kept] != [(index, index + 1) for index in range(len(words))]:
            raise InputError("found a word that is not exactly one span", location=location, expected="plain tags")
        tags = tuple(span.label for span, _ in kept)
    sentence_id, text = id_and_text(row, location)
    return Sentence(
        words,
        tags,
        location,
        id=sentence_id,
        text=text,
        scores={span: float(score) for span, score in kept if score is not None},
        asked=_asked(row, spans, location),
        rejected=tuple(_span(value, len(words), location) for value in _list(row, "rejected", location)),
    )


def _without_overlaps(
    scored: list[tuple[Span, float | None]], context: ReadContext, location: str
) -> list[tuple[Span, float | None]]:
    """Return the entities in their order; of those that share a word the one with the higher score, else the longer."""
    kept: list[tuple[Span, float | None]] = []
    for span, score in sorted(scored, key=_rank):
        winner = next((other for other, _ in kept if other.start < span.end and span.start < other.end), None)
        if winner is None:
            kept.append((span, score))
        else:
            detail = f"{span.label} {span.start}-{span.end - 1}"
            context.report.repaired(_TWICE if winner == span else _OVERLAPS, location, detail)
    return sorted(kept, key=lambda pair: pair[0].start)


def _rank(pair: tuple[Span, float | None]) -> tuple[float, int]:
    span, score = pair
    return -1.0 if score is None else -score, span.start - span.end


def _is_score(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _asked(row: Row, entities: list[Span], location: str) -> frozenset[str] | None:
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


def _span(value: Any, words: int, location: str) -> Span:  # noqa: ANN401
    start, end, label = value[:3] if isinstance(value, list) and len(value) >= 3 else (None, None, None)
    if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label:
        raise InputError(
            f"found the entity {quote_json(value)}",
            location=location,
            expected=f"the first word, the last word and the type, as in {_EXAMPLE}",
        )
    if not 0 <= start <= end < words:
        raise InputError(
            f"found an entity {label!r} from word {start} to {end}",
            location=location,
            expected=f"words from 0 to {words - 1}, the last one included",
        )
    check_utf8(label, location)
    return Span(label, start, end + 1)


def _row(sentence: Sentence, context: WriteContext) -> Row:
    spans = (
        [Span(tag, index, index + 1) for index, tag in enumerate(sentence.tags or ())]
        if context.scheme == "plain"
        else tags_to_spans(sentence.tags or ())
    )
    row: Row = {key: value for key, value in (("id", sentence.id), ("text", sentence.text)) if value is not None}
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
