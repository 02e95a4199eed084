"""The keys of a configuration: as JSON Schema, as a reference page, as a starter file, and with their values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel

from nlptrain.config.auto import resolve_auto
from nlptrain.config.commands import COMMANDS, CommandConfig, TaggerKDConfig
from nlptrain.config.layers import merged
from nlptrain.config.loading import C, LoadedConfig
from nlptrain.config.objectives import LossConfig, PseudoLabelConfig
from nlptrain.config.section import sections
from nlptrain.errors import Setting, Text

_BASE = "Path of another file, relative to this one, with values for the keys that this one does not set."


def json_schema(command: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the YAML files of ``command``, for editors.

    A file with a ``base`` may omit required keys. In a map with kinds, ``kind`` is required unless it is the default.
    """
    schema = COMMANDS[command].model_json_schema()
    required = schema.pop("required", [])
    schema["properties"] = {"base": {"type": "string", "description": _BASE}, **schema["properties"]}
    schema["anyOf"] = [{"required": ["base"]}, {"required": required}]
    for kinds in _alternatives(schema):
        for reference in kinds[1:]:
            section = schema["$defs"][reference["$ref"].rpartition("/")[2]]
            tags = [name for name, values in section["properties"].items() if "const" in values]
            section["required"] = sorted({*section.get("required", []), *tags[:1]})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": f"nlptrain {command}"}


def starter(command: str) -> str:
    """Return a YAML file for ``command`` that runs once its paths are right, with every other key as a comment."""
    return _render("starter.yaml.jinja", command=command, keys=list(keys(COMMANDS[command], all_kinds=False)))


def _render(template: str, **values: object) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("nlptrain", "config"),
        autoescape=False,  # the output is YAML or Markdown, and the values are those of the schema
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)


@dataclass(frozen=True)
class Key:
    """A key of a configuration.

    Attributes:
        name: dotted, from the top level.
        values: a description of the allowed values.
        default: as YAML; None: the key is required.
        description: its meaning.
        is_map: whether it is a map whose keys follow.
    """

    name: str
    values: str
    default: str | None
    description: str
    is_map: bool

    @property
    def words(self) -> list[str]:
        """The words among the allowed values, such as the kinds of a registry."""
        return re.findall(r"`([^`]+)`", self.values)

    @property
    def is_nested(self) -> bool:
        """Whether its value is written as the keys that follow."""
        return self.is_map and (self.default is None or self.default.startswith("{"))


def keys(model: type[BaseModel], prefix: str = "", *, all_kinds: bool = True) -> Iterator[Key]:
    """Yield every key of ``model`` in the order of the schema; the keys of a map follow the map's own key.

    Args:
        model: of a command, or of a map.
        prefix: of each name.
        all_kinds: yield the keys of all kinds of a map, not only of its default kind, and those of maps in lists.
    """
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        inner = sections(field.annotation)
        default = None if field.is_required() else _yaml(field.get_default(call_default_factory=True))
        values = _values(schema["properties"][name])
        key = f"{prefix}{name}"
        if not all_kinds and (default == "null" or _is_in_list(field.annotation)):
            inner = {}
        yield Key(key, values, default, field.description or "", bool(inner))
        for section in inner.values() if all_kinds else list(inner.values())[:1]:
            yield from keys(section, f"{key}.", all_kinds=all_kinds)


def _is_in_list(annotation: Any) -> bool:  # noqa: ANN401
    """Return whether a key holds a list of maps."""
    if get_origin(annotation) is list:
        return bool(sections(annotation))
    return any(map(_is_in_list, get_args(annotation)))


def reference() -> str:
    """Return all keys of all commands as Markdown: docs/reference/configuration.md."""
    return _render("reference.md.jinja", sections=_reference_sections())


def _reference_sections() -> Iterator[tuple[str, type[BaseModel], list[Key]]]:
    """Yield heading, section and keys of each part of the reference page; a section that several commands have, once."""
    seen = set()
    for command, model in COMMANDS.items():
        yield f"## {command}", model, _own_keys(model)
        for name, field in model.model_fields.items():
            differs = name in ("train", "objective")  # between commands
            for section, path in _sections_below(field.annotation, name):
                if (section, path) not in seen:
                    seen.add((section, path))
                    heading = f"### `{path}` ({command})" if differs else f"### `{path}`"
                    yield heading, section, _own_keys(section)


