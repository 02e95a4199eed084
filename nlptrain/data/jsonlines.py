"""JSON and JSON lines: words with tags, or a text with marks, in each object."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nlptrain.data.annotation_rows import SHAPE, is_marked, marked_row
from nlptrain.data.sentence import Sentence
from nlptrain.data.text_files import lines
from nlptrain.data.tokens import kind, listed_names, name_and_text, strings
from nlptrain.errors import InputError
from nlptrain.schemes import Scheme

_SHAPE = f'{{"tokens": ["Ada", "sings"], "tags": ["B-person", "O"]}} or {SHAPE}'
_LINE, _FILE = (
    2**26,
    2**30,
)  # characters that are parsed at once: as objects they take up to thirty times as much memory
_OTHER_NAMES = {
    "tokens": ("words", "text", "token", "sentence"),
    "tags": ("ner_tags", "pos_tags", "labels", "upos", "xpos", "ner", "tag", "label"),
}


def read_jsonl(path: Path, scheme: Scheme = "iob2", *, left_out: Counter[str] | None = None) -> Iterator[Sentence]:
    """Read the sentences of a file with ``{"tokens": [...], "tags": [...]}`` on each line; other keys are ignored.

    In their place a line may hold a text with marks, as annotation tools export them, see ``annotation_rows``.

    Args:
        path: the file.
        scheme: what the tags of such marks are written in.
        left_out: counts rows that are not to be learned from, by the reason.

    Raises:
        InputError: a line is no such object, or holds a word that is empty or cannot be written in UTF-8.
    """
    for number, row in read_objects(path):
        if sentence := _sentence(row, f"{path}:{number}", scheme, left_out):
            yield sentence


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file with one on each line, with the numbers of these; blank lines are none.

    Raises:
        InputError: a line is no object.
    """
    for number, line in lines(path):
        if line.strip():
            where = f"{path}:{number}"
            yield number, _object(_parsed(line, where), where)


def read_json(path: Path, scheme: Scheme = "iob2", *, left_out: Counter[str] | None = None) -> Iterator[Sentence]:
    """The sentences of a file that is one JSON list of such objects, as Label Studio exports it; all in memory.

    Raises:
        InputError: the file is no such list, or as for ``read_jsonl``; an object is named by its number in the list.
    """
    for number, row in read_list(path):
        if sentence := _sentence(row, f"{path}:{number}", scheme, left_out):
            yield sentence


def read_list(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file that is one JSON list, with their numbers in it; all in memory.

    Raises:
        InputError: the file is no such list.
    """
    rows = _parsed("\n".join(line for _, line in lines(path)), str(path), _FILE)
    if not isinstance(rows, list):
        raise InputError(f"{path}: found {kind(rows)}; a .json file is a list of objects, each {_SHAPE}")
    for number, row in enumerate(rows, start=1):
        yield number, _object(row, f"{path}:{number}")


def _sentence(row: dict[str, Any], where: str, scheme: Scheme, left_out: Counter[str] | None) -> Sentence | None:
    if is_marked(row):
        marked = marked_row(row, where, Counter() if left_out is None else left_out)
        return None if marked is None else marked.sentence(scheme)
    words, tags = (_strings(row, key, where) for key in ("tokens", "tags"))
    if len(words) != len(tags):
        raise InputError(f"{where}: found {len(words)} tokens and {len(tags)} tags; each token has one tag")
    if not words:
        return None
    name, text = name_and_text(row, where)
    return Sentence(words, tags, where, id=name, text=text)


def _parsed(text: str, where: str, most: int = _LINE) -> Any:  # noqa: ANN401
    if len(text) > most:
        raise InputError(
            f"{where}: holds more than {most >> 20} MB of JSON; write more objects, each on a line, as .jsonl"
        )
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not JSON: {error.msg} at column {error.colno}; a line is {_SHAPE}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets in brackets
        raise InputError(f"{where}: not JSON that can be read: {error}; a line is {_SHAPE}") from error


def _object(value: Any, where: str) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(value, dict):
        raise InputError(f"{where}: found {kind(value)}; a line is {_SHAPE}")
    return value


def _strings(row: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    if key not in row:
        other = next((name for name in _OTHER_NAMES[key] if name in row), None)
        hint = f"; rename {other!r} to {key!r}" if other else ""
        if isinstance(row.get("text"), str):
            hint = "; a text without an entity has 'entities': []"
        raise InputError(f"{where}: found no {key!r} (keys: {listed_names(row)}){hint}; a line is {_SHAPE}")
    return strings(row[key], key, where, tags=key == "tags", shape=_SHAPE)
