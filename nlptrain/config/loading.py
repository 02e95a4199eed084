"""From YAML files, ``KEY=VALUE`` settings and options to a validated configuration, each value with its origin."""

from __future__ import annotations

import glob
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from nlptrain.config.commands import CommandConfig
from nlptrain.config.data import HUB, SPLITS, DataConfig
from nlptrain.config.labeling import LabelingConfig
from nlptrain.config.layers import merged
from nlptrain.config.protocols import url_problem
from nlptrain.config.registry import KindSection
from nlptrain.config.validation_errors import located_key, validation_problems
from nlptrain.errors import InputError, Problem, Setting, Text, path_suggestion
from nlptrain.urls import is_url, local_path
from nlptrain_runtime.errors import quoted

C = TypeVar("C", bound=CommandConfig)

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?")
_MODEL_KEYS = ("model", "teacher", "student.tokenizer", "student.model", "student.init_from")
_NO_MODELS = (None, "random", "teacher")


@dataclass(frozen=True)
class LoadedConfig(Generic[C]):
    """A validated configuration.

    Attributes:
        config: the values.
        origins: of each dotted key: a file, ``base FILE``, ``settings KEY=VALUE``, ``flags.KEY`` or a Python function;
            keys with defaults are not in it.
        path: the file; None: all values come from options.
    """

    config: C
    origins: dict[str, Text]
    path: Path | None


def load_config(
    model: type[C],
    path: Path | str | None,
    settings: Sequence[str] = (),
    flags: Mapping[str, object] | None = None,
    *,
    arguments: tuple[str, Mapping[str, object]] | None = None,
    check_files: bool = True,
) -> LoadedConfig[C]:
    """Load ``path`` and its bases; ``settings``, ``flags`` and ``arguments`` override them, in this order.

    Args:
        model: the command's.
        path: the YAML file; None: there is none.
        settings: ``KEY=VALUE`` strings, the value in YAML.
        flags: dotted keys and values of the command line's options.
        arguments: the name of a Python function, and the keys that it was given, nested as in YAML.
        check_files: also check that the files that the configuration names exist.

    Raises:
        InputError: invalid values; one problem per key.
        TypeError: ``settings`` is a string, not a list.

    Example:
        ``load_config(COMMANDS["tagger"], "configs/demo/tagger.yaml", ["train.steps=500"]).config.train.steps``
    """
    if isinstance(settings, str):
        raise TypeError(f"settings: found the string {settings[:40]!r}; expected a list of KEY=VALUE")
    path = None if path is None else Path(path)
    values, origins = merged(model, path, settings, flags or {}, arguments or ("", {}))
    try:
        config = model.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        source = arguments[0] if arguments and path is None else _name(path)
        raise InputError(*validation_problems(error, model, origins, source)) from error
    loaded = LoadedConfig(config, origins, path)
    if check_files:
        check_files_exist(loaded)
    return loaded


def load_data_config(
    path: Path | None, settings: Sequence[str] = (), flags: Mapping[str, object] | None = None
) -> DataConfig:
    """Read the ``data`` map of a file, e.g. of a run's ``config.yaml``; its other keys may be those of another version.

    Args:
        path: the YAML file; None: there is none.
        settings: ``data.KEY=VALUE`` strings, which override the file.
        flags: dotted keys and values of the command line's options, which override both.

    Raises:
        InputError: the file or the map is invalid; one problem per key.
    """
    values, origins = merged(CommandConfig, path, settings, flags or {})
    try:
        return DataConfig.model_validate_json(json.dumps(values.get("data")), strict=True)
    except ValidationError as error:
        given = {key.removeprefix("data."): origin for key, origin in origins.items() if not isinstance(origin, str)}
        raise InputError(*validation_problems(error, DataConfig, given, f"{_name(path)}: data")) from error


def load_labeling_config(flags: Mapping[str, object]) -> LabelingConfig:
    """Return the ``labeling`` map of the command line's options, by key.

    Raises:
        InputError: a value is invalid; one problem per key.
    """
    try:
        return LabelingConfig.model_validate(dict(flags))
    except ValidationError as error:
        problems = validation_problems(error, LabelingConfig, {}, "")
        keys = [item.location[-1] if isinstance(item.location, tuple) else item.location for item in problems]
        located = [replace(item, location=Setting(f"labeling.{key}")) for item, key in zip(problems, keys, strict=True)]
        raise InputError(*located) from error


def validate_data(values: object, caller: str) -> DataConfig:
    """Return ``values``, a ``data`` map given to the Python function ``caller``, as a configuration.

    Raises:
        InputError: a key or a value is invalid; one problem per key.
    """
    try:
        return DataConfig.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        raise InputError(*validation_problems(error, DataConfig, {}, f"{caller}: data")) from error


def to_yaml(config: CommandConfig, objective: str | None = None) -> str:
    """Return ``config`` as YAML that loads to the same configuration.

    With an ``objective`` from Python, which no YAML can hold, it is the key `objective.python`, which is refused.
    """
    values = config.model_dump(mode="json")
    if objective is not None:
        values["objective"]["python"] = objective
    text: str = yaml.safe_dump(_escaped(values), sort_keys=False, allow_unicode=True, width=120)
    return text