def _own_keys(model: type[BaseModel]) -> list[Key]:
    return [key for key in keys(model) if "." not in key.name]


def _sections_below(annotation: Any, path: str) -> Iterator[tuple[type[BaseModel], str]]:  # noqa: ANN401
    kinds = sections(annotation)
    for kind, section in kinds.items():
        yield section, f"{path}: {{{_tag(section, kind)}: {kind}}}" if len(kinds) > 1 else path
        for name, field in section.model_fields.items():
            yield from _sections_below(field.annotation, f"{path}.{name}")


def _tag(section: type[BaseModel], kind: str) -> str:
    """Return the name of the key that distinguishes ``section`` from other kinds: ``kind``, or ``loss``."""
    return next(name for name, field in section.model_fields.items() if get_args(field.annotation) == (kind,))


def _values(schema: dict[str, Any]) -> str:
    """Return a description of the allowed values of a key."""
    parts = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return " or ".join(dict.fromkeys(_value(part) for part in parts if part.get("type") != "null"))


def _value(part: dict[str, Any]) -> str:
    if "anyOf" in part:
        return _values(part)
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    match part.get("type"):
        case "integer" | "number":
            return _number(part)
        case "boolean":
            return "`true`, `false`"
        case "array":
            return f"list of: {_values(part['items'])}"
        case "string":
            return "text"
        case _:
            return "map"


def _number(part: dict[str, Any]) -> str:
    name = "whole number" if part["type"] == "integer" else "number"
    low, high = part.get("minimum"), part.get("maximum")
    above, below = part.get("exclusiveMinimum"), part.get("exclusiveMaximum")
    bounds_by_name = (("from", low), ("above", above), ("to", high), ("below", below))
    bounds = [f"{text} {bound:,}".removesuffix(".0") for text, bound in bounds_by_name if bound is not None]
    return " ".join([name, *bounds])


def _yaml(value: Any) -> str:  # noqa: ANN401
    """Return ``value`` as one line of YAML."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _alternatives(schema: Any) -> Iterator[list[dict[str, Any]]]:  # noqa: ANN401
    """Yield every choice between kinds of maps, the default first."""
    if isinstance(schema, dict):
        if all("$ref" in choice for choice in schema.get("oneOf", [{}])):
            yield schema["oneOf"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            yield from _alternatives(inner)


def describe(loaded: LoadedConfig[C]) -> list[tuple[str, object, str | Setting]]:
    """Return every key with its value and its origin, in the order of the schema; settings without ``KEY=VALUE``.

    A key that is `auto` has the value that it is resolved to, where the configuration alone decides.
    """
    config, resolved = resolve_auto(loaded.config)
    origins = {key: f"auto: {choice.reason}" for key, choice in resolved.items()}
    return list(_rows(config.model_dump(mode="json"), {**loaded.origins, **origins}))


def _rows(
    values: Mapping[str, Any], origins: Mapping[str, Text], prefix: str = ""
) -> Iterator[tuple[str, object, str | Setting]]:
    for name, value in values.items():
        key = prefix + name
        if isinstance(value, dict):
            yield from _rows(value, origins, f"{key}.")
        else:
            origin = origins.get(key, "default")
            yield key, value, origin[0] if isinstance(origin, tuple) else origin


def command_of(path: Path, settings: Sequence[str] = (), flags: Mapping[str, object] | None = None) -> str:
    """Return the command of a configuration file: by its name (up to a dash), else by its keys."""
    if (name := path.stem.split("-")[0]) in COMMANDS:
        return name
    model: type[CommandConfig] = TaggerKDConfig
    values, _ = merged(model, path, settings, flags or {})
    if "model" in values:
        return "transformer_token"
    if "teacher" not in values:
        return "tagger"
    objective = values.get("objective")
    loss_keys = {key for loss in LossConfig.kinds().values() for key in loss.model_fields}
    pseudo_keys = PseudoLabelConfig.model_fields.keys() - loss_keys
    return "pseudo_label" if isinstance(objective, dict) and pseudo_keys & objective.keys() else "tagger_kd"
