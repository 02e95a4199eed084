"""Rows of annotation tools: our own format with entities, Prodigy's, doccano's and Label Studio's; recognized by keys.

Entities: ``{"text", "entities": [{"start", "end", "label"}]}``. Prodigy: ``{"text", "tokens": [{"start", "end"}],
"spans": [{"start", "end", "label"}], "answer"}``. doccano: ``{"id", "text", "label": [[start, end, label]]}`` or
``"entities": [{"start_offset", "end_offset", "label"}]``. Label Studio: ``{"id", "data": {"text"}, "annotations":
[{"result": [{"value": {"start", "end", "labels"}}]}]}``, or, in its smaller export, ``{"id", "text", "label":
[{"start", "end", "labels"}]}``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from nlptrain.data.formats import WriteContext
from nlptrain.data.formats.annotated_text import AnnotatedText, TextSpan, to_annotated_text
from nlptrain.data.formats.fields import id_and_text, json_line, json_type, lone_surrogate, quote_json
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError

ENTITIES_EXAMPLE = '{"text": "Ada sings", "entities": [{"start": 0, "end": 3, "label": "person"}]}'
_SPAN_KEYS = ("entities", "spans", "label", "labels")
_MAX_OFFSET = 2**53  # no text is longer
_UNUSED_DECISIONS = {"reject": "rejected by the annotator", "ignore": "ignored by the annotator"}
_NOT_ANNOTATED = "without an annotation"
_SEVERAL = "with several different annotations (the first one is used)"


def is_annotated_row(row: dict[str, Any]) -> bool:
    """Return whether ``row`` is a text with labeled spans rather than words with tags."""
    if _is_task(row):
        return True
    tokens = row.get("tokens")
    has_offsets = isinstance(tokens, list) and all(isinstance(token, dict | list) for token in tokens)
    has_words = "tokens" in row and not has_offsets and "entities" not in row
    return "text" in row and not has_words and (has_offsets or any(key in row for key in _SPAN_KEYS))


def used_keys(row: dict[str, Any]) -> tuple[str, ...]:
    """Return the keys of ``row`` that are read, according to its kind."""
    if _is_task(row):
        return ("id", "data", "annotations" if "annotations" in row else "completions")
    return (
        ("id", "text", "tokens", "answer", _span_key(row))
        if is_annotated_row(row)
        else ("id", "text", "tokens", "tags")
    )


def ignored_task_keys(row: dict[str, Any]) -> list[str]:
    """Return the keys in the ``data`` of a task of Label Studio that are not read; none for other rows."""
    if not _is_task(row):
        return []
    data = row["data"]
    text = "text" if "text" in data else next((key for key in data if isinstance(data[key], str)), "text")
    return [f"data.{key}" for key in data if key not in (text, "tokens")]


def read_annotated_row(row: dict[str, Any], location: str, omitted: Counter[str]) -> AnnotatedText | None:
    """Return the text of a row, or None if the row is not to be used.

    Args:
        row: a row for which ``is_annotated_row`` is true.
        location: ``path:line``, for messages.
        omitted: counts such rows by reason, and those that were used only in part.

    Raises:
        InputError: the row is malformed.
    """
    if _is_task(row):
        return _read_task(row, location, omitted)
    decision = row.get("answer")
    if isinstance(decision, str) and decision in _UNUSED_DECISIONS:
        omitted[_UNUSED_DECISIONS[decision]] += 1
        return None
    key = _span_key(row)
    return _annotated_text(row["text"], row.get(key, []), key, location, row.get("tokens"), row.get("id"))


def entities_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield texts with entities, a row per sentence."""
    return _row_lines(_entities_row, sentences, context)


def prodigy_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield rows as Prodigy writes them."""
    return _row_lines(_prodigy_row, sentences, context)


def doccano_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield rows as doccano writes them."""
    return _row_lines(_doccano_row, sentences, context)


def labelstudio_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield one JSON list of tasks of Label Studio, with one annotation each."""
    separator = "[\n"
    for sentence in sentences:
        annotated = to_annotated_text(sentence, context.scheme)
        result = [
            {
                "value": {
                    "start": span.start,
                    "end": span.end,
                    "text": annotated.text[span.start : span.end],
                    "labels": [span.label],
                },
                "from_name": "label",
                "to_name": "text",
                "type": "labels",
            }
            for span in annotated.spans
        ]
        data = {"text": annotated.text, "tokens": annotated.offsets}
        row = {**_id_field(annotated), "data": data, "annotations": [{"result": result}]}
        yield separator + json_line(row).rstrip("\n")
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _is_task(row: dict[str, Any]) -> bool:
    """Return whether ``row`` is a task of Label Studio."""
    return isinstance(row.get("data"), dict) and ("annotations" in row or "completions" in row)


def _span_key(row: dict[str, Any]) -> str:
    return next((key for key in _SPAN_KEYS if key in row), "spans")


def _read_task(row: dict[str, Any], location: str, omitted: Counter[str]) -> AnnotatedText | None:
    annotations = row.get("annotations", row.get("completions"))
    if annotations is not None and not isinstance(annotations, list):
        raise InputError(f"found {json_type(annotations)} in 'annotations'", location=location, expected="a list")
    kept = [item for item in annotations or [] if isinstance(item, dict) and not item.get("was_cancelled")]
    if not kept:
        omitted[_NOT_ANNOTATED] += 1
        return None
    results = [_labeled_values(annotation.get("result"), location) for annotation in kept]
    if any(result != results[0] for result in results):
        omitted[_SEVERAL] += 1
    data = row["data"]
    strings = [key for key, value in data.items() if isinstance(value, str)]
    if "text" not in data and len(strings) != 1:
        raise InputError(
            f"found {', '.join(strings) or 'no text'} in 'data'",
            location=location,
            expected="the annotated text as 'text'",
        )
    text = data["text"] if "text" in data else data[strings[0]]
    return _annotated_text(text, results[0], "result", location, data.get("tokens"), row.get("id"))


def _labeled_values(result: Any, location: str) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return the labeled spans of an annotation, without choices and relations."""
    if not isinstance(result, list):
        raise InputError(f"found {json_type(result)} in 'result'", location=location, expected="a list")
    values = [item.get("value") for item in result if isinstance(item, dict)]
    return [value for value in values if isinstance(value, dict) and "labels" in value]


