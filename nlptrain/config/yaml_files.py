"""YAML files as people write them: 1e-4 is a number, NO is a string, a key stands once."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from nlptrain.errors import InputError
from nlptrain.nearby import nearby


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's plain scalars, and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_TYPED = (
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", "~nN\0"),
    ("tag:yaml.org,2002:int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf)|\.(nan|NaN)",
        "-+0123456789.",
    ),
)
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in _TYPED:
    _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})$"), [c if c != "\0" else "" for c in _first])


def parse(text: str, place: str) -> Any:  # noqa: ANN401
    """The value that ``text`` stands for.

    Raises:
        InputError: it is no YAML; named by ``place`` and its line.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise InputError(f"{place}{line}: {error.problem or error}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{place}: {' '.join(str(error).split())}") from error


def read_yaml(path: Path) -> dict[str, Any]:
    """The map in the file ``path``.

    Raises:
        InputError: there is no such file, or it holds no map of names to values.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file{nearby(path)}") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder; name a YAML file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    values = parse(text, str(path))
    if values is None:
        raise InputError(f"{path}: is empty; see `nlptrain --help` for a command's keys")
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise InputError(f"{path}: found {type(values).__name__}; a configuration is a map of keys to values")
    return values
