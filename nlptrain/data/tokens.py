"""Lists of words and of tags, as files hold them, checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from textwrap import shorten
from typing import Any

from nlptrain.errors import InputError

_SHOWN = 200  # characters of the names of keys or columns


def strings(values: Any, key: str, where: str, *, tags: bool = False, shape: str = "") -> tuple[str, ...]:  # noqa: ANN401
    """``values`` as words, or as ``tags``.

    Args:
        values: what stands there.
        key: under which name, for messages.
        where: ``path:line`` or ``path:row``, for messages.
        tags: they are tags.
        shape: what would be right, for messages.

    Raises:
        InputError: they are no list, or one of them is no string, empty, or cannot be written in UTF-8.
    """
    if not isinstance(values, list):
        raise InputError(
            f"{where}: found {kind(values)} in {key!r}; it is a list of strings{shape and f', as in {shape}'}"
        )
    for index, value in enumerate(values, start=1):
        if fault := _fault(value, key, tags):
            raise InputError(f"{where}: {key!r} {index}: found {fault}")
    return tuple(values)


def name_and_text(row: Mapping[str, Any], where: str) -> tuple[str | None, str | None]:
    """The id and the text of a row, each None where it has none.

    Raises:
        InputError: one of them cannot be written in UTF-8.
    """
    name, text = row.get("id"), row.get("text")
    try:
        name = None if name is None else str(name)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: 'id': found {kind(name)} that cannot be written; it is a string") from error
    text = text if isinstance(text, str) else None
    for key, value in (("id", name), ("text", text)):
        if value is not None and (fault := half(value)):
            raise InputError(f"{where}: {key!r}: found {fault}")
    return name, text


def kind(value: Any) -> str:  # noqa: ANN401
    """What JSON calls ``value``, with its article."""
    names = {dict: "an object", list: "a list", str: "a string", type(None): "null", bool: "true or false"}
    return names.get(type(value), "a number")


def listed_names(keys: Iterable[str]) -> str:
    """``keys`` in a line, for messages; the first ones of many."""
    return shorten(", ".join(keys), _SHOWN, placeholder=" ...") or "none"


def shown(value: Any, most: int = 80) -> str:  # noqa: ANN401
    """``value`` as JSON writes it, for messages; the head of a long one."""
    try:
        text = json.dumps(value, default=str)
    except (ValueError, RecursionError):  # lists in lists in lists
        text = kind(value)
    return text if len(text) <= most else f"{text[:most]}..."


def _fault(value: Any, key: str, tags: bool) -> str | None:  # noqa: ANN401
    if not isinstance(value, str):
        number = tags and isinstance(value, int) and not isinstance(value, bool)
        right = "write the names of the labels, not their numbers" if number else f"{key!r} is a list of strings"
        return f"{shown(value)}; {right}"
    if not value:
        return "an empty string; name the tag" if tags else "an empty string; leave the word and its tag out"
    return half(value)


def half(value: str) -> str | None:
    """What is wrong with a string that UTF-8 cannot hold; None where nothing is."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        half = value[error.start].encode("unicode_escape").decode()
        return f"{half}, half of a character, which UTF-8 cannot hold; a character above U+FFFF needs both its halves"
    return None
