"""YAML files with YAML 1.2's scalars (1e-4 is a number, NO a string), unique keys and limits on their size."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any, NoReturn

import yaml

from nlptrain.errors import InputError, Text, join_texts, path_suggestion
from nlptrain_runtime.errors import quoted

MOST_CHARACTERS = 1_000_000  # bytes of a file; characters of its values with aliases and variables replaced
MOST_VALUES = 10_000  # values and keys, with aliases replaced
MOST_DEPTH = 50
_MOST_DIGITS = 18  # more do not fit into 64 bits
_OPENED = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")  # a shell's <(command)

_TAG = "tag:yaml.org,2002:"
_TYPED = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf)|\.(nan|NaN)",
        "-+0123456789.",
    ),
)
_PATTERNS = {f"{_TAG}{name}": re.compile(rf"(?:{pattern})\Z") for name, pattern, _ in _TYPED}
_TOO_DEEP = f"is nested more than {MOST_DEPTH} deep, its aliases replaced"
_TOO_MANY = f"holds more than {MOST_VALUES:,} keys and values, its aliases replaced"
_TOO_LONG = f"holds more than {MOST_CHARACTERS:,} characters, its aliases replaced"
NO_TEXT = re.compile("[\0\ud800-\udfff]")  # invalid in names of files and in JSON


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's plain scalars and limits on depth and number of nodes."""

    depth = 0
    count = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401
        if self.depth > MOST_DEPTH:
            _raise_at(_TOO_DEEP, self.peek_event())  # type: ignore[no-untyped-call]
        if self.count == MOST_VALUES:
            _raise_at(_TOO_MANY, self.peek_event())  # type: ignore[no-untyped-call]
        self.count += 1
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {}
for _name, _, _first in _TYPED:
    _tag = f"{_TAG}{_name}"
    _Loader.add_implicit_resolver(_tag, _PATTERNS[_tag], [c if c != "\0" else "" for c in _first])


class _Values:
    """Turns nodes into values and counts them, aliases included."""

    def __init__(self) -> None:
        self._count = 0
        self._characters = 0

    def of(self, node: yaml.Node, depth: int = 0) -> Any:  # noqa: ANN401
        self._add(node)
        if depth > MOST_DEPTH:
            _raise_at(_TOO_DEEP, node)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.of(inner, depth + 1) for inner in node.value]
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._map(node, depth)
        return _raise_for_tag(node)

    def _map(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, inner in node.value:
            if not isinstance(key, yaml.ScalarNode):
                _raise_at("found a list or a map as a key", key, expected="a word")
            self._add(key)
            name = _text(key)
            if name in values:
                _raise_at(f"found the key {quoted(name)} twice", key)
            values[name] = self.of(inner, depth + 1)
        return values

    def _add(self, node: yaml.Node) -> None:
        self._count += 1
        self._characters += len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        if self._count > MOST_VALUES:
            _raise_at(_TOO_MANY, node)
        if self._characters > MOST_CHARACTERS:
            _raise_at(_TOO_LONG, node)


def _scalar(node: yaml.ScalarNode) -> Any:  # noqa: ANN401
    text: str = node.value
    if node.tag == f"{_TAG}str":
        return _text(node)
    if node.tag not in _PATTERNS:
        return _raise_for_tag(node)
    kind = node.tag.removeprefix(_TAG)
    if _PATTERNS[node.tag].match(text) is None:
        _raise_at(f"found {quoted(text)}, which is no !!{kind}", node)
    if kind == "bool":
        return text.lower() == "true"
    if kind == "float":
        return float(text.replace(".inf", "inf").replace(".Inf", "inf").replace(".nan", "nan").replace(".NaN", "nan"))
    if kind == "int" and len(text) > _MOST_DIGITS:
        _raise_at(f"found {quoted(text)}", node, expected=f"a whole number of at most {_MOST_DIGITS} digits")
    return int(text) if kind == "int" else None


def _text(node: yaml.ScalarNode) -> str:
    text: str = node.value
    if wrong := NO_TEXT.search(text):
        _raise_at(f"found the character U+{ord(wrong[0]):04X}, which text may not contain", node)
    return text


def _raise_for_tag(node: yaml.Node) -> NoReturn:
    _raise_at(f"found the tag {quoted(node.tag.replace(_TAG, '!!'))}, which is not supported", node, hint="remove it")


class _Refused(yaml.MarkedYAMLError):
    """YAML that is valid, and that no configuration may have."""

    def __init__(self, problem: str, node: yaml.Node | yaml.Event, expected: str, hint: str) -> None:
        super().__init__(problem=problem, problem_mark=node.start_mark)  # type: ignore[arg-type]
        self.expected, self.hint = expected, hint


def _raise_at(problem: str, node: yaml.Node | yaml.Event, *, expected: str = "", hint: str = "") -> NoReturn:
    raise _Refused(problem, node, expected, hint)


def parse(text: str, location: Text) -> Any:  # noqa: ANN401
    """Return the value of the YAML ``text``: maps with string keys, lists, strings, numbers, booleans and None.

    Raises:
        InputError: it is no YAML, or exceeds the limits; located by ``location`` and line.
    """
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"holds more than {MOST_CHARACTERS:,} characters", location=location)
    try:
        node = yaml.compose(text, Loader=_Loader)
        return None if node is None else _Values().of(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        location = join_texts(location, f":{mark.line + 1}" if mark else "")
        if isinstance(error, _Refused):
            raise InputError(str(error.problem), location=location, expected=error.expected, hint=error.hint) from error
        if error.problem == "but found another document":
            raise InputError("found several documents", location=location, expected="one") from error
        raise InputError(str(error.problem), location=location) from error
    except yaml.reader.ReaderError as error:
        line = f":{text.count(chr(10), 0, error.position) + 1}"
        problem = f"found the character U+{error.character:04X}, which YAML forbids"
        raise InputError(problem, location=join_texts(location, line)) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # an escape of no character, e.g. "\UFFFFFFFF"
        raise InputError(f"is no YAML: {error}", location=location) from error


def read_yaml(path: Path) -> dict[str, Any]:
    """Read the map in the YAML file ``path``.

    Raises:
        InputError: the file is missing, unreadable, or no map.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError("there is no such file", location=str(path), hint=path_suggestion(path)) from error
    except IsADirectoryError as error:
        raise InputError("is a folder", location=str(path), expected="a YAML file") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"byte {error.start} is not UTF-8", location=str(path), hint="save the file as UTF-8"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be read: {reason}", location=str(path)) from error
    values = parse(text, str(path))
    if values is None:
        raise InputError("is empty", location=str(path), expected="a map of keys to values")
    if not isinstance(values, dict):
        raise InputError(f"found {type(values).__name__}", location=str(path), expected="a map of keys to values")
    return values


def read_bytes(path: Path) -> bytes:
    """Read a file of at most the size of a configuration.

    Raises:
        InputError: it is larger, or no regular file.
        OSError: it cannot be read.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    if not stat.S_ISREG(mode) and not os.fspath(path).startswith(_OPENED):  # a device may be endless, a pipe may block
        raise InputError("is a device or a pipe", location=str(path), expected="a YAML file")
    with path.open("rb") as file:
        content = file.read(MOST_CHARACTERS + 1)
    if len(content) > MOST_CHARACTERS:
        raise InputError(f"has more than {MOST_CHARACTERS:,} bytes", location=str(path))
    return content
