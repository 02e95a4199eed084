"""Layers of a configuration: files, their bases, settings and options, merged into one map with origins."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nlptrain.config.section import Section, common_keys, sections, tag_of
from nlptrain.config.yaml_files import MOST_CHARACTERS, MOST_DEPTH, NO_TEXT, parse, read_yaml
from nlptrain.errors import InputError, Setting, Text, join_texts
from nlptrain_runtime.errors import VALUE, quoted, shortened

_MOST_BASES = 20
_MOST_KEY = 1_000  # characters of a key and of those above it
_TOO_LONG = f"more than {MOST_CHARACTERS:,} characters, its variables replaced"
_VARIABLE = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(:-((?:[^}])*))?\})")


def merged(
    model: type[Section],
    path: Path | None,
    settings: Sequence[str],
    flags: Mapping[str, object],
    arguments: tuple[str, Mapping[str, object]] = ("", {}),
) -> tuple[dict[str, Any], dict[str, Text]]:
    """Merge all layers into one nested map; return it with the origin of each dotted leaf key.

    Later layers override earlier ones: bases, the file (None: there is none), ``settings`` (KEY=VALUE), ``flags`` (by
    dotted key), and ``arguments``: the name of a Python function, and a nested map. Maps are merged, other values
    replaced.

    Raises:
        InputError: a file, a setting or a variable is invalid.
    """
    pairs = list(_alternatives(model))
    values: dict[str, Any] = {}
    origins: dict[str, Text] = {}
    for origin, layer in _layers(path, settings, flags, arguments):
        leaves = {}
        for key, value in _leaves(_Variables(origin).replaced(layer)):
            _check_key(key, origin)
            leaves[key] = value
        for first, second in pairs:
            for given, removed in ((first, second), (second, first)):
                if leaves.get(given) is not None and removed not in leaves:
                    _forget(values, origins, removed)
                    _remove(values, removed)
        for key, value in leaves.items():
            _remove_other_kind(model, values, origins, key, value)
        for key, value in leaves.items():
            if value == {} and isinstance(_at(values, key), dict):
                continue  # an empty map does not override the values of a base
            _forget(values, origins, key)
            _put(model, values, key, value, origin)
            origins[key] = origin
    return values, origins


def _check_key(key: str, origin: Text) -> None:
    if len(key) > _MOST_KEY or key.count(".") > MOST_DEPTH:
        raise InputError(
            f"the key {quoted(key)} has more than {_MOST_KEY:,} characters, or more than {MOST_DEPTH} parts",
            location=origin,
        )
    if not key.isascii() and NO_TEXT.search(key):
        raise InputError(f"the key {quoted(key)} is not UTF-8", location=origin)


def _at(values: dict[str, Any], key: str) -> Any:  # noqa: ANN401
    at: Any = values
    for part in key.split("."):
        at = at.get(part) if isinstance(at, dict) else None
    return at


def _forget(values: dict[str, Any], origins: dict[str, Text], key: str) -> None:
    """Remove the origins of ``key``, of the keys in it and of its parents."""
    inner = _at(values, key)
    for leaf, _ in _leaves(inner, f"{key}.") if isinstance(inner, dict) else ():
        origins.pop(leaf, None)
    while key:
        origins.pop(key, None)
        key = key.rpartition(".")[0]


def _remove_other_kind(
    model: type[BaseModel], values: dict[str, Any], origins: dict[str, Text], key: str, kind: object
) -> None:
    """If ``key`` names the kind of a map, remove the values that earlier layers gave it for another kind.

    What all kinds of the map have in common, such as the weights of a loss, stays.
    """
    parent, _, name = key.rpartition(".")
    section, field = _at(values, parent) if parent else None, _field(model, parent) if parent else None
    if field is None or not isinstance(section, dict) or name != tag_of(field.annotation):
        return
    if section.get(name, _default_kind(field, name)) == kind:
        return
    shared = common_keys(field.annotation) - {name}
    for inner in [inner for inner in section if inner not in shared]:
        _forget(values, origins, f"{parent}.{inner}")
        del section[inner]


def _default_kind(field: FieldInfo, tag: str) -> str | None:
    """Return the default kind of a map: that of its default value, or the first."""
    return getattr(field.default, tag, next(iter(sections(field.annotation)), None))


def _field(model: type[BaseModel], key: str) -> FieldInfo | None:
    owners, field = [model], None
    for part in key.split("."):
        field = next((owner.model_fields[part] for owner in owners if part in owner.model_fields), None)
        if field is None:
            return None
        owners = list(sections(field.annotation).values())
    return field


def _is_word(annotation: Any, value: object) -> bool:  # noqa: ANN401
    """Return whether a key that may hold a map may also hold the word or the text ``value``."""
    parts = get_args(annotation)
    words = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
    is_map = any(tag_of(part) for part in parts if get_origin(part) is not list)
    return is_map and (value in words or (isinstance(value, str) and any(_is_text(part) for part in parts)))


def _is_text(annotation: Any) -> bool:  # noqa: ANN401
    return annotation is str or (get_origin(annotation) is Annotated and get_args(annotation)[0] is str)


def _layers(
    path: Path | None,
    settings: Sequence[str],
    flags: Mapping[str, object],
    arguments: tuple[str, Mapping[str, object]],
) -> Iterator[tuple[Text, dict[str, Any]]]:
    if path is not None:
        yield from reversed(list(_files(path)))
    for setting in settings:
        key, equals, text = setting.partition("=")
        origin = (Setting("settings"), f" {shortened(setting, VALUE)}")
        if not equals or not all(key.split(".")):
            raise InputError("is no setting", location=origin, expected="KEY=VALUE, e.g. train.steps=500")
        _check_key(key, origin)
        yield origin, _nested(key, parse(text, origin))
    for key, value in flags.items():
        yield Setting(f"flags.{key}"), _nested(key, value)
    caller, values = arguments
    yield caller, dict(values)


def _files(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the file, its base, the base's base, each with its origin."""
    visited: list[Path] = []
    while True:
        if os.path.realpath(path) in map(os.path.realpath, visited):
            cycle = " -> ".join(str(file) for file in (*visited, path))
            raise InputError(f"found a cycle: {cycle}", location=f"{visited[0]}: base")
        if len(visited) > _MOST_BASES:
            raise InputError(f"found a chain of more than {_MOST_BASES} files", location=f"{visited[0]}: base")
        values = read_yaml(path)
        base = values.pop("base", None)
        yield str(path) if not visited else f"base {path}", values
        visited.append(path)
        if base is None:
            return
        if not isinstance(base, str):
            raise InputError(f"found {quoted(base)}", location=f"{path}: base", expected="the path of one YAML file")
        path = Path(os.path.normpath(path.parent / substitute(base, f"{path}: base")))


