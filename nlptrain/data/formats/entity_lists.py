"""Entities of a text in JSON: a list of them, or a map of types, and where they are in a row.

A list has objects (see ``entity_fields``), lists such as ``[0, 3, "person"]``, or maps of a type and a text. A map has
texts for each type (``{"person": ["Ada"]}``), positions (``{"person": [[0, 3]]}``), or both (``{"person": {"Ada": [[0,
3]]}}``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlptrain.data.formats.chat_responses import parse_response
from nlptrain.data.formats.entity_fields import LABELS, STARTS, TEXTS, EntityFields, entity_fields, plain_name
from nlptrain.data.formats.fields import quote_json
from nlptrain.data.formats.json_rows import Row
from nlptrain.errors import InputError

_STRICT = ("entities", "spans", "ents", "namedentities", "entitymentions")
# Where a row has its entities, as ``plain_name`` returns the keys; predictions are read where nothing else is.
_PREDICTED = ("predictions", "prediction", "predictedentities", "completion", "response", "output", "outputs")
ENTITY_KEYS = (
    *_STRICT,
    *("annotations", "annotation", "textsegmentannotations", "ner", "results", "result", "labels", "label"),
    *_PREDICTED,
)
_WRAPPERS = {*ENTITY_KEYS, "answer", "data"}
_OTHERS = ("tokens", "sents", "sentences", "words", "relations", "chunks", "nounchunks", "events", "paragraphs", "meta")
_NOTES = ("count", "total", "confidence", "score", "reason", "reasoning", "explanation", "notes")
_NOTHING = ("", "none", "null", "n/a", "-")
_MENTIONS = ("text", "entity", "word", "span", "mention")  # names of a text that are no types
_MAX_DEPTH = 3  # of objects around the entities of a row


def find_entities(row: Mapping[str, Any], text: str) -> tuple[str, Any] | None:
    """Return the key of a row where its entities are, and their list or map; None: no key may have them.

    The first usual key whose value has entities, or else is empty, is read, also within other objects; then the only
    list of objects with offsets and labels. If there is none, the first usual key is returned with its value.

    Example:
        >>> find_entities({"text": "Ada sings", "result": {"ents": [{"start": 0, "end": 3, "label": "person"}]}}, "")
        ('result', [{'start': 0, 'end': 3, 'label': 'person'}])
    """
    usual = row.get("entities")
    if isinstance(usual, list) and usual and _is_item(usual[0], text):
        return "entities", usual
    known = _known_keys(row)
    if _is_not_annotated(row, known):
        return None
    usable = [(key, values) for key in known if (values := _values_at(row[key], text)) is not None]
    if usable:
        return next((entry for entry in usable if entry[1]), usable[0])
    for key, item in row.items():
        if isinstance(item, dict) and key not in known and not _is_other(key):
            values = _find_inside(item, text, keeps_empty=not known)
            if values is not None:
                return key, values
    lists = [key for key, item in row.items() if isinstance(item, list) and not _is_other(key) and _has_offsets(item)]
    if len(lists) == 1:
        return lists[0], row[lists[0]]
    return (known[0], row[known[0]]) if known else None


def to_entities(value: Any, text: str, entity_type: str | None, location: str) -> list[Row]:  # noqa: ANN401
    """Return entities as objects with ``text``, ``label`` and, if given, offsets and score.

    Args:
        value: a list or a map.
        text: in which the entities are.
        entity_type: of mentions without a type, if a question asked for one.
        location: ``path:line``, for messages.

    Raises:
        InputError: an item is no entity.

    Example:
        >>> to_entities({"person": ["Ada"], "city": []}, "Ada sings", None, "a.jsonl:1")
        [{'text': 'Ada', 'label': 'person'}]
        >>> to_entities({"person": {"Ada": [[0, 2]]}}, "Ada sings", None, "a.jsonl:1")
        [{'text': 'Ada', 'label': 'person', 'start': 0, 'end': 2}]
    """
    if isinstance(value, list):
        return [entity for item in value for entity in _items(item, text, entity_type, location)]
    if not isinstance(value, dict):
        raise _not_an_entity(value, location)
    if (rows := _from_lists(value)) is not None:
        return to_entities(rows, text, entity_type, location)
    if (result := _from_names(value, text)) is not None:
        return result
    if (entities := _entities(value, text, entity_type)) is not None:
        return entities
    is_flat = not any(isinstance(item, list | dict) for item in value.values())
    has_numbers = any(type(item) in (int, float) for item in value.values())
    if any(isinstance(value.get(key), str) for key in _MENTIONS) or (is_flat and has_numbers):
        raise _not_an_entity(value, location)
    if (wrapped := _wrapped(value)) is not None:  # next to it: reasons, notes
        return to_entities(wrapped, text, entity_type, location)
    return [entity for key, item in value.items() for entity in _of_type(key, item, text, entity_type, location)]


def is_map(value: Mapping[str, Any]) -> bool:
    """Return whether an object has no fields of an entity, so that its keys may be types."""
    return not any(plain_name(key) in ("start", "end", "id", *LABELS, *TEXTS) for key in value)


def _of_type(key: str, item: Any, text: str, entity_type: str | None, location: str) -> list[Row]:  # noqa: ANN401
    """Return the entities of one key of a map: its type or, within a type, its text."""
    if key.lower() in _WRAPPERS and isinstance(item, list | dict):
        return to_entities(item, text, entity_type, location)
    if isinstance(item, str):
        is_mention = key.lower() in text.lower() and item.lower() not in text.lower()
        return _mention(*((key, item) if is_mention else (item, key)), text)
    if _are_positions(item):
        entity: Row = {"label": key} if entity_type is None else {"text": key, "label": entity_type}
        return [entity | {"start": start, "end": end} for start, end in item]
    if item is None or isinstance(item, bool | float) or plain_name(key) in _NOTES:
        return []
    if isinstance(item, int):
        return _mention(str(item), key, text) if str(item) in text.split() else []
    return to_entities(item if isinstance(item, list) else [item], text, key, location)


def _from_lists(value: Mapping[str, Any]) -> list[Row] | None:
    """Return an object with lists of labels and of texts or offsets, as columns have them, as a list of entities.

    Example:
        >>> _from_lists({"name": ["Ada", "Bo"], "type": ["person", "person"]})
        [{'name': 'Ada', 'type': 'person'}, {'name': 'Bo', 'type': 'person'}]
    """
    names = [plain_name(key) for key in value]
    has_fields = any(name in LABELS for name in names) and any(name in (*TEXTS, *STARTS) for name in names)
    if not has_fields or not all(isinstance(item, list) for item in value.values()):
        return None
    if len({len(item) for item in value.values()}) != 1:
        return None
    return [dict(zip(value, items, strict=True)) for items in zip(*value.values(), strict=True)]


def _from_names(value: Mapping[str, Any], text: str) -> list[Row] | None:
    """Return an object whose values are entities, and whose keys are their names or texts, as a list of entities.

    Example:
        >>> _from_names({"T1": {"text": "Ada", "type": "p"}, "T2": {"text": "Bo", "type": "p"}}, "Ada and Bo")
        [{'text': 'Ada', 'label': 'p'}, {'text': 'Bo', 'label': 'p'}]
    """
    if len(value) < 2 or not is_map(value) or not all(isinstance(item, dict) and item for item in value.values()):
        return None
    entities: list[Row] = []
    for key, item in value.items():
        fields = entity_fields(item, text)
        if fields and not fields[0].has_position and fields[0].label is not None and key in text:
            fields = [fields[0]._replace(text=key)]
        if not fields or not all(each.is_entity and isinstance(each.label, str) for each in fields):
            return None
        entities += map(_to_row, fields)
    return entities


def _items(item: Any, text: str, entity_type: str | None, location: str) -> list[Row]:  # noqa: ANN401
    if isinstance(item, dict):
        return to_entities(item, text, entity_type, location)
    if isinstance(item, str) and entity_type:
        return _mention(item, entity_type, text)
    entities = _entities(item, text, entity_type) if isinstance(item, list) else None
    if entities is None:
        raise _not_an_entity(item, location)
    return entities


def _entities(value: Any, text: str, entity_type: str | None) -> list[Row] | None:  # noqa: ANN401
    """Return a value with a label and a text or offsets as entities; None: it is another value."""
    positions = [
        fields._replace(label=entity_type if fields.label is None else fields.label)
        for fields in entity_fields(value, text)
    ]
    if not positions or not all(fields.is_entity and isinstance(fields.label, str) for fields in positions):
        return None
    return [_to_row(fields) for fields in positions if not _is_nothing(fields.text or "x", text)]


def _to_row(fields: EntityFields) -> Row:
    values = {
        "text": fields.text,
        "label": fields.label,
        "start": fields.start,
        "end": fields.end,
        "score": fields.score,
    }
    return {name: value for name, value in values.items() if value is not None}


def _mention(mention: str, label: str, text: str) -> list[Row]:
    return [] if _is_nothing(mention, text) else [{"text": mention, "label": label}]


def _is_nothing(mention: str, text: str) -> bool:
    """Return whether a mention means that there is none, such as ``None``, which is no word of the text."""
    return mention.strip().lower() in _NOTHING and mention.strip() not in text.split()


def _wrapped(value: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Return the entities in an object that has nothing else than notes next to them; None: it is a map of types."""
    wrapped = [key for key in value if plain_name(key) in _WRAPPERS and isinstance(value[key], list | dict)]
    if len(wrapped) != 1 or len(value) < 2:
        return None
    others = [item for key, item in value.items() if key != wrapped[0]]
    inner = value[wrapped[0]]
    is_usual = plain_name(wrapped[0]) in _STRICT or isinstance(inner, dict) or any(isinstance(i, dict) for i in inner)
    return inner if is_usual and not any(isinstance(item, list | dict) for item in others) else None


