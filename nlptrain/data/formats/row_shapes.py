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
    "text fulltext sourcetext rawtext originaltext analyzedtext textcontent content sentence passage paragraph "
    "document utterance data source input inputs inputtext body"
).split()
_NESTED_TEXT_KEYS = ("text", "content", "fulltext", "rawtext", "sentence")
_TAGGED_TEXT_KEYS = ("tokens", "words", "text", "sentence")
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


def find_text(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the key of the text of a row and the text, which may be in an object; None: it has no text.

    Example:
        >>> find_text({"id": "7", "textSnippet": {"content": "Ada sings"}})
        ('textSnippet', 'Ada sings')
    """
    if isinstance(row.get("text"), str):
        return "text", row["text"]
    by_name = {plain_name(key): key for key in row if isinstance(row[key], str)}
    if (key := next((by_name[name] for name in TEXT_KEYS if name in by_name), None)) is not None:
        return key, row[key]
    for key, item in row.items():
        names = {plain_name(inner): inner for inner in item} if isinstance(item, dict) and key != "meta" else {}
        for name in _NESTED_TEXT_KEYS:
            if isinstance(item.get(names[name]) if name in names else None, str):
                return key, item[names[name]]
    return None


def has_words(row: Mapping[str, Any]) -> bool:
    """Return whether a row has a list of words, and another one of as many tags."""
    words = next((row[key] for key in row if plain_name(key) in WORD_KEYS and _are_strings(row[key])), None)
    return words is not None and any(
        isinstance(value, list)
        and value is not words
        and len(value) == len(words)
        and not any(isinstance(item, dict | list) for item in value)
        for key, value in row.items()
        if key != "asked"
    )


def split_tagged_text(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose text is a string of as many words as it has tags with both as lists; other rows as they are.

    Example:
        >>> split_tagged_text({"text": "Ada sings", "tags": "B-person O"})
        {'tokens': ['Ada', 'sings'], 'tags': ['B-person', 'O']}
    """
    if isinstance(row.get("tokens"), list) or isinstance(row.get("entities"), list):
        return row
    text = next((key for key in _TAGGED_TEXT_KEYS if isinstance(row.get(key), str)), None)
    if text is None or any(isinstance(row.get(key), list) for key in ("words", "spans")):
        return row
    words = row[text].split()
    for key, value in row.items():
        tags = value.split() if isinstance(value, str) and key != text else value
        if _are_strings(tags) and len(tags) == len(words) > 0 and all(map(_TAG.fullmatch, tags)):
            others = {name: item for name, item in row.items() if name not in (text, key)}
            return others | {"tokens": words, "tags": tags}
    return row


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
    return find_text(value) is not None or any(
        plain_name(key) in WORD_KEYS and isinstance(value[key], list) for key in value
    )


def _are_strings(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
