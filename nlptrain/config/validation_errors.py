"""Validation errors of a configuration as problems: one per key, with its location and what is expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from nlptrain.config.commands import COMMANDS
from nlptrain.config.section import Invalid, sections, tag_of
from nlptrain.config.trackers import TRACKERS
from nlptrain.errors import Problem, Setting, Text, join_texts, suggestion
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
_MOST_PROBLEMS = 20
_TYPES = {
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
_OPTIONS = ("output_dir", "model")  # required keys that commands have an option for
_BOUNDS = {
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "string_too_short": "not empty",
    "too_short": "a list of at least {min_length}",
    "finite_number": "finite",
}


def validation_problems(
    error: ValidationError, model: type[BaseModel], origins: Mapping[str, Text], file: str
) -> list[Problem]:
    """Return one problem per invalid key, in the order of the file; at most ``_MOST_PROBLEMS`` of them.

    Args:
        error: raised by ``model``.
        model: the configuration model.
        origins: where each key was set: a file, a setting, an option.
        file: named for keys without an origin.
    """
    grouped: dict[str, list[Any]] = {}
    owners: dict[str, type[BaseModel]] = {}
    for fault in error.errors(include_url=False):
        key, owner = _located(fault["loc"], model, fault["type"])
        grouped.setdefault(key, []).append(fault)
        owners.setdefault(key, owner)
    problems: list[Problem] = []
    parents = {parent for key in grouped for parent in _parents(key)}
    for key, faults in grouped.items():
        is_other_type = all(fault["type"] == "literal_error" or fault["type"] in _TYPES for fault in faults)
        if is_other_type and key in parents:
            continue  # a map instead of a word or a list: the errors in the map have problems of their own
        if len(problems) == _MOST_PROBLEMS:
            return [*problems, Problem(f"has more errors; correct these {_MOST_PROBLEMS} first", location=file)]
        problem = _describe(key, faults, model, owners[key])
        shown = str(problem.location) or shortened(key, VALUE)
        origin = _origin(key, origins, file)
        names_key = isinstance(origin, tuple) and not problem.location  # as KEY=VALUE
        location = origin if names_key or not shown else located_key(origin, shown)
        problems.append(Problem(problem.found, location, problem.expected, problem.hint))
    return problems


def located_key(origin: Text, key: str) -> Text:
    """Return the location of ``key`` that was set in ``origin``, the two as parts."""
    return (f"{origin}: ", key) if isinstance(origin, str) else join_texts(origin, f": {key}")


def _parents(key: str) -> Iterator[str]:
    while key:
        key = key.rpartition(".")[0]
        yield key


def _origin(key: str, origins: Mapping[str, Text], file: str) -> Text:
    in_list = key.rstrip("0123456789").removesuffix(".")  # an item has the origin of its list
    within = (value for known, value in origins.items() if known.startswith(f"{key}."))
    origin = origins.get(key) or origins.get(in_list) or next(within, file)
    return origin.removeprefix("base ") if isinstance(origin, str) else origin


def _located(loc: tuple[int | str, ...], model: type[BaseModel], kind: str) -> tuple[str, type[BaseModel]]:
    """Return the dotted key of ``loc`` and the model that holds it; ``loc`` also has the kinds of unions."""
    parts: list[str] = []
    at: type[BaseModel] | None = model
    owner = model
    choices: dict[str, type[BaseModel]] = {}
    for depth, part in enumerate(loc):
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
        elif kind == "extra_forbidden" and depth == len(loc) - 1:
            parts.append(str(part))
            owner = at or owner
    if kind == "union_tag_invalid":
        parts.append(
            tag_of(owner.model_fields[parts[-1]].annotation) if parts and parts[-1] in owner.model_fields else "kind"
        )
    return ".".join(parts), owner


def _describe(key: str, faults: list[Any], model: type[BaseModel], owner: type[BaseModel]) -> Problem:
    first = faults[0]
    kind, value = first["type"], first.get("input")
    text = f"found {quoted(value)}"
    if kind == "extra_forbidden":
        return _describe_unknown(key, value, model, owner)
    if kind == "union_tag_not_found":
        return Problem(text, expected="a map")
    if kind == "union_tag_invalid":
        return _describe_choice(first["ctx"]["tag"], first["ctx"]["expected_tags"])
    if kind == "missing":
        option = (" (", Setting(key), ")") if key in _OPTIONS else ()
        return Problem("missing", hint=(_description(key, model), *option))
    if kind == "value_error":
        error = first["ctx"]["error"]
        return error.problem if isinstance(error, Invalid) else Problem(str(error))
    if kind == "string_pattern_mismatch":
        return Problem(text, expected=_description(key, model))
    expected = list(dict.fromkeys(_expected([fault for fault in faults if fault["type"] != "literal_error"])))
    if kind == "literal_error" and not expected:
        return _describe_choice(value, first["ctx"]["expected"])
    if kind == "literal_error":
        choices = first["ctx"]["expected"]
        return Problem(text, expected=" or ".join([*expected, choices]), hint=_similar(value, choices))
    return Problem(text, expected=" or ".join(dict.fromkeys(_expected(faults))))


def _describe_unknown(key: str, value: object, model: type[BaseModel], owner: type[BaseModel]) -> Problem:
    if key == "track":
        return Problem("unknown key", hint=f"it is now report_to: [{value if value in list(TRACKERS) else ''}]")
    if key == "objective.python":
        fault = f"found {quoted(value)}, an objective from Python"
        return Problem(fault, expected="the keys of a loss", hint="pass the object to nlptrain.distill(objective=...)")
    if key in RENAMED_KEYS:
        return Problem("unknown key", hint=f"it is now {RENAMED_KEYS[key]}")
    return Problem("unknown key", hint=_similar_key(key, model, owner))


def _describe_choice(value: object, choices: str) -> Problem:
    names = choices.replace("'", "").replace(" or ", ", ")
    expected = f"one of {names}" if "," in names else names
    return Problem(f"found {quoted(value)}", expected=expected, hint=_similar(value, names))


def _similar(value: object, choices: str) -> str:
    """Return a suggestion from ``choices``: quoted names separated by commas or ``or``."""
    return suggestion(str(value)[:VALUE], choices.replace("'", "").replace(" or ", ", ").split(", "))


def _expected(faults: list[Any]) -> Iterator[str]:
    for fault in faults:
        if fault["type"] in _BOUNDS:
            yield _BOUNDS[fault["type"]].format(**fault.get("ctx", {}))
        elif fault["type"] == "literal_error":
            yield fault["ctx"]["expected"]
        elif fault["loc"] and isinstance(fault["loc"][-1], int):
            yield f"a list of {_TYPES.get(fault['type'], 'values').removeprefix('a ')}s"
        else:
            yield _TYPES.get(fault["type"], fault["msg"])


def _description(key: str, model: type[BaseModel]) -> str:
    """Return the first sentence of the description of ``key``."""
    at: list[type[BaseModel]] = [model]
    description = ""
    for part in key.split("."):
        field = next((owner.model_fields[part] for owner in at if part in owner.model_fields), None)
        if field is None:
            return ""
        at, description = list(sections(field.annotation).values()), field.description or ""
    return description.split(". ")[0].rstrip(".")


def _similar_key(key: str, model: type[BaseModel], owner: type[BaseModel]) -> str:
    unknown = key.rpartition(".")[2][:VALUE]
    siblings = list(owner.model_fields)
    if hint := suggestion(unknown, siblings):
        return hint
    if elsewhere := [name for name in _keys(model) if name.rpartition(".")[2] == unknown and name != key]:
        return f"did you mean '{elsewhere[0]}'?"
    commands = [name for name, other in COMMANDS.items() if owner is model and unknown in other.model_fields]
    if commands:
        return f"it is a key of {' and '.join(commands)}; is this file for another command?"
    tag = tag_of(owner)
    kind = owner.model_fields.get(tag)
    place = f"with {tag} {kind.default}" if kind else "here"
    return f"known {place}: {', '.join(siblings)}"


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        for inner in sections(field.annotation).values():
            yield from _keys(inner, f"{prefix}{name}.")