def _escaped(value: object) -> object:
    if isinstance(value, dict):
        return {key: _escaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_escaped(inner) for inner in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


def model_references(config: CommandConfig) -> dict[str, str]:
    """Return the models that ``config`` names, by dotted key."""
    kinds = [f"{place}.{key}" for place, section in _kind_sections(config) for key in section.model_keys]
    references = {key: _value(config, key) for key in (*_MODEL_KEYS, *kinds)}
    return {key: value for key, value in references.items() if isinstance(value, str) and value not in _NO_MODELS}


def file_references(config: CommandConfig) -> dict[str, str]:
    """Return the files besides those of ``data`` that ``config`` names, by dotted key."""
    keys = [f"{place}.{key}" for place, section in _kind_sections(config) for key in section.file_keys]
    return {key: value for key in keys if isinstance(value := _value(config, key), str)}


def plugin_code(config: CommandConfig) -> Iterator[tuple[str, str, Path]]:
    """Import the code of each plug-in that ``config`` names, and yield its dotted path, its package and its file.

    Raises:
        InputError: it cannot be imported.
    """
    for _, section in _kind_sections(config):
        registry = section.own_registry()
        for path in registry.code(section.name):
            registry.load(section.name, path)
            file = getattr(sys.modules[path.partition(":")[0]], "__file__", None)
            if file is not None:
                yield path, registry.package(section.name), Path(file)


def _kind_sections(config: object, prefix: str = "") -> Iterator[tuple[str, KindSection]]:
    """Yield the configuration of each kind in ``config``, also those in lists, with its dotted key."""
    if isinstance(config, KindSection):
        yield prefix, config
    inner = config if isinstance(config, BaseModel) else ()
    for name, value in inner:
        for part, section in enumerate(value) if isinstance(value, list) else [(None, value)]:
            key = f"{prefix}.{name}" if prefix else name
            yield from _kind_sections(section, key if part is None else f"{key}.{part}")


def with_references(config: C, references: Mapping[str, str]) -> C:
    """Return ``config`` with the models of ``references``, by dotted key."""
    values = config.model_dump()
    for key, reference in references.items():
        *parents, last = key.split(".")
        section: Any = values
        for part in parents:
            section = section[int(part) if part.isdigit() else part]
        section[last] = reference
    return type(config).model_validate(values)


def _value(config: object, key: str) -> Any:  # noqa: ANN401
    value: Any = config
    for part in key.split("."):
        value = value[int(part)] if part.isdigit() else getattr(value, part, None)
        if value is None:
            return None
    return value


def check_files_exist(loaded: LoadedConfig[C], expected: Callable[[str], bool] = lambda _: False) -> None:
    """Check that the files and model folders of a configuration exist, unless they are ``expected``.

    Raises:
        InputError: some do not exist; one problem each.
    """
    problems = []
    for key, problem in _missing_files(loaded.config, expected):
        origin = loaded.origins.get(key, _name(loaded.path))
        origin = origin.removeprefix("base ") if isinstance(origin, str) else origin
        problems.append(Problem(problem.found, located_key(origin, key), problem.expected, problem.hint))
    if problems:
        raise InputError(*problems)


def _name(path: Path | None) -> str:
    return "command line" if path is None else str(path)


def _missing_files(config: CommandConfig, expected: Callable[[str], bool]) -> Iterator[tuple[str, Problem]]:
    """Yield the key of each file or model folder that does not exist, and the problem."""
    for split in SPLITS:
        for entry in config.data.paths_of(split):
            if not expected(entry) and (problem := _missing_data(entry)):
                yield f"data.{split}", problem
    for key, reference in model_references(config).items():
        if not expected(reference) and (problem := _missing_model(reference)):
            yield key, problem
    for key, file in file_references(config).items():
        if not os.path.isfile(file):
            text = f"there is no file {quoted(file)} (searched in {_working_folder()})"
            yield key, Problem(text, hint=path_suggestion(Path(file)))


def _missing_data(entry: str) -> Problem | None:
    entry = local_path(entry)
    if is_url(entry):
        return url_problem(entry)
    if entry == "-":  # standard input
        return None
    if entry.startswith("hub:"):
        expected = "hub:OWNER/NAME:SPLIT for a split of a data set on the Hub"
        return None if HUB.fullmatch(entry) else Problem(f"found {quoted(entry)}", expected=expected)
    matches = [entry] if os.path.exists(entry) else glob.glob(entry, recursive=True)
    if not matches:
        text = f"no file matches {quoted(entry)} (searched in {_working_folder()})"
        return Problem(text, hint=path_suggestion(Path(entry)))
    if all(os.path.isdir(match) for match in matches):
        return Problem(f"{quoted(entry)} is a folder", hint=f"name its files, e.g. '{entry.rstrip('/')}/*'")
    return None


def _missing_model(reference: str) -> Problem | None:
    """Return why ``reference`` cannot be a model, or None; whether the Hub has it is not checked."""
    if reference.startswith("package:"):
        return _missing_package(*reference.removeprefix("package:").partition("/")[::2])
    path = Path(os.path.expanduser(reference))
    if os.path.isdir(path) or _HUB_NAME.fullmatch(reference):
        return None
    if os.path.isfile(path):
        return Problem(f"{quoted(reference)} is a file", expected="the folder of a model or of a run")
    owner = "" if "/" in reference else "a model of the Hub also has an owner: OWNER/NAME"
    text = f"there is no folder {quoted(reference)} (searched in {_working_folder()})"
    return Problem(text, hint=path_suggestion(path) or owner)


def _missing_package(name: str, folder: str) -> Problem | None:
    spec = find_spec(name) if re.fullmatch(r"\w+", name) and name != "__main__" else None
    if spec is None or not spec.submodule_search_locations:
        return Problem(f"no package {quoted(name)} is installed", hint=f"pip install {name.replace('_', '-')}")
    exists = os.path.isdir(os.path.join(spec.submodule_search_locations[0], folder))
    return None if exists else Problem(f"the package {name!r} has no folder {quoted(folder)}")


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "a folder that was removed"
