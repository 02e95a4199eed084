"""Values given from Python, as YAML would give them: maps, lists, texts and numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Integral, Real

from nlptrain.config.section import Section, tag_of
from nlptrain.errors import InputError
from nlptrain.models import TokenModel
from nlptrain_runtime.errors import quoted


def plain_values(values: Mapping[str, object], caller: str) -> dict[str, object]:
    """Return the keys of ``values`` that are not None, with plain values.

    Args:
        values: keys of a configuration, nested as in YAML; values may also be paths, and sections of a configuration.
        caller: the function that got them, for messages.

    Raises:
        InputError: a value is of a type that YAML does not have.
    """
    return {key: _plain(value, f"{caller}: {key}") for key, value in values.items() if value is not None}


def _plain(value: object, place: str) -> object:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, TokenModel) and value.folder:
        return str(value.folder)
    if isinstance(value, Section):
        return _given(value)
    if isinstance(value, Mapping):
        return {_key(key, place): _plain(inner, f"{place}.{key}") for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(inner, f"{place}.{index}") for index, inner in enumerate(value)]
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise InputError(
        f"found {quoted(value)}, of type {type(value).__name__}",
        location=place,
        expected="a map, a list, a string, a path, a number, True, False or None",
        hint="save the model, and give its folder" if isinstance(value, TokenModel) else "",
    )


def _key(key: object, place: str) -> str:
    if isinstance(key, str):
        return key
    raise InputError(f"found the key {quoted(key)}, of type {type(key).__name__}", location=place, expected="a string")


def _given(value: object) -> object:
    """Return the keys that a section was given, and those that name its kind; all others are defaults.

    A $ is written as in YAML, $$: the variables of a section are already replaced.
    """
    if isinstance(value, Section):
        fields = type(value).model_fields
        names = [name for name in fields if name in value.model_fields_set or name == tag_of(type(value))]
        return {name: _given(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {key: _given(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_given(inner) for inner in value]
    return value.replace("$", "$$") if isinstance(value, str) else value
