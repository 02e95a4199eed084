"""Read texts with labeled spans: our own rows, and those of annotation tools, libraries and language models.

``{"text", "entities": [{"start", "end", "label", "score"}]}``, where the score is optional and an entity may have its
``text`` instead of offsets; ``"asked": [type]`` and ``"rejected": [{"start", "end", "label"}]`` where not all entities
are known. Other names of these keys are known as well: of the text (``row_shapes``), of its entities, which may be a
map or within other objects (``entity_lists``), and of the fields of an entity (``entity_fields``). Label Studio: see
``label_studio``. Labels may be numbers with names (``tag_names``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.annotated_text import AnnotatedText, TextSpan
from nlptrain.data.formats.entity_fields import EntityFields, entity_fields, plain_name
from nlptrain.data.formats.entity_lists import ENTITY_KEYS, find_entities, is_map, to_entities
from nlptrain.data.formats.fields import id_and_text, json_type, lone_surrogate, quote_json
from nlptrain.data.formats.label_studio import is_task, region_key, small_row, task_row
from nlptrain.data.formats.row_shapes import find_text, has_words
from nlptrain.data.formats.tag_names import UnnamedTagError, tag_name
from nlptrain.data.formats.tagged_spans import are_tags, join_tagged_spans
from nlptrain.data.formats.token_offsets import to_offset, token_offsets
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError

ENTITIES_EXAMPLE = '{"text": "Ada sings", "entities": [{"start": 0, "end": 3, "label": "person"}]}'
_MALFORMED = "row that is malformed"
_UNUSED_DECISIONS = {"reject": "rejected by the annotator", "ignore": "ignored by the annotator"}
_USUAL_KEYS = frozenset(("id", "doc_id", "meta", "text", "entities", "tokens", "asked", "rejected", "answer"))
_NO_SCORE = "score that is no number from 0 to 1, left out"


def is_annotated_row(row: dict[str, Any]) -> bool:
    """Return whether ``row`` is a text with labeled spans rather than words with tags."""
    if _is_usual(row):
        return True
    if is_task(row) or region_key(row) is not None:
        return True
    text = find_text(row)
    if text is None or "entities" not in row and has_words(row):
        return False
    return _find(row, text[1]) is not None


def used_keys(row: dict[str, Any]) -> tuple[str, ...]:
    """Return the keys of ``row`` that are read, according to its kind."""
    if is_task(row):
        return ("id", "data", "annotations" if "annotations" in row else "completions")
    if not is_annotated_row(row):
        return ("id", "text", "tokens", "tags")
    key, text = find_text(row) or ("text", "")
    entities = region_key(row) or (_find(row, text) or ("spans",))[0]
    return ("id", key, "tokens", "answer", "asked", "rejected", entities)


def check_labels(rows: Sequence[dict[str, Any]], location: str) -> None:
    """Check that not all labels are those of whole texts, as for text classification.

    Args:
        rows: the first ones of a file.
        location: the file, for messages.

    Raises:
        InputError: some rows have labels of whole texts, and none has an entity.
    """
    labels = None
    for row in rows:
        if not is_annotated_row(row) or is_task(row) or region_key(row):
            return
        _, text = find_text(row) or ("", "")
        key, values = _find(row, text) or ("", [])
        if _are_labels(values):
            labels = labels or _labels_of_text(key, values, location)
        elif values:
            return
    if labels is not None:
        raise labels


def labels_are_tags(rows: Sequence[dict[str, Any]]) -> bool:
    """Return whether the labels in the first rows of a file are tags with prefixes, one of them inside of an entity."""
    labels: set[str] = set()
    for row in rows:
        if is_annotated_row(row) and not is_task(row) and not region_key(row):
            _, text = find_text(row) or ("", "")
            _, values = _find(row, text) or ("", [])
            for value in values if isinstance(values, list) else []:
                labels.update(str(fields.label) for fields in entity_fields(value, text))
    return are_tags(labels)


def unusual_key(rows: Sequence[dict[str, Any]]) -> str | None:
    """Return the key of the entities in the first annotated row if it is no usual name, or None."""
    row = next((row for row in rows if is_annotated_row(row)), None)
    if row is None or is_task(row) or region_key(row):
        return None
    _, text = find_text(row) or ("", "")
    key, _ = _find(row, text) or ("spans", [])
    return None if plain_name(key) in ENTITY_KEYS else key


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
        if task is None:
            return None
        row = task
    is_usual = _is_usual(row)
    if not is_usual and region_key(row):
        row = small_row(row, location, context)
    decision = row.get("answer")
    if isinstance(decision, str) and decision in _UNUSED_DECISIONS:
        context.report.omitted[_UNUSED_DECISIONS[decision]] += 1
        return None
    if is_usual:
        text, key, values = row["text"], "entities", row["entities"]
    else:
        _, text = find_text(row) or ("text", row.get("text", row.get("data")))
        key, values = _find(row, text if isinstance(text, str) else "") or ("spans", [])
    annotated = _annotated_text(text, values, key, location, row.get("tokens"), row.get("id"), context)
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
        rejected=[span for value in rejected for span in _text_spans(value, annotated.text, location, context)],
    )


def _is_usual(row: dict[str, Any]) -> bool:
    """Return whether a row has the keys of our own format alone, so that nothing else can be its text or entities."""
    return row.keys() <= _USUAL_KEYS and isinstance(row.get("text"), str) and isinstance(row.get("entities"), list)


def _find(row: dict[str, Any], text: str) -> tuple[str, Any] | None:
    """Return the key of the entities of a row and their values; None: it is not annotated."""
    if (entities := find_entities(row, text)) is not None:
        return entities
    return ("spans", []) if "answer" in row and _has_offsets(row) else None  # Prodigy omits empty spans


def _has_offsets(row: dict[str, Any]) -> bool:
    tokens = row.get("tokens")
    return isinstance(tokens, list) and all(isinstance(token, dict | list) for token in tokens)


def _are_labels(values: Any) -> bool:  # noqa: ANN401
    """Return whether values are labels of a whole text, or mentions without a type."""
    if isinstance(values, str | int | float):
        return True
    return isinstance(values, list) and bool(values) and all(isinstance(value, str) for value in values)


def _labels_of_text(key: str, values: Any, location: str) -> InputError:  # noqa: ANN401
    return InputError(
        f"found {quote_json(values)} in {key!r}, without offsets or types",
        location=location,
        expected=f"entities, as in {ENTITIES_EXAMPLE}",
        hint="labels of whole texts are no entities",
    )


def _annotated_text(
    text: Any,  # noqa: ANN401
    values: Any,  # noqa: ANN401
    key: str,
    location: str,
    tokens: Any,  # noqa: ANN401
    row_id: Any,  # noqa: ANN401
    context: ReadContext,
) -> AnnotatedText:
    if not isinstance(text, str) or not isinstance(values, list | dict | str | int | float):
        raise InputError(
            f"found {json_type(text)} in 'text' and {json_type(values)} in {key!r}",
            location=location,
            expected=f"a string and a list, as in {ENTITIES_EXAMPLE}",
        )
    if _are_labels(values):
        raise _labels_of_text(key, values, location)
    if isinstance(values, dict):
        values = to_entities(values, text, None, location)
    text_spans = [span for value in values for span in _text_spans(value, text, location, context)]
    if context.joins_tags:
        text_spans = join_tagged_spans(text_spans, text)
    sentence_id, _ = id_and_text({"id": row_id}, location)
    return AnnotatedText(text, text_spans, location, token_offsets(tokens, text, location, context), sentence_id)


def _text_spans(value: Any, text: str, location: str, context: ReadContext) -> Iterator[TextSpan]:  # noqa: ANN401
    """Yield the spans of one item of a list: an entity at one or several positions, or a map of types and texts."""
    if isinstance(value, dict) and value and "start" not in value and is_map(value):
        for entity in to_entities(value, text, None, location):
            yield from _text_spans(entity, text, location, context)
        return
    for fields in entity_fields(value, text) or [EntityFields()]:
        yield _text_span(fields, value, location, context)


def _text_span(fields: EntityFields, value: Any, location: str, context: ReadContext) -> TextSpan:  # noqa: ANN401
    if isinstance(fields.label, list):
        raise InputError(
            f"found the labels {', '.join(map(str, fields.label))} of one entity",
            location=location,
            expected="one label",
        )
    start, end, label = to_offset(fields.start), to_offset(fields.end), _label_name(fields.label, location, context)
    has_position = start is not None and end is not None or bool(fields.text and fields.text.strip())
    if not has_position or not label or lone_surrogate(label):
        raise InputError(
            f"found the entity {quote_json(value)}",
            location=location,
            expected=f"'start' and 'end' (integers) and 'label' (a string), as in {ENTITIES_EXAMPLE}",
        )
    if start is None or end is None:
        start = end = None
    score = fields.score
    if score is not None and not (type(score) in (int, float) and 0 <= score <= 1):
        context.report.repaired(_NO_SCORE, location, f"found {quote_json(score)}")
        score = None
    return TextSpan(start, end, label, score, fields.text or None)


def _label_name(label: Any, location: str, context: ReadContext) -> str:  # noqa: ANN401
    """Return the name of a label, by ``context.tag_names`` if it is a number; "" if it is none."""
    name = tag_name(label, context.tag_names, location)
    return name if isinstance(name, str) else ""


def _is_list_of(values: Any, kind: type) -> bool:  # noqa: ANN401
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)
