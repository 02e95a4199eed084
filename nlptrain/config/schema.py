"""What a configuration may say, for editors (JSON Schema), for readers (a reference) and to begin with (a starter)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel

from nlptrain.config.commands import COMMANDS
from nlptrain.config.section import sections

_WIDTH = 100
_HEAD = (
    "For `nlptrain {command}`. What stands there must be said; a line whose # has no blank behind it is a key with its "
    "default: take the # away, and that of the map it stands in, to change it. docs/configuration.md has the keys of "
    "other kinds of maps, too."
)
_BASE = "Another file, relative to this one, whose keys hold where this one says nothing."
# What a starter says, by the command; all else follows as comments.
_STARTS: dict[str, str] = {
    "transformer_token": """\
model: google-bert/bert-base-cased    # a pretrained transformer: a folder or a Hub name
data:
  train: data/train.conll             # gold sentences; a path, a glob or a list
  dev: data/dev.conll                 # chooses the best step; without it, a tenth of train
  test: data/test.conll               # scored once, at the end; may be left out
output_dir: runs/teacher
""",
    "tagger": """\
student:
  tokenizer: google-bert/bert-base-cased    # the pretrained transformer that the student's table is from
data:
  train: data/train.conll                   # gold sentences; a path, a glob or a list
  dev: data/dev.conll                       # chooses the best step; without it, a tenth of train
  test: data/test.conll                     # scored once, at the end; may be left out
output_dir: runs/control
""",
    "tagger_kd": """\
teacher: runs/teacher                 # a run's folder, a fine-tuned classifier's, or a Hub name
data:
  train: data/train.conll             # gold sentences; may be left out
  dev: data/dev.conll                 # chooses the best step
  test: data/test.conll               # scored once, at the end; may be left out
  unlabeled: data/raw/*.txt           # raw text for the teacher to label: the more, the better
output_dir: runs/student
""",
}
_STARTS["pseudo_label"] = _STARTS["tagger_kd"].replace("runs/student", "runs/pseudo")


def json_schema(command: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the YAML files of ``command``, for editors.

    A file with a ``base`` may leave out what that one says. Of a map with a ``kind``, all kinds but the default name it.
    """
    schema = COMMANDS[command].model_json_schema()
    required = schema.pop("required", [])
    schema["properties"] = {"base": {"type": "string", "description": _BASE}, **schema["properties"]}
    schema["anyOf"] = [{"required": ["base"]}, {"required": required}]
    for one in _alternatives(schema):
        for reference in one[1:]:
            section = schema["$defs"][reference["$ref"].rpartition("/")[2]]
            section["required"] = sorted({*section.get("required", []), "kind"})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": f"nlptrain {command}"}


def starter(command: str) -> str:
    """A YAML file for ``command`` that runs once its paths are right, with every other key as a comment."""
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
        name: with dots, from the top.
        values: what it may hold, in words.
        default: as YAML; None: it must be given.
        description: what it means.
        opens: it is a map whose keys follow.
    """

    name: str
    values: str
    default: str | None
    description: str
    opens: bool


def keys(model: type[BaseModel], prefix: str = "", *, all_kinds: bool = True) -> Iterator[Key]:
    """Every key of ``model``, maps within maps behind their own key, in the order of the schema.

    Args:
        model: of a command, or of a map.
        prefix: in front of each name.
        all_kinds: of a map of several kinds, the keys of all of them, not of the first alone, which is the default; and
            those of maps in lists.
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
    """Whether the maps of a key stand in a list."""
    if get_origin(annotation) is list:
        return bool(sections(annotation))
    return any(map(_in_a_list, get_args(annotation)))


def reference() -> str:
    """All keys of all commands as Markdown: docs/configuration.md."""
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


_OWN = ("train", "objective")  # which commands have of their own
_INTRODUCTION = (
    "Every key of the YAML files, by command. It is written by `python -m scripts.reference` from what checks the files, "
    "and a test keeps it so. `nlptrain config show FILE` says what a file comes to, `nlptrain config schema COMMAND` is "
    "the same for editors, and `nlptrain config init COMMAND` a file to begin with. `base:` names another file, relative "
    "to this one, whose keys hold where this one says nothing; `${NAME:-other}` is an environment variable. On the "
    "command line, `--set KEY=VALUE` changes a key, with dots for maps within maps."
)


def _sections_below(annotation: Any, path: str) -> Iterator[tuple[type[BaseModel], str]]:  # noqa: ANN401
    found = sections(annotation)
    for kind, section in found.items():
        here = f"{path}: {{kind: {kind}}}" if len(found) > 1 else path
        yield section, here
        for name, field in section.model_fields.items():
            yield from _sections_below(field.annotation, f"{path}.{name}")


def _table(model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema()["properties"]
    rows = ["| key | values | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        inner = sections(field.annotation)
        default = "must be given" if field.is_required() else _yaml(field.get_default(call_default_factory=True))
        shown = "see below" if inner and not field.is_required() and default.startswith("{") else f"`{default}`"
        shown = default if field.is_required() else shown
        meaning = (field.description or "").replace("|", "\\|")
        rows.append(f"| `{name}` | {_values(schema[name])} | {shown} | {meaning} |")
    return [*rows, ""]


def _values(schema: dict[str, Any]) -> str:
    """What a key may hold, in words."""
    parts = schema.get("anyOf") or schema.get("oneOf") or [schema]
    said = [_value(part) for part in parts if part.get("type") != "null"]
    return " or ".join(dict.fromkeys(said))


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
    named = (("from", low), ("above", above), ("to", high), ("below", below))
    bounds = [f"{text} {bound:,}".removesuffix(".0") for text, bound in named if bound is not None]
    return " ".join([name, *bounds])


def _yaml(value: Any) -> str:  # noqa: ANN401
    """``value`` in one line of YAML."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _as_comment(key: Key) -> list[str]:
    """What ``key`` means, and the key behind a # that can be taken away."""
    indent = "  " * key.name.count(".")
    told = textwrap.wrap(key.description, _WIDTH - len(indent) - 2, break_on_hyphens=False)
    value = "" if key.opens and (key.default or "{").startswith("{") else f" {key.default}"
    return [*(f"{indent}# {line}" for line in told), f"{indent}#{key.name.rpartition('.')[2]}:{value}"]


def _dotted(values: dict[str, Any], prefix: str = "") -> set[str]:
    found = {f"{prefix}{name}" for name in values}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _dotted(value, f"{prefix}{name}.")
    return found


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 120, break_on_hyphens=False, break_long_words=False)


def _alternatives(schema: Any) -> Iterator[list[dict[str, Any]]]:  # noqa: ANN401
    """Every choice between maps, the default first."""
    if isinstance(schema, dict):
        if all("$ref" in one for one in schema.get("oneOf", [{}])):
            yield schema["oneOf"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            yield from _alternatives(inner)
