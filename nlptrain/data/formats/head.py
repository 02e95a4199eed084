"""The beginning of a file, from which its format is recognized: bytes, lines, and JSON rows."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from nlptrain.data.formats.row_shapes import find_rows, to_row
from nlptrain.data.text_files import is_gz, utf16_encoding

Container = Literal["lines", "list", "object", ""]
_BYTES = 2**18  # that are read of each file
_MAX_BYTES = 2**24  # that are read if the first JSON row does not end within them
_MAX_LINES, _MAX_ROWS = 200, 20  # that a format is recognized from
_LINE_END = re.compile(r"\r\n|\n|\r")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Head:
    """The beginning of a file, decompressed.

    Attributes:
        path: the file.
        data: its first bytes.
        is_cut: whether the file has more of them.
    """

    path: Path
    data: bytes
    is_cut: bool = False

    @cached_property
    def text(self) -> str:
        """The text, without a byte order mark; empty if the file is binary."""
        if encoding := utf16_encoding(self.data):
            return self.data.decode(encoding, "replace")
        return "" if b"\0" in self.data[:1024] else self.data.decode("utf-8-sig", "replace")

    @cached_property
    def lines(self) -> list[str]:
        """The first complete lines, without line ends."""
        lines = _LINE_END.split(self.text, _MAX_LINES)
        is_last_cut = self.is_cut or len(lines) > _MAX_LINES
        return lines[:-1] if is_last_cut and len(lines) > 1 else lines

    @cached_property
    def container(self) -> Container:
        """What holds the JSON objects of the file: its ``lines``, a ``list`` or an ``object``; empty: it has none."""
        return self._json[0]

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The first JSON objects of JSON Lines, of a list, or of the rows of an object; empty if the file has none."""
        return self._json[1]

    @cached_property
    def _json(self) -> tuple[Container, list[dict[str, Any]]]:
        if not self.text.lstrip().startswith(("{", "[")) and not any(line.startswith("{") for line in self.lines):
            return "", []
        container, rows = _find_rows(self)
        if not rows and self.is_cut and len(self.data) < _MAX_BYTES and self.text.lstrip().startswith(("{", "[")):
            container, rows = _find_rows(read_head(self.path, _MAX_BYTES))
        return container, rows

    def has_rows(self, *keys: str) -> bool:
        """Return whether the file has JSON rows, most of them with all of ``keys``."""
        return 2 * sum(all(key in row for key in keys) for row in self.rows) > len(self.rows)


def read_head(path: Path, size: int = _BYTES) -> Head:
    """Return the first ``size`` bytes of ``path``; none of a file that cannot be read, which its reader reports."""
    try:
        with gzip.open(path, "rb") if is_gz(path) else path.open("rb") as file:
            data = file.read(size + 1)
    except (OSError, EOFError, zlib.error, ValueError):
        data = b""
    return Head(path, data[:size], len(data) > size)


def rows_of(value: Any) -> tuple[Container, list[Any]]:  # noqa: ANN401
    """Return the rows of a JSON value: those of a list, of the Hub's ``{"rows": [{"row": ...}]}``, or one object.

    An object may also have the only list of rows that is in it, see ``row_shapes``.
    """
    if isinstance(value, list):
        return "list", [to_row(item) for item in value]
    if not isinstance(value, dict):
        return "", []
    rows = value.get("rows")
    if isinstance(rows, list) and rows and all(isinstance(row, dict) and "row" in row for row in rows):
        names = _class_names(value.get("features"))
        return "object", [_with_names(row["row"], names) for row in rows]
    rows = value["data"] if isinstance(value.get("data"), list) else find_rows(value)
    return "object", [value] if rows is None else [to_row(item) for item in rows if item is not None]


def _class_names(features: Any) -> dict[str, list[str]]:  # noqa: ANN401
    """Return the names of the classes of each column that has numbers for them."""
    names = {}
    for feature in features if isinstance(features, list) else []:
        kind = feature.get("type") if isinstance(feature, dict) else None
        item = kind.get("feature") if isinstance(kind, dict) else None
        if isinstance(item, dict) and isinstance(item.get("names"), list):
            names[str(feature.get("name"))] = item["names"]
    return names


def _with_names(row: Any, names: dict[str, list[str]]) -> Any:  # noqa: ANN401
    """Return a row with the names of its classes instead of their numbers."""
    if not isinstance(row, dict) or not all(isinstance(row.get(column), list) for column in names):
        return row
    changed = {
        column: [known[value] if type(value) is int and 0 <= value < len(known) else value for value in row[column]]
        for column, known in names.items()
    }
    return row | changed


def _find_rows(head: Head) -> tuple[Container, list[dict[str, Any]]]:
    lines = list(islice((line for line in head.lines if line.strip()), _MAX_ROWS))
    values = [to_row(_parse(line)) for line in lines]
    objects = [value for value in values if isinstance(value, dict) and value]
    if len(lines) == 1 and objects and rows_of(objects[0])[1] != objects:
        return "object", _objects(rows_of(objects[0])[1])
    if objects and 2 * len(objects) > len(lines):
        return "lines", objects
    text = head.text.lstrip()
    if text.startswith("["):
        return ("list", rows) if (rows := _first_items(text)) else ("", [])
    if not text.startswith("{"):
        return "", []
    container, rows = rows_of(_parse(text))
    return (container, _objects(rows)) if _objects(rows) else ("", [])


def _objects(values: list[Any]) -> list[dict[str, Any]]:
    return [value for value in values[:_MAX_ROWS] if isinstance(value, dict) and value]


def _first_items(text: str) -> list[dict[str, Any]]:
    """Return the first objects of a JSON list of which ``text`` may be the beginning."""
    items: list[dict[str, Any]] = []
    position = 1
    while len(items) < _MAX_ROWS:
        while text[position : position + 1] in (" ", "\n", "\r", "\t", ","):
            position += 1
        try:
            item, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            break
        row = to_row(item)
        if not isinstance(row, dict):
            break
        items.append(row)
    return items


def _parse(text: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