def _annotated_text(
    text: Any,  # noqa: ANN401
    values: Any,  # noqa: ANN401
    key: str,
    location: str,
    tokens: Any,  # noqa: ANN401
    row_id: Any,  # noqa: ANN401
) -> AnnotatedText:
    if not isinstance(text, str) or not isinstance(values, list):
        raise InputError(
            f"found {json_type(text)} in 'text' and {json_type(values)} in {key!r}",
            location=location,
            expected=f"a string and a list, as in {ENTITIES_EXAMPLE}",
        )
    text_spans = [_text_span(value, text, location) for value in values]
    sentence_id, _ = id_and_text({"id": row_id}, location)
    return AnnotatedText(text, text_spans, location, _token_offsets(tokens, location), sentence_id)


def _text_span(value: Any, text: str, location: str) -> TextSpan:  # noqa: ANN401
    start, end, label, quoted = _span_fields(value)
    if not (_is_offset(start) and _is_offset(end) and isinstance(label, str) and label and not lone_surrogate(label)):
        raise InputError(
            f"found the entity {quote_json(value)}",
            location=location,
            expected=f"'start' and 'end' (integers) and 'label' (a string), as in {ENTITIES_EXAMPLE}",
        )
    if isinstance(quoted, str) and text[start:end] != quoted:
        # Label Studio counted UTF-16 code units, where an emoji is two, before it counted code points.
        units = text.encode("utf-16-le", "surrogatepass")
        if units[2 * start : 2 * end].decode("utf-16-le", "replace") == quoted:
            start, end = (len(units[: 2 * offset].decode("utf-16-le", "replace")) for offset in (start, end))
    return TextSpan(start, end, label)


def _span_fields(value: Any) -> tuple[Any, Any, Any, Any]:  # noqa: ANN401
    """Return start, end and label of a span, and the text that its tool quotes, if any."""
    if isinstance(value, list) and len(value) == 3:
        return (*value, None)
    if not isinstance(value, dict):
        return None, None, None, None
    label = value.get("label")
    if label is None and isinstance(value.get("labels"), list) and len(value["labels"]) == 1:
        label = value["labels"][0]
    start, end = (value.get(key, value.get(f"{key}_offset")) for key in ("start", "end"))
    return start, end, label, value.get("text") if "labels" in value else None


def _token_offsets(tokens: Any, location: str) -> Sequence[tuple[int, int]] | None:  # noqa: ANN401
    """Return start and end of each token, or None if a row has no tokens."""
    if tokens is None:
        return None
    offsets = []
    for token in tokens if isinstance(tokens, list) else [tokens]:
        pair = [token.get("start"), token.get("end")] if isinstance(token, dict) else token
        if not isinstance(pair, list) or len(pair) != 2 or not all(map(_is_offset, pair)):
            raise InputError(
                f"found the token {quote_json(token)}", location=location, expected="'start' and 'end' (integers)"
            )
        offsets.append((pair[0], pair[1]))
    return offsets


def _is_offset(value: Any) -> bool:  # noqa: ANN401
    return type(value) is int and -_MAX_OFFSET < value < _MAX_OFFSET


def _row_lines(
    to_row: Callable[[AnnotatedText], dict[str, Any]], sentences: Iterable[Sentence], context: WriteContext
) -> Iterator[str]:
    return (json_line(to_row(to_annotated_text(sentence, context.scheme))) for sentence in sentences)


def _entities_row(annotated: AnnotatedText) -> dict[str, Any]:
    entities = [{"start": span.start, "end": span.end, "label": span.label} for span in annotated.spans]
    return {**_id_field(annotated), "text": annotated.text, "entities": entities, "tokens": annotated.offsets}


def _prodigy_row(annotated: AnnotatedText) -> dict[str, Any]:
    text, offsets = annotated.text, annotated.offsets or ()
    first = {start: index for index, (start, _) in enumerate(offsets)}
    last = {end: index for index, (_, end) in enumerate(offsets)}
    tokens = [
        {"text": text[start:end], "start": start, "end": end, "id": index, "ws": text[end : end + 1].isspace()}
        for index, (start, end) in enumerate(offsets)
    ]
    spans = [
        {
            "start": span.start,
            "end": span.end,
            "token_start": first[span.start],
            "token_end": last[span.end],
            "label": span.label,
        }
        for span in annotated.spans
    ]
    return {**_id_field(annotated), "text": text, "tokens": tokens, "spans": spans, "answer": "accept"}


def _doccano_row(annotated: AnnotatedText) -> dict[str, Any]:
    labels = [[span.start, span.end, span.label] for span in annotated.spans]
    return {**_id_field(annotated), "text": annotated.text, "label": labels, "tokens": annotated.offsets}


def _id_field(annotated: AnnotatedText) -> dict[str, Any]:
    return {} if annotated.id is None else {"id": annotated.id}
