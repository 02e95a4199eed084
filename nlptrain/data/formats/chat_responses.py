"""Entities in the responses of language models: JSON, possibly with prose around it or in a fence.

A response is a list of objects (``{"entity": "Ada", "type": "person"}``; other usual keys are known) or of pairs, a map
of types and mentions (``{"person": ["Ada"]}``), or, where one type was asked for, a list of mentions.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from nlptrain.data.formats.fields import quote_json
from nlptrain.data.formats.json_rows import Row
from nlptrain.errors import InputError

_LABELS = ("type", "label", "entity_type", "entity_group", "category", "class", "tag", "ner_tag", "entity_label")
_TEXTS = ("text", "entity", "word", "span", "mention", "name", "value", "entity_text", "entity_name", "phrase")
_MENTIONS = ("text", "entity", "word", "span", "mention")  # those of them that are no types
_WRAPPERS = (
    "entities",
    "named_entities",
    "ner",
    "result",
    "results",
    "annotations",
    "spans",
    "output",
    "answer",
    "data",
)
_SCORES = ("score", "confidence", "probability")
_OFFSETS = (("start", "end"), ("start_char", "end_char"), ("start_offset", "end_offset"))
_NOTHING = ("", "none", "null", "n/a", "-")
_FENCE = re.compile(r"```[\w+-]*[ \t]*\n?(.*?)```", re.DOTALL)
_MAX_STARTS = 200  # brackets of a response that are tried as the start of JSON
_DECODER = json.JSONDecoder()


def parse_response(content: str) -> Any:  # noqa: ANN401
    """Return the JSON in a response, a list or an object; None: it has none.

    Of several values in one response, the last one counts; several objects are a list.

    Example:
        >>> parse_response('Here you go: [{"entity": "Ada", "type": "person"}]. Anything else?')
        [{'entity': 'Ada', 'type': 'person'}]
    """
    for part in [*_FENCE.findall(content), content]:
        values = list(_values(part))
        if values:
            return values if len(values) > 1 and all(isinstance(value, dict) for value in values) else values[-1]
    return None


def is_list_of_mentions(value: Any) -> bool:  # noqa: ANN401
    """Return whether a response is a list of mentions without types."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def to_entities(value: Any, text: str, entity_type: str | None, location: str) -> list[Row]:  # noqa: ANN401
    """Return the entities of a response as objects with ``text``, ``label`` and, if given, offsets and score.

    Args:
        value: the JSON of the response.
        text: in which the mentions are.
        entity_type: of mentions without a type, if the question asked for one.
        location: ``path:line``, for messages.

    Raises:
        InputError: an item is no entity.

    Example:
        >>> to_entities({"person": ["Ada"], "city": []}, "Ada sings", None, "a.jsonl:1")
        [{'text': 'Ada', 'label': 'person'}]
    """
    if isinstance(value, list):
        return [entity for item in value for entity in _items(item, text, entity_type, location)]
    if not isinstance(value, dict):
        raise _not_an_entity(value, location)
    if (entity := _entity(value, entity_type)) is not None:
        return [entity]
    if any(isinstance(value.get(key), str) for key in _MENTIONS):
        raise _not_an_entity(value, location)
    entities: list[Row] = []
    for key, item in value.items():
        if key.lower() in _WRAPPERS and isinstance(item, list | dict):
            entities += to_entities(item, text, entity_type, location)
        elif isinstance(item, str):
            is_mention = key.lower() in text.lower() and item.lower() not in text.lower()
            entities += _mention(*((key, item) if is_mention else (item, key)))
        elif item is not None:
            entities += to_entities(item if isinstance(item, list) else [item], text, key, location)
    return entities


def _items(item: Any, text: str, entity_type: str | None, location: str) -> list[Row]:  # noqa: ANN401
    if isinstance(item, dict):
        return to_entities(item, text, entity_type, location)
    if isinstance(item, str) and entity_type:
        return _mention(item, entity_type)
    if isinstance(item, list) and len(item) == 2 and all(isinstance(part, str) for part in item):
        return _mention(*item)
    raise _not_an_entity(item, location)


def _entity(value: Row, entity_type: str | None) -> Row | None:
    """Return an object with a text and a type as an entity; None: it is another object."""
    label_key = next((key for key in _LABELS if isinstance(value.get(key), str)), None)
    texts = [key for key in _TEXTS if isinstance(value.get(key), str)]
    if label_key is None and len(texts) > 1 and "entity" in texts:  # as the pipeline of transformers names the type
        label_key = "entity"
        texts.remove("entity")
    label = value[label_key] if label_key else entity_type
    if not texts or not label:
        return None
    entity: Row = {"text": value[texts[0]], "label": label}
    offsets = next((pair for pair in _OFFSETS if all(type(value.get(key)) is int for key in pair)), None)
    if offsets:
        entity |= {"start": value[offsets[0]], "end": value[offsets[1]]}
    score = next((value[key] for key in _SCORES if key in value), None)
    return entity if score is None else entity | {"score": score}


def _mention(mention: str, label: str) -> list[Row]:
    return [] if mention.strip().lower() in _NOTHING else [{"text": mention, "label": label}]


def _not_an_entity(value: Any, location: str) -> InputError:  # noqa: ANN401
    return InputError(
        f"found {quote_json(value)} in the response",
        location=location,
        expected='objects such as {"entity": "Ada", "type": "person"}',
    )


def _values(content: str) -> Iterator[Any]:
    """Yield the JSON values in ``content`` that may be a response."""
    end = 0
    for count, match in enumerate(re.finditer(r"[\[{]", content)):
        if match.start() < end or count >= _MAX_STARTS:
            continue
        value, stop = _decode(content, match.start())
        is_response = isinstance(value, dict) or (
            isinstance(value, list) and all(isinstance(item, dict | list | str) for item in value)
        )
        if is_response:
            end = stop
            yield value


def _decode(content: str, start: int) -> tuple[Any, int]:
    """Return the value that begins at ``start`` and its end, as JSON or as Python writes it; None if there is none."""
    try:
        return _DECODER.raw_decode(content, start)
    except (ValueError, RecursionError):
        pass
    end = content.rfind("]" if content[start] == "[" else "}") + 1
    try:
        return ast.literal_eval(content[start:end]), end
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None, start
