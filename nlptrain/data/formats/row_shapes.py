"""Shapes of JSON rows other than an object: pairs of a text and its entities, lists of words with tags, containers.

``["Ada sings", {"entities": [[0, 3, "person"]]}]`` is a row of spaCy's training data. ``[["Ada", "B-person"], ["sings",
"O"]]`` is a sentence of words with tags, and so is ``[["Ada", "sings"], ["B-person", "O"]]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nlptrain.data.formats.entity_fields import plain_name

# Names of the text of a row, as ``plain_name`` returns them; the first one with a string is read.
TEXT_KEYS = (
    "text fulltext sourcetext rawtext originaltext analyzedtext textcontent content sentence passage paragraph document "
    "utterance data source input inputs inputtext body"
).split()
WORD_KEYS = ("tokens", "words", "tokenizedtext", "token", "word")
_TAG = re.compile(r"O|[BIESLUMW][-_].+", re.IGNORECASE)
_MAX_DEPTH = 3  # of objects around a list of rows
_SAMPLE = 20  # items that show what a list holds


def to_row(item: Any) -> Any:  # noqa: ANN401
    """Return an item of a file as an object if it is a row in another shape; any other value as it is.

    Example:
        >>> to_row(["Ada sings", {"entities": [[0, 3, "person"]]}])
        {'text': 'Ada sings', 'entities': [[0, 3, 'person']]}
        >>> to_row([["Ada", "B-person"], ["sings", "O"]])
        {'tokens': ['Ada', 'sings'], 'tags': ['B-person', 'O']}
    """
    if not isinstance(item, list) or not item:
        return item
    if len(item) == 2 and isinstance(item[0], str):
        if isinstance(item[1], dict):
            return {"text": item[0], **item[1]}
        return {"text": item[0], "entities": item[1]} if isinstance(item[1], list) else item
    if not all(isinstance(part, list) and part and all(isinstance(cell, str) for cell in part) for part in item):
        return item
    if len(item) == 2 and len(item[0]) == len(item[1]) and all(map(_TAG.fullmatch, item[1])):
        return {"tokens": item[0], "tags": item[1]}
    if len({len(part) for part in item}) == 1 and all(len(part) > 1 and _TAG.fullmatch(part[-1]) for part in item):
        return {"tokens": [part[0] for part in item], "tags": [part[-1] for part in item]}
    return item


def text_key(row: Mapping[str, Any]) -> str | None:
    """Return the key of the text of a row, or None if it has no text."""
    by_name = {plain_name(key): key for key in row if isinstance(row[key], str)}
    return next((by_name[name] for name in TEXT_KEYS if name in by_name), None)


def find_rows(value: Mapping[str, Any], depth: int = 0) -> list[Any] | None:
    """Return the only list of annotated rows in an object that is no row; None: it has none, or several.

    Example:
        >>> find_rows({"version": 1, "nlu": {"examples": [{"text": "Ada sings", "entities": []}]}})
        [{'text': 'Ada sings', 'entities': []}]
    """
    if _is_row(value) or _is_row(value.get("data")):
        return None
    lists = [item for item in value.values() if isinstance(item, list) and _has_rows(item)]
    for item in value.values() if depth < _MAX_DEPTH else ():
        if isinstance(item, dict) and (rows := find_rows(item, depth + 1)) is not None:
            lists.append(rows)
    return lists[0] if len(lists) == 1 else None


def _has_rows(values: list[Any]) -> bool:
    rows = [row for item in values[:_SAMPLE] if isinstance(row := to_row(item), dict)]
    return any(_is_row(row) and any(isinstance(item, list | dict) for item in row.values()) for row in rows)


def _is_row(value: Any) -> bool:  # noqa: ANN401
    """Return whether an object has a text or words, and is no message of a chat."""
    if not isinstance(value, dict) or "role" in value:
        return False
    has_words = any(plain_name(key) in WORD_KEYS and isinstance(value[key], list) for key in value)
    return has_words or text_key(value) is not None