def _known_keys(row: Mapping[str, Any]) -> list[str]:
    by_name = {plain_name(key): key for key in row}
    known = [by_name[name] for name in ENTITY_KEYS if name in by_name]
    gold = [key for key in known if plain_name(key) not in _PREDICTED]
    return gold or known


def _is_not_annotated(row: Mapping[str, Any], known: list[str]) -> bool:
    """Return whether a row has predictions, and null instead of annotations."""
    has_predictions = any(plain_name(key) in _PREDICTED and row[key] for key in row)
    return bool(known) and has_predictions and all(row[key] is None for key in known)


def _values_at(value: Any, text: str) -> Any:  # noqa: ANN401
    """Return the list or map of entities that the value of a usual key is, or has; None: it is something else."""
    if value is None:
        return []
    if isinstance(value, str) and ("{" in value or "[" in value):
        value = parse_response(value)
    if isinstance(value, list):
        return value if not value or any(_is_item(item, text) for item in value) else None
    if not isinstance(value, dict):
        return None
    if _from_lists(value) is not None or _from_names(value, text) is not None:
        return value
    if (values := _find_inside(value, text)) is not None:
        return values
    return value if _is_map_of_types(value) else None


def _find_inside(value: Mapping[str, Any], text: str, depth: int = 1, *, keeps_empty: bool = True) -> Any:  # noqa: ANN401
    """Return the entities at a usual key of an object, or of an object in it."""
    for key in _known_keys(value):
        values = _values_at(value[key], text) if depth < _MAX_DEPTH and value[key] is not None else None
        if values or values is not None and keeps_empty and plain_name(key) in _STRICT:
            return values
    for key, item in value.items():
        if isinstance(item, dict) and depth < _MAX_DEPTH and not _is_other(key):
            values = _find_inside(item, text, depth + 1, keeps_empty=keeps_empty)
            if values is not None:
                return values
    return None


