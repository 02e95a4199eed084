"""From a YAML file, --set and flags to a checked configuration, each value with its origin."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import yaml
from pydantic import ValidationError

from nlptrain.config.commands import CommandConfig
from nlptrain.config.data import DataConfig
from nlptrain.config.files import missing_files
from nlptrain.config.layers import merged
from nlptrain.config.validation_errors import validation_messages
from nlptrain.errors import InputError

C = TypeVar("C", bound=CommandConfig)


@dataclass(frozen=True)
class LoadedConfig(Generic[C]):
    """A checked configuration.

    Attributes:
        config: the values.
        origins: who said the value of a dotted key: a file, ``base FILE``, ``--set KEY=VALUE`` or a flag; keys that
            nobody set are not in it.
        path: the file; None: flags said all.
    """

    config: C
    origins: dict[str, str]
    path: Path | None


def load_config(
    model: type[C],
    path: Path | str | None,
    settings: Sequence[str] = (),
    flags: Mapping[str, object] | None = None,
    *,
    check_files: bool = True,
) -> LoadedConfig[C]:
    """The configuration in ``path``, its bases, ``settings`` and ``flags``, the later winning.

    Args:
        model: the command's.
        path: the YAML file; None: there is none.
        settings: ``KEY=VALUE`` strings, the value in YAML.
        flags: dotted keys and values of the command line's own flags.
        check_files: see, too, whether the files that it names are there.

    Raises:
        InputError: with a line for each fault.
        TypeError: ``settings`` is one string and no list.

    Example:
        ``load_config(COMMANDS["tagger"], "configs/demo/tagger.yaml", ["train.steps=500"]).config.train.steps``
    """
    if isinstance(settings, str):
        raise TypeError(f"settings: found the string {settings[:40]!r}; must be a list of KEY=VALUE")
    path = None if path is None else Path(path)
    values, origins = merged(model, path, settings, flags or {})
    try:
        config = model.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        raise InputError(*validation_messages(error, model, origins, _place(path))) from error
    loaded = LoadedConfig(config, origins, path)
    if check_files:
        check_files_exist(loaded)
    return loaded


def load_data_config(path: Path) -> DataConfig:
    """Read the ``data`` map of a run's ``config.yaml``; its other keys may be those of another version.

    Raises:
        InputError: the file or the map is invalid; one problem per key.
    """
    values, _ = merged(CommandConfig, path, (), {})
    try:
        return DataConfig.model_validate_json(json.dumps(values.get("data", {})), strict=True)
    except ValidationError as error:
        raise InputError(*validation_messages(error, DataConfig, {}, f"{path}: data")) from error


def check_files_exist(loaded: LoadedConfig[C], expected: Callable[[str], bool] = lambda _: False) -> None:
    """See whether the files and folders that a configuration names are there, but for those that are ``expected``.

    Raises:
        InputError: with a line for each that is not.
    """
    place = _place(loaded.path)
    faults = [
        f"{loaded.origins.get(key, place).removeprefix('base ')}: {key}: {fault}"
        for key, fault in missing_files(loaded.config, expected)
    ]
    if faults:
        raise InputError(*faults)


def _place(path: Path | None) -> str:
    return "command line" if path is None else str(path)


def to_yaml(config: CommandConfig) -> str:
    """``config`` as YAML that loads to the same configuration."""
    values = _escaped(config.model_dump(mode="json"))
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=120)
    return text


def _escaped(value: object) -> object:
    if isinstance(value, dict):
        return {key: _escaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_escaped(inner) for inner in value]
    return value.replace("$", "$$") if isinstance(value, str) else value