class _Variables:
    """Replaces ``${VAR}`` and ``${VAR:-default}`` in the values of a layer by environment variables."""

    def __init__(self, origin: Text) -> None:
        self._origin = origin
        self._characters = 0

    def replaced(self, value: Any, key: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            return {name: self.replaced(inner, (*key, name)) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.replaced(inner, key) for inner in value]
        if not isinstance(value, str):
            return value
        if not value.isascii() and NO_TEXT.search(value):  # an argument; files and variables are checked before
            raise InputError(f"found {quoted(value)}, which is not UTF-8", location=self._origin)
        if "$" not in value:
            return value
        place = join_texts(self._origin, f": {shortened('.'.join(key), VALUE)}")
        text = substitute(value, place)
        self._characters += len(text)
        if self._characters > MOST_CHARACTERS:
            raise InputError(_TOO_LONG, location=place)
        variable = _VARIABLE.fullmatch(value)
        return parse(text, place) if variable and variable[1] else text


def substitute(text: str, place: Text) -> str:
    """Replace ``${VAR}`` and ``${VAR:-default}`` in ``text`` by environment variables, and ``$$`` by ``$``.

    Raises:
        InputError: a variable without a default is not set or not UTF-8, or the result is too long.
    """
    characters = 0

    def value(match: re.Match[str]) -> str:
        nonlocal characters
        if match[1] is None:
            return "$"
        replacement = os.environ.get(match[1]) or (match[3] if match[2] else None)
        name = shortened(match[1], VALUE)
        if replacement is None:
            hint = f"export {name}=..., or write ${{{name}:-default}}"
            raise InputError(f"the variable {name} is not set", location=place, hint=hint)
        if not replacement.isascii() and NO_TEXT.search(replacement):
            raise InputError(f"the variable {name} is not UTF-8", location=place)
        characters += len(replacement)
        if characters > MOST_CHARACTERS:
            raise InputError(_TOO_LONG, location=place)
        return replacement

    inside, brace, rest = text.rpartition("}")  # searching after the last brace would take quadratic time
    return _VARIABLE.sub(value, inside + brace) + rest.replace("$$", "$")


def _nested(key: str, value: object) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value  # type: ignore[return-value]


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + str(key), value


def _put(model: type[BaseModel], values: dict[str, Any], key: str, value: Any, origin: Text) -> None:  # noqa: ANN401
    *above, last = key.split(".")
    for depth, part in enumerate(above):
        inner = values.get(part)
        if not isinstance(inner, dict):
            place = ".".join(above[: depth + 1])
            field = _field(model, place)
            # A map replaces a word such as augment's none; another value is a mistake in the key or in the value.
            if inner is not None and not (field and _is_word(field.annotation, inner)):
                raise InputError(f"{place} is {quoted(inner)}, which has no key '{last}'", location=origin)
            inner = values[part] = {}
        values = inner
    values[last] = value


def _remove(values: dict[str, Any], key: str) -> None:
    *above, last = key.split(".")
    inner = _at(values, ".".join(above)) if above else values
    if isinstance(inner, dict):
        inner.pop(last, None)


def _alternatives(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    if issubclass(model, Section):
        for first, second in model.alternatives():
            yield prefix + first, prefix + second
    for name, field in model.model_fields.items():
        for inner in sections(field.annotation).values():
            yield from _alternatives(inner, f"{prefix}{name}.")
