"""The keys of a configuration: as JSON Schema, as a reference page, as a starter file, and with their values."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel

from nlptrain.config.commands import COMMANDS, CommandConfig, TaggerKDConfig
from nlptrain.config.layers import merged
from nlptrain.config.loading import C, LoadedConfig
from nlptrain.config.section import sections
from nlptrain.config.train import DistillConfig, PseudoLabelConfig

_WIDTH = 100
_HEAD = (
    "Configuration of `nlptrain {command}`. The keys without # must be given. A line with # and no space after it is a key "
    "with its default: remove the #, and that of the map that it is in, to change it. docs/configuration.md also has the "
    "keys of the other kinds of maps."
)
_BASE = "Path of another file, relative to this one, with values for the keys that this one does not set."
# The required keys of each starter file; the other keys follow as comments.
_STARTS: dict[str, str] = {
    "transformer_token": """\
model: google-bert/bert-base-cased    # a pretrained transformer: a folder or a Hub name
data:
  train: data/train.conll             # gold sentences; a path, a glob or a list
  dev: data/dev.conll                 # selects the best step; default: a tenth of train
  test: data/test.conll               # for the final scores; optional
output_dir: runs/teacher
""",
    "tagger": """\
student:
  tokenizer: google-bert/bert-base-cased    # the pretrained transformer of the student's embeddings
data:
  train: data/train.conll                   # gold sentences; a path, a glob or a list
  dev: data/dev.conll                       # selects the best step; default: a tenth of train
  test: data/test.conll                     # for the final scores; optional
output_dir: runs/control
""",
    "tagger_kd": """\
