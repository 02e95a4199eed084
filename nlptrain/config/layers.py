"""Layers: what files, their bases, --set and flags say, merged into one map that remembers who said what."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nlptrain.config.section import Section, sections
from nlptrain.config.yaml_files import parse, read_yaml
from nlptrain.errors import InputError

_VARIABLE = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(:-((?:[^}])*))?\})")


def merged(
    model: type[Section], path: Path | None, settings: Sequence[str], flags: Mapping[str, object]
) -> tuple[dict[str, Any], dict[str, str]]:
    """All layers as one nested map, and the origin of each dotted leaf key.

    Later layers win: bases, the file (None: there is none), ``settings`` (KEY=VALUE), ``flags`` (by dotted key). Maps
    merge; anything else is replaced.

    Raises:
        InputError: a file, a setting or a variable is not as it should be.
    """
    pairs = list(_alternatives(model))
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in _layers(path, settings, flags):
        leaves = dict(_leaves(_substituted(layer, origin)))
        for one, other in pairs:
            for given, dropped in ((one, other), (other, one)):
                if leaves.get(given) is not None and dropped not in leaves:
                    _remove(values, dropped)
                    origins.pop(dropped, None)
        for key in [key for key in leaves if key.rpartition(".")[2] == "kind"]:
            _drop_other_kind(model, values, origins, key, leaves[key])
        for key, value in leaves.items():
            for stale in [known for known in origins if known.startswith(f"{key}.") or key.startswith(f"{known}.")]:
                del origins[stale]
            _put(model, values, key, value, origin)
            origins[key] = origin
    return values, origins


def _drop_other_kind(
    model: type[BaseModel], values: dict[str, Any], origins: dict[str, str], key: str, kind: object
) -> None:
    """A layer that names another ``kind`` takes away what the layers below said of the old one."""
    above = key.rpartition(".")[0]
    at: Any = values
    for part in above.split("."):
        at = at.get(part) if isinstance(at, dict) else None
    if isinstance(at, dict) and at.get("kind", _default_kind(model, above)) != kind:
        at.clear()
        for known in [known for known in origins if known.startswith(f"{above}.")]:
            del origins[known]


def _default_kind(model: type[BaseModel], key: str) -> str | None:
    """The kind of the map at ``key`` where nothing names one: that of its default, or the first."""
    field = _field(model, key)
    return None if field is None else getattr(field.default, "kind", next(iter(sections(field.annotation)), None))


def _field(model: type[BaseModel], key: str) -> FieldInfo | None:
    owners, field = [model], None
    for part in key.split("."):
        field = next((owner.model_fields[part] for owner in owners if part in owner.model_fields), None)
        if field is None:
            return None
        owners = list(sections(field.annotation).values())
    return field


def _is_word(annotation: Any, value: object) -> bool:  # noqa: ANN401
    """Whether ``value`` is one of the words that stand beside a map in what a key may hold."""
    words = [word for part in get_args(annotation) if get_origin(part) is Literal for word in get_args(part)]
    return bool(sections(annotation)) and value in words


def _layers(
    path: Path | None, settings: Sequence[str], flags: Mapping[str, object]
) -> Iterator[tuple[str, dict[str, Any]]]:
    if path is not None:
        yield from reversed(list(_files(path)))
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not all(key.split(".")):
            raise InputError(f"--set {setting}: must be KEY=VALUE, e.g. --set train.steps=500")
        yield f"--set {key}={text}", _nested(key, parse(text, f"--set {setting}"))
    for key, value in flags.items():
        yield f"--{key.rpartition('.')[2].replace('_', '-')}", _nested(key, value)


def _files(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The file, its base, the base's base."""
    visited: list[Path] = []
    while True:
        if path.resolve() in [known.resolve() for known in visited]:
            ring = " -> ".join(str(known) for known in (*visited, path))
            raise InputError(f"{visited[0]}: base: goes round in a ring: {ring}")
        values = read_yaml(path)
        base = values.pop("base", None)
        yield str(path) if not visited else f"base {path}", values
        visited.append(path)
        if base is None:
            return
        if not isinstance(base, str):
            raise InputError(f"{path}: base: found {base!r}; must be the path of one YAML file")
        path = Path(os.path.normpath(path.parent / substitute(base, f"{path}: base")))


def substitute(text: str, place: str) -> str:
    """``text`` with ``${VAR}`` and ``${VAR:-default}`` replaced by the environment's values, ``$$`` by ``$``.

    Raises:
        InputError: a variable without a default is not set.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] is None:
            return "$"
        found = os.environ.get(match[1]) or (match[3] if match[2] else None)
        if found is None:
            raise InputError(
                f"{place}: the variable {match[1]} is not set; export {match[1]}=..., or write ${{{match[1]}:-default}}"
            )
        return found

    return _VARIABLE.sub(value, text)


def _substituted(value: Any, place: str, key: str = "") -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {name: _substituted(inner, place, f"{key}.{name}".lstrip(".")) for name, inner in value.items()}
    if isinstance(value, list):
        return [_substituted(inner, place, key) for inner in value]
    if not isinstance(value, str) or "$" not in value:
        return value
    text = substitute(value, f"{place}: {key}")
    whole = _VARIABLE.fullmatch(value)
    return parse(text, f"{place}: {key}") if whole and whole[1] else text


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


def _put(model: type[BaseModel], values: dict[str, Any], key: str, value: Any, origin: str) -> None:  # noqa: ANN401
    *above, last = key.split(".")
    for depth, part in enumerate(above):
        inner = values.get(part)
        if not isinstance(inner, dict):
            place = ".".join(above[: depth + 1])
            field = _field(model, place)
            # A word such as augment's none gives way to a map; anything else is a slip, of the key or of the value.
            if inner is not None and not (field and _is_word(field.annotation, inner)):
                raise InputError(f"{origin}: {place} is {inner!r}, which holds no '{last}'")
            inner = values[part] = {}
        values = inner
    # An empty map says nothing; it must not take away what a base says.
    if value != {} or not isinstance(values.get(last), dict):
        values[last] = value


def _remove(values: dict[str, Any], key: str) -> None:
    *above, last = key.split(".")
    for part in above:
        values = values.get(part, {})
    if isinstance(values, dict):
        values.pop(last, None)


def _alternatives(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    if issubclass(model, Section):
        for one, other in model.alternatives():
            yield prefix + one, prefix + other
    for name, field in model.model_fields.items():
        for inner in sections(field.annotation).values():
            yield from _alternatives(inner, f"{prefix}{name}.")