def _is_map_of_types(value: Mapping[str, Any]) -> bool:
    has_lists = any(isinstance(item, list | dict) for item in value.values())
    return is_map(value) and all(
        isinstance(item, str)
        or (isinstance(item, list) and all(isinstance(i, str | dict) for i in item))
        or _are_positions(item)
        or (isinstance(item, dict) and all(_are_positions(positions) for positions in item.values()))
        or item is None
        or (isinstance(item, int | float) and has_lists)
        for item in value.values()
    )


def _is_item(item: Any, text: str) -> bool:  # noqa: ANN401
    if isinstance(item, dict) and is_map(item):
        return bool(item) and _is_map_of_types(item)
    return any(fields.is_entity for fields in entity_fields(item, text))


def _has_offsets(values: list[Any]) -> bool:
    """Return whether a list has objects with labels and offsets, and nothing else."""
    return bool(values) and all(
        isinstance(item, dict)
        and (positions := entity_fields(item))
        and all(fields.is_entity and fields.start is not None for fields in positions)
        for item in values
    )


def _is_other(key: str) -> bool:
    return plain_name(key) in _OTHERS or plain_name(key).endswith("metadata")


def _are_positions(value: Any) -> bool:  # noqa: ANN401
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(item, list) and len(item) == 2 and all(type(offset) is int for offset in item) for item in value
        )
    )


def _not_an_entity(value: Any, location: str) -> InputError:  # noqa: ANN401
    return InputError(
        f"found {quote_json(value)} instead of an entity",
        location=location,
        expected='objects such as {"entity": "Ada", "type": "person"}',
    )
