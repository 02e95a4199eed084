"""What is wrong with a configuration, in words: a line a fault, with its place and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

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
_BOUNDS = {
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "string_too_short": "not empty",
    "too_short": "a list of at least {min_length}",
    "finite_number": "finite",
}


def complaints(error: ValidationError, model: type[BaseModel], origins: Mapping[str, str], file: str) -> list[str]:
    """One line for each key at fault, in the order of the file."""
    grouped: dict[str, list[Any]] = {}
    for fault in error.errors(include_url=False):
        grouped.setdefault(_dotted(fault["loc"], model, fault["type"]), []).append(fault)
    lines = []
    for key, faults in grouped.items():
        text = _describe(key, faults, model)
        place = _place(key, origins, file)
        said = text if not key or text.startswith(key) or place.startswith("--set") else f"{key}: {text}"
        lines.append(f"{place}: {said}")
    return lines


def _place(key: str, origins: Mapping[str, str], file: str) -> str:
    origin = origins.get(key) or next((value for known, value in origins.items() if known.startswith(f"{key}.")), file)
    return origin.removeprefix("base ")


def _dotted(loc: tuple[int | str, ...], model: type[BaseModel], kind: str) -> str:
    """The key that ``loc`` stands for, without the parts that only name an alternative of a union."""
    parts: list[str] = []
    at: type[BaseModel] | None = model
    for number, part in enumerate(loc):
        if at is not None and part in at.model_fields:
            parts.append(str(part))
            annotation = at.model_fields[str(part)].annotation
            at = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
        elif kind == "extra_forbidden" and number == len(loc) - 1:
            parts.append(str(part))
    return ".".join(parts)


def _describe(key: str, faults: list[Any], model: type[BaseModel]) -> str:
    first = faults[0]
    kind, found = first["type"], first.get("input")
    if kind == "extra_forbidden":
        return f"unknown key; {_nearest(key, model)}"
    if kind == "missing":
        return f"missing; {_field_description(key, model)}"
    if kind == "value_error":
        return str(first["ctx"]["error"])
    if kind == "literal_error":
        choices = first["ctx"]["expected"].replace(" or ", ", ").replace("'", "")
        near = difflib.get_close_matches(str(found), choices.split(", "), n=1)
        return f"found {found!r}; choose from {choices}" + (f"; did you mean '{near[0]}'?" if near else "")
    if kind == "string_pattern_mismatch":
        return f"found {found!r}; must be {_field_description(key, model)}"
    wanted = list(dict.fromkeys(_wanted(faults)))
    return f"found {found!r}; must be {' or '.join(wanted)}"


def _wanted(faults: list[Any]) -> Iterator[str]:
    for fault in faults:
        if fault["type"] in _BOUNDS:
            yield _BOUNDS[fault["type"]].format(**fault.get("ctx", {}))
        elif fault["loc"] and isinstance(fault["loc"][-1], int):
            yield f"a list of {_KINDS.get(fault['type'], 'values').removeprefix('a ')}s"
        else:
            yield _KINDS.get(fault["type"], fault["msg"])


def _field_description(key: str, model: type[BaseModel]) -> str:
    at: Any = model
    description = ""
    for part in key.split("."):
        field = at.model_fields.get(part)
        if field is None:
            return ""
        at, description = field.annotation, field.description or ""
    return description.split(". ")[0].rstrip(".")


def _nearest(key: str, model: type[BaseModel]) -> str:
    *above, wrong = key.split(".")
    known = list(_keys(model))
    prefix = ".".join(above)
    siblings = [name.removeprefix(prefix).lstrip(".") for name in known if name.rpartition(".")[0] == prefix]
    if near := difflib.get_close_matches(wrong, siblings, n=1):
        return f"did you mean '{near[0]}'?"
    if elsewhere := [name for name in known if name.rpartition(".")[2] == wrong]:
        return f"did you mean '{elsewhere[0]}'?"
    return f"known here: {', '.join(siblings)}"


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, f"{prefix}{name}.")
