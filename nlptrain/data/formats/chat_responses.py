"""Responses of language models: JSON, possibly with prose around it or in a fence.

A response is what ``entity_lists`` reads or, where one type was asked for, a list of mentions.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

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
    values = _all_values(content)
    if len(values) > 1 and all(isinstance(value, dict) for value in values):
        return values
    return values[-1] if values else None


def has_several_values(content: str) -> bool:
    """Return whether ``parse_response`` omits a value that differs from the one it returns.

    Example:
        >>> has_several_values('["Ada"] or rather ["Ada Okoro"]'), has_several_values('["Ada"]')
        (True, False)
    """
    values = _all_values(content)
    return not all(isinstance(value, dict) for value in values) and any(value != values[-1] for value in values)


def _all_values(content: str) -> list[Any]:
    """Return the values in the fences of a response, or else in all of it."""
    fenced = [value for part in _FENCE.findall(content) for value in _values(part)]
    return fenced or list(_values(content))


def is_list_of_mentions(value: Any) -> bool:  # noqa: ANN401
    """Return whether a response is a list of mentions without types."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _values(content: str) -> Iterator[Any]:
    """Yield the JSON values in ``content`` that may be a response."""
    end = 0
    for count, match in enumerate(re.finditer(r"[\[{]", content)):
        if match.start() < end or count >= _MAX_STARTS:
            continue
        value, stop = _decode(content, match.start())
        is_response = isinstance(value, dict) or (
            isinstance(value, list) and all(isinstance(item, dict | list | tuple | str) for item in value)
        )
        if is_response:
            end = stop
            is_python = isinstance(value, list) and any(isinstance(item, tuple) for item in value)
            yield [list(item) if isinstance(item, tuple) else item for item in value] if is_python else value


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