teacher: runs/teacher                 # a run's folder, a fine-tuned classifier's, or a Hub name
data:
  train: data/train.conll             # gold sentences; optional
  dev: data/dev.conll                 # selects the best step
  test: data/test.conll               # for the final scores; optional
  unlabeled: data/raw/*.txt           # raw text for the teacher to label: the more, the better
output_dir: runs/student
""",
}
_STARTS["pseudo_label"] = _STARTS["tagger_kd"].replace("runs/student", "runs/pseudo")


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
            section["required"] = sorted({*section.get("required", []), "kind"})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": f"nlptrain {command}"}


def starter(command: str) -> str:
    """Return a YAML file for ``command`` that runs once its paths are right, with every other key as a comment."""
    given = yaml.safe_load(_STARTS[command])
    rest = [key for key in keys(COMMANDS[command], all_kinds=False) if key.name not in _dotted(given)]
    lines = textwrap.wrap(_HEAD.format(command=command), _WIDTH, initial_indent="# ", subsequent_indent="# ")
    block = ""
    for line in [*_STARTS[command].splitlines(), ""]:
        if not line.startswith(" "):
            lines += [text for key in rest if key.name.startswith(f"{block}.") for text in _as_comment(key)]
            block = line.partition(":")[0]
            lines.append("")
        lines.append(line)
    for key in rest:
        if key.name.partition(".")[0] not in given:
            lines += _as_comment(key)
    return "\n".join(lines) + "\n"


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
        if not all_kinds and _in_a_list(field.annotation):
            inner = {}
        yield Key(key, values, default, field.description or "", bool(inner))
        for section in inner.values() if all_kinds else list(inner.values())[:1]:
            yield from keys(section, f"{key}.", all_kinds=all_kinds)


def _in_a_list(annotation: Any) -> bool:  # noqa: ANN401
    """Return whether a key holds a list of maps."""
    if get_origin(annotation) is list:
        return bool(sections(annotation))
    return any(map(_in_a_list, get_args(annotation)))


def reference() -> str:
    """Return all keys of all commands as Markdown: docs/configuration.md."""
    lines = ["# Configuration", "", *_wrapped(_INTRODUCTION), ""]
    seen: dict[tuple[type[BaseModel], str], str] = {}
    for command, model in COMMANDS.items():
        lines += [f"## {command}", "", *_wrapped((model.__doc__ or "").split("\n")[0]), ""]
        lines += _table(model)
        for name, field in model.model_fields.items():
            for section, path in _sections_below(field.annotation, name):
                if (section, path) not in seen:
                    seen[section, path] = command
                    lines += [f"### `{path}` ({command})" if name in _OWN else f"### `{path}`", ""]
                    lines += [*_wrapped((section.__doc__ or "").split("\n")[0]), "", *_table(section)]
    return "\n".join(lines)


_OWN = ("train", "objective")  # maps that differ between commands
_INTRODUCTION = (
    "Every key of the YAML files, by command. This page is generated from the schema by `python -m scripts.reference`. "
    "`nlptrain config show FILE` prints all values of a file and where each was set, `nlptrain config schema COMMAND` the "
    "JSON Schema for editors, and `nlptrain config init COMMAND` a file to start from. `base:` is the path of another "
    "file, relative to this one, with values for the keys that this one does not set. `${NAME:-default}` is replaced by "
    "an environment variable. On the command line, `--set KEY=VALUE` sets a key, with dots for nested maps."
)


def _sections_below(annotation: Any, path: str) -> Iterator[tuple[type[BaseModel], str]]:  # noqa: ANN401
    kinds = sections(annotation)
    for kind, section in kinds.items():
        yield section, f"{path}: {{kind: {kind}}}" if len(kinds) > 1 else path
        for name, field in section.model_fields.items():
            yield from _sections_below(field.annotation, f"{path}.{name}")


def _table(model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema()["properties"]
    rows = ["| key | values | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        inner = sections(field.annotation)
        default = "required" if field.is_required() else _yaml(field.get_default(call_default_factory=True))
        shown = "see below" if inner and not field.is_required() and default.startswith("{") else f"`{default}`"
        shown = default if field.is_required() else shown
        meaning = (field.description or "").replace("|", "\\|")
        rows.append(f"| `{name}` | {_values(schema[name])} | {shown} | {meaning} |")
    return [*rows, ""]


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


def _as_comment(key: Key) -> list[str]:
    """Return the description of ``key`` and the key itself, as comments."""
    indent = "  " * key.name.count(".")
    description = textwrap.wrap(key.description, _WIDTH - len(indent) - 2, break_on_hyphens=False)
    value = "" if key.is_map and (key.default or "{").startswith("{") else f" {key.default}"
    return [*(f"{indent}# {line}" for line in description), f"{indent}#{key.name.rpartition('.')[2]}:{value}"]


def _dotted(values: dict[str, Any], prefix: str = "") -> set[str]:
    names = {f"{prefix}{name}" for name in values}
    for name, value in values.items():
        if isinstance(value, dict):
            names |= _dotted(value, f"{prefix}{name}.")
    return names


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 120, break_on_hyphens=False, break_long_words=False)


def _alternatives(schema: Any) -> Iterator[list[dict[str, Any]]]:  # noqa: ANN401
    """Yield every choice between kinds of maps, the default first."""
    if isinstance(schema, dict):
        if all("$ref" in choice for choice in schema.get("oneOf", [{}])):
            yield schema["oneOf"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            yield from _alternatives(inner)


def describe(loaded: LoadedConfig[C]) -> list[tuple[str, object, str]]:
    """Return every key with its value and its origin, in the order of the schema."""
    return list(_rows(loaded.config.model_dump(mode="json"), loaded.origins))


def _rows(values: Mapping[str, Any], origins: Mapping[str, str], prefix: str = "") -> Iterator[tuple[str, object, str]]:
    for name, value in values.items():
        key = prefix + name
        if isinstance(value, dict):
            yield from _rows(value, origins, f"{key}.")
        else:
            origin = origins.get(key, "default")
            yield key, value, "--set" if origin.startswith("--set ") else origin


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
    pseudo_keys = PseudoLabelConfig.model_fields.keys() - DistillConfig.model_fields.keys()
    return "pseudo_label" if isinstance(objective, dict) and pseudo_keys & objective.keys() else "tagger_kd"
