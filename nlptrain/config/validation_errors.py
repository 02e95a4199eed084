"""Validation errors of a configuration as messages: one line per key, with its location and what is expected."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from nlptrain.config.commands import COMMANDS
from nlptrain.config.section import sections
from nlptrain.suggestions import suggest
from nlptrain_runtime.errors import VALUE, quoted, shortened

# Keys of earlier versions, each with the name that it has now.
RENAMED_KEYS = {
    "track": "report_to",
    "student.start": "student.init_from",
    "student.start_labels": "student.init_label_map",
    "student.max_pieces": "student.max_subwords",
    "student.embedder.case": "student.embedder.cased",
    "train.unknown_rate": "train.unk_dropout",
    "train.word_parts": "train.label_pipeline_words",
    "train.batch_pieces": "train.batch_subwords",
    "objective.rare_w": "objective.rare_label_weight",
    "objective.focus": "objective.oversampling",
    "objective.best_by": "objective.selection_metric",
}
_MOST_LINES = 20
_KINDS = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
}
_FLAGS = ("output_dir", "model")  # required keys that a flag of the same name can set
_BOUNDS = {
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "string_too_short": "not empty",
    "too_short": "a list of at least {min_length}",
    "finite_number": "finite",
}


def validation_messages(
    error: ValidationError, model: type[BaseModel], origins: Mapping[str, str], file: str
) -> list[str]:
    """Return one line per invalid key, in the order of the file; at most ``_MOST_LINES`` of them.

    Args:
        error: raised by ``model``.
        model: the configuration model.
        origins: where each key was set: a file, ``--set``, a flag.
        file: named for keys without an origin.
    """
    grouped: dict[str, list[Any]] = {}
    owners: dict[str, type[BaseModel]] = {}
    for fault in error.errors(include_url=False):
        key, owner = _located(fault["loc"], model, fault["type"])
        grouped.setdefault(key, []).append(fault)
        owners.setdefault(key, owner)
    lines: list[str] = []
    opened = {above for key in grouped for above in _above(key)}
    for key, faults in grouped.items():
        another = all(fault["type"] == "literal_error" or fault["type"] in _KINDS for fault in faults)
        if another and key in opened:
            continue  # a map in place of a word or a list: the errors in the map have lines of their own
        if len(lines) == _MOST_LINES:
            return [*lines, f"{file}: there are more errors; correct these {_MOST_LINES} first"]
        text = _describe(key, faults, model, owners[key])
        place = _place(key, origins, file)
        line = text if not key or text.startswith(key) or place.startswith("--set") else f"{_shown(key)}: {text}"
        lines.append(f"{place}: {line}")
    return lines


def _above(key: str) -> Iterator[str]:
    while key:
        key = key.rpartition(".")[0]
        yield key


def _shown(key: str) -> str:
    return shortened(key, VALUE)


def _place(key: str, origins: Mapping[str, str], file: str) -> str:
    listed = key.rstrip("0123456789").removesuffix(".")  # an item has the origin of its list
    within = (value for known, value in origins.items() if known.startswith(f"{key}."))
    origin = origins.get(key) or origins.get(listed) or next(within, file)
    return origin.removeprefix("base ")


def _located(loc: tuple[int | str, ...], model: type[BaseModel], kind: str) -> tuple[str, type[BaseModel]]:
    """Return the dotted key of ``loc``, without the parts that only name a member of a union, and the model that holds it."""
    parts: list[str] = []
    at: type[BaseModel] | None = model
    owner = model
    choices: dict[str, type[BaseModel]] = {}
    for number, part in enumerate(loc):
        if str(part) in choices:
            at, choices = choices[str(part)], {}
            owner = at
        elif at is not None and part in at.model_fields:
            parts.append(str(part))
            owner = at
            choices = sections(at.model_fields[str(part)].annotation)
            at = choices[""] if list(choices) == [""] else None
        elif isinstance(part, int) and at is not None:
            parts.append(str(part))
        elif kind == "extra_forbidden" and number == len(loc) - 1:
            parts.append(str(part))
            owner = at or owner
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        parts += ["kind"] * (kind == "union_tag_invalid")
    return ".".join(parts), owner


def _describe(key: str, faults: list[Any], model: type[BaseModel], owner: type[BaseModel]) -> str:
    first = faults[0]
    kind, found = first["type"], first.get("input")
    if kind == "extra_forbidden":
        return _describe_unknown(key, found, model, owner)
    if kind == "union_tag_not_found":
        return f"found {quoted(found)}; must be a map"
    if kind == "union_tag_invalid":
        return _choose(first["ctx"]["tag"], first["ctx"]["expected_tags"])
    if kind == "missing":
        flag = f" (--{key.replace('_', '-')})" if key in _FLAGS else ""
        return f"missing; {_field_description(key, model)}{flag}"
    if kind == "value_error":
        return str(first["ctx"]["error"])
    if kind == "literal_error":
        others = list(dict.fromkeys(_wanted([fault for fault in faults if fault["type"] != "literal_error"])))
        expected = first["ctx"]["expected"]
        if others:
            return f"found {quoted(found)}; must be {' or '.join([*others, expected])}{_near(found, expected)}"
        return _choose(found, expected.replace(" or ", ", "))
    if kind == "string_pattern_mismatch":
        return f"found {quoted(found)}; must be {_field_description(key, model)}"
    wanted = list(dict.fromkeys(_wanted(faults)))
    return f"found {quoted(found)}; must be {' or '.join(wanted)}"


def _describe_unknown(key: str, value: object, model: type[BaseModel], owner: type[BaseModel]) -> str:
    if key == "track":
        return f"was renamed; write report_to: [{value if value == 'tensorboard' else ''}]"
    if key in RENAMED_KEYS:
        return f"was renamed; write {RENAMED_KEYS[key]}"
    return f"unknown key; {_nearest(key, model, owner)}"


def _choose(found: object, expected: str) -> str:
    choices = expected.replace("'", "")
    return f"found {quoted(found)}; choose from {choices}{_near(found, expected)}"


def _near(found: object, expected: str) -> str:
    """Return a suggestion from ``expected``: quoted names separated by commas or ``or``."""
    names = expected.replace("'", "").replace(" or ", ", ").split(", ")
    return suggest(str(found)[:VALUE], names)


def _wanted(faults: list[Any]) -> Iterator[str]:
    for fault in faults:
        if fault["type"] in _BOUNDS:
            yield _BOUNDS[fault["type"]].format(**fault.get("ctx", {}))
        elif fault["loc"] and isinstance(fault["loc"][-1], int):
            yield f"a list of {_KINDS.get(fault['type'], 'values').removeprefix('a ')}s"
        else:
            yield _KINDS.get(fault["type"], fault["msg"])


def _field_description(key: str, model: type[BaseModel]) -> str:
    at: list[type[BaseModel]] = [model]
    description = ""
    for part in key.split("."):
        field = next((owner.model_fields[part] for owner in at if part in owner.model_fields), None)
        if field is None:
            return ""
        at, description = list(sections(field.annotation).values()), field.description or ""
    return description.split(". ")[0].rstrip(".")


def _nearest(key: str, model: type[BaseModel], owner: type[BaseModel]) -> str:
    wrong = key.rpartition(".")[2][:VALUE]
    siblings = list(owner.model_fields)
    if near := difflib.get_close_matches(wrong, siblings, n=1):
        return f"did you mean '{near[0]}'?"
    if elsewhere := [name for name in _keys(model) if name.rpartition(".")[2] == wrong and name != key]:
        return f"did you mean '{elsewhere[0]}'?"
    others = [name for name, other in COMMANDS.items() if owner is model and wrong in other.model_fields]
    if others:
        return f"it is one of {' and '.join(others)}, for which this file may be"
    kind = owner.model_fields.get("kind")
    where = f"with kind {kind.default}" if kind else "here"
    return f"known {where}: {', '.join(siblings)}"


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        for inner in sections(field.annotation).values():
            yield from _keys(inner, f"{prefix}{name}.")
