"""Read rows of annotation tools, recognized by their keys: our own with entities, Prodigy's, doccano's, Label Studio's.

Entities: ``{"text", "entities": [{"start", "end", "label", "score"}]}``, where the score is optional and an entity may
have its ``text`` instead of offsets; ``"asked": [type]`` and ``"rejected": [{"start", "end", "label"}]`` where not all
entities are known. Prodigy: ``{"text", "tokens": [{"start", "end"}], "spans": [{"start", "end", "label"}],
"answer"}``. doccano: ``{"id", "text", "label": [[start, end, label]]}`` (``data`` instead of ``text`` in 1.8),
``"entities"`` or ``"annotations": [{"start_offset", "end_offset", "label"}]``, the last one with the numbers of labels.
Label Studio: see ``label_studio``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.annotated_text import BAD_TOKENS, AnnotatedText, TextSpan
from nlptrain.data.formats.fields import id_and_text, json_type, lone_surrogate, quote_json
from nlptrain.data.formats.label_studio import is_task, region_key, small_row, task_row
from nlptrain.data.formats.tag_names import UnnamedTagError, tag_name
from nlptrain.data.sentence import Sentence, find_offsets
from nlptrain.errors import InputError

ENTITIES_EXAMPLE = '{"text": "Ada sings", "entities": [{"start": 0, "end": 3, "label": "person"}]}'
_SPAN_KEYS = ("entities", "spans", "label", "labels", "annotations")
_MALFORMED = "row that is malformed"
_MAX_OFFSET = 2**53  # no text is longer
_UNUSED_DECISIONS = {"reject": "rejected by the annotator", "ignore": "ignored by the annotator"}
_NO_SCORE = "score that is no number from 0 to 1, left out"


def is_annotated_row(row: dict[str, Any]) -> bool:
    """Return whether ``row`` is a text with labeled spans rather than words with tags."""
    if is_task(row):
        return True
    tokens = row.get("tokens")
    has_offsets = isinstance(tokens, list) and all(isinstance(token, dict | list) for token in tokens)
    has_words = "tokens" in row and not has_offsets and "entities" not in row
    has_text = isinstance(row.get("text", row.get("data")), str) or region_key(row) is not None
    return has_text and not has_words and (has_offsets or _span_key(row) in row)


def used_keys(row: dict[str, Any]) -> tuple[str, ...]:
    """Return the keys of ``row`` that are read, according to its kind."""
    if is_task(row):
        return ("id", "data", "annotations" if "annotations" in row else "completions")
    return (
        ("id", "text" if "text" in row else "data", "tokens", "answer", "asked", "rejected", _span_key(row))
        if is_annotated_row(row)
        else ("id", "text", "tokens", "tags")
    )


def ignored_task_keys(row: dict[str, Any]) -> list[str]:
    """Return the keys in the ``data`` of a task of Label Studio that are not read; none for other rows."""
    if not is_task(row):
        return []
    data = row["data"]
    text = "text" if "text" in data else next((key for key in data if isinstance(data[key], str)), "text")
    return [f"data.{key}" for key in data if key not in (text, "tokens")]


def read_annotated_sentence(row: dict[str, Any], location: str, context: ReadContext) -> Sentence | None:
    """Return the sentence of a row, or None if there is none; ``context`` counts rows that are not used or malformed.

    Args:
        row: a row for which ``is_annotated_row`` is true.
        location: ``path:line``, for messages.
        context: how the row is read.
    """
    try:
        annotated = read_annotated_row(row, location, context)
    except UnnamedTagError:
        raise
    except InputError as error:
        context.report.skip(_MALFORMED, error)
        return None
    return None if annotated is None else annotated.sentence(context)


def read_annotated_row(row: dict[str, Any], location: str, context: ReadContext) -> AnnotatedText | None:
    """Return the text of a row, or None if the row is not to be used.

    Args:
        row: a row for which ``is_annotated_row`` is true.
        location: ``path:line``, for messages.
        context: its report counts such rows by reason (``omitted``), and those that were used only in part.

    Raises:
        InputError: the row is malformed.
    """
    if is_task(row):
        task = task_row(row, location, context)
        return None if task is None else read_annotated_row(task, location, context)
    if region_key(row):
        row = small_row(row, location, context)
    decision = row.get("answer")
    if isinstance(decision, str) and decision in _UNUSED_DECISIONS:
        context.report.omitted[_UNUSED_DECISIONS[decision]] += 1
        return None
    key = _span_key(row)
    annotated = _annotated_text(
        row.get("text", row.get("data")), row.get(key) or [], key, location, row.get("tokens"), row.get("id"), context
    )
    if "asked" not in row and "rejected" not in row:
        return annotated
    rejected, asked = row.get("rejected") or [], row.get("asked")
    if not _is_list_of(rejected, dict) or not (asked is None or _is_list_of(asked, str)):
        raise InputError(
            f"found {quote_json(asked)} in 'asked' and {quote_json(rejected)} in 'rejected'",
            location=location,
            expected="a list of entity types, and a list of spans with 'start', 'end' and 'label'",
        )
    return replace(
        annotated,
        asked=None if asked is None else frozenset(asked),
        rejected=[_text_span(value, location, context) for value in rejected],
    )


def _span_key(row: dict[str, Any]) -> str:
    return region_key(row) or next((key for key in _SPAN_KEYS if key in row), "spans")


def _annotated_text(
    text: Any,  # noqa: ANN401
    values: Any,  # noqa: ANN401
    key: str,
    location: str,
    tokens: Any,  # noqa: ANN401
    row_id: Any,  # noqa: ANN401
    context: ReadContext,
) -> AnnotatedText:
    if not isinstance(text, str) or not isinstance(values, list):
        raise InputError(
            f"found {json_type(text)} in 'text' and {json_type(values)} in {key!r}",
            location=location,
            expected=f"a string and a list, as in {ENTITIES_EXAMPLE}",
        )
    text_spans = [_text_span(value, location, context) for value in values]
    sentence_id, _ = id_and_text({"id": row_id}, location)
    return AnnotatedText(text, text_spans, location, _token_offsets(tokens, text, location, context), sentence_id)


def _text_span(value: Any, location: str, context: ReadContext) -> TextSpan:  # noqa: ANN401
    start, end, label, quoted, score = _span_fields(value)
    start, end, label = _offset(start), _offset(end), _label_name(label, location, context)
    has_place = start is not None and end is not None or isinstance(quoted, str) and bool(quoted.strip())
    if not has_place or not label or lone_surrogate(label):
        raise InputError(
            f"found the entity {quote_json(value)}",
            location=location,
            expected=f"'start' and 'end' (integers) and 'label' (a string), as in {ENTITIES_EXAMPLE}",
        )
    if start is None or end is None:
        start = end = None
    if score is not None and not (type(score) in (int, float) and 0 <= score <= 1):
        context.report.repaired(_NO_SCORE, location, f"found {quote_json(score)}")
        score = None
    return TextSpan(start, end, label, score, quoted if isinstance(quoted, str) and quoted else None)


def _span_fields(value: Any) -> tuple[Any, Any, Any, Any, Any]:  # noqa: ANN401
    """Return start, end and label of a span, the text that its tool quotes, and its score, if any."""
    if isinstance(value, list) and len(value) == 3:
        return (*value, None, None)
    if not isinstance(value, dict):
        return None, None, None, None, None
    label = value.get("label")
    if label is None and isinstance(value.get("labels"), list) and len(value["labels"]) == 1:
        label = value["labels"][0]
    start, end = (value.get(key, value.get(f"{key}_offset")) for key in ("start", "end"))
    return start, end, label, value.get("text"), value.get("score")


def _label_name(label: Any, location: str, context: ReadContext) -> str:  # noqa: ANN401
    """Return the name of a label, by ``context.tag_names`` if it is a number; "" if it is none."""
    name = tag_name(label, context.tag_names, location)
    return name if isinstance(name, str) else ""


def _token_offsets(
    tokens: Any,  # noqa: ANN401
    text: str,
    location: str,
    context: ReadContext,
) -> Sequence[tuple[int, int]] | None:
    """Return start and end of each token, or None if a row has no tokens, or some that are not in its text."""
    if tokens is None:
        return None
    tokens = tokens if isinstance(tokens, list) else [tokens]
    if tokens and _is_list_of(tokens, str) and (word_offsets := find_offsets(text, tokens)):
        return word_offsets
    offsets = []
    for token in tokens:
        pair = [token.get("start"), token.get("end")] if isinstance(token, dict) else token
        start, end = map(_offset, pair) if isinstance(pair, list) and len(pair) == 2 else (None, None)
        if start is None or end is None:
            context.report.repaired(BAD_TOKENS, location, f"found the token {quote_json(token)}")
            return None
        offsets.append((start, end))
    return offsets


def _offset(value: Any) -> int | None:  # noqa: ANN401
    """Return an offset as an integer, or None if it is none; some tools write 3.0."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and -_MAX_OFFSET < value < _MAX_OFFSET else None


def _is_list_of(values: Any, kind: type) -> bool:  # noqa: ANN401
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)
