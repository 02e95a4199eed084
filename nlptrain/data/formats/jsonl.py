"""JSON Lines and JSON: an object with words and tags for each sentence, or a row of an annotation tool."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.annotation_tools import (
    ENTITIES_EXAMPLE,
    ignored_task_keys,
    is_annotated_row,
    read_annotated_row,
    used_keys,
)
from nlptrain.data.formats.fields import check_strings, id_and_text, join_names, json_line, json_type
from nlptrain.data.formats.span_marks import KEYS, marks_of, read_marks
from nlptrain.data.sentence import Sentence
from nlptrain.data.text_files import read_lines
from nlptrain.errors import InputError

_EXAMPLE = f'{{"tokens": ["Ada", "sings"], "tags": ["B-person", "O"]}} or {ENTITIES_EXAMPLE}'
_MAX_LINE, _MAX_FILE = 2**26, 2**30  # characters parsed at once: as objects they take up to thirty times the memory
_SIMILAR_KEYS = {
    "tokens": ("words", "text", "token", "sentence"),
    "tags": ("ner_tags", "pos_tags", "labels", "upos", "xpos", "ner", "tag", "label"),
}


def read_jsonl(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of a file with ``{"tokens": [...], "tags": [...]}`` on each line.

    Marks that are not tags may be next to them, see ``span_marks``; other keys are ignored.

    A line may also be a row of an annotation tool: a text with labeled spans, see ``annotation_tools``.

    Raises:
        InputError: a line is not such an object, or has a word that is empty or not valid UTF-8.
    """
    for line_number, row in read_objects(path):
        if sentence := _sentence(row, f"{path}:{line_number}", context):
            yield sentence


def read_json(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of a file that is one JSON list of such objects, as Label Studio exports it; all in memory.

    Raises:
        InputError: the file is not such a list, or as for ``read_jsonl``; the location is the number in the list.
    """
    for line_number, row in read_list(path):
        if sentence := _sentence(row, f"{path}:{line_number}", context):
            yield sentence


def read_objects(path: Path, columns: Sequence[str] | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the objects of a JSON Lines file with their line numbers; blank lines are skipped.

    Raises:
        InputError: a line is not an object.
    """
    del columns
    for line_number, line in read_lines(path):
        if line.strip():
            location = f"{path}:{line_number}"
            yield line_number, _check_object(_parse(line, location), location)


def read_list(path: Path, columns: Sequence[str] | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the objects of a file that is one JSON list, with their numbers from 1; all in memory.

    Raises:
        InputError: the file is not such a list.
    """
    del columns
    rows = _parse("\n".join(line for _, line in read_lines(path)), str(path), _MAX_FILE)
    if not isinstance(rows, list):
        raise InputError(f"found {json_type(rows)}", location=str(path), expected=f"a list of objects, each {_EXAMPLE}")
    for line_number, row in enumerate(rows, start=1):
        yield line_number, _check_object(row, f"{path}:{line_number}")


def ignored_jsonl_keys(path: Path, _: ReadContext) -> list[str]:
    """Return the keys of the first line that are not read."""
    return _ignored_keys(next(read_objects(path), (0, {}))[1])


def ignored_json_keys(path: Path, _: ReadContext) -> list[str]:
    """Return the keys of the first object that are not read."""
    return _ignored_keys(next(read_list(path), (0, {}))[1])


def _ignored_keys(row: dict[str, Any]) -> list[str]:
    read = {*used_keys(row), *(() if is_annotated_row(row) else KEYS)}
    return [*ignored_task_keys(row), *(key for key in row if key not in read)]


def jsonl_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield the lines of a JSON Lines file with words, tags, and marks that are not tags."""
    del context
    for sentence in sentences:
        row: dict[str, Any] = {"id": sentence.id, "text": sentence.text}
        row = {name: value for name, value in row.items() if value is not None}
        yield json_line({**row, "tokens": sentence.words, "tags": sentence.tags, **marks_of(sentence)})


def _sentence(row: dict[str, Any], location: str, context: ReadContext) -> Sentence | None:
    if is_annotated_row(row):
        annotated = read_annotated_row(row, location, context.omitted)
        return None if annotated is None else annotated.sentence(context.scheme)
    words, tags = (_strings(row, key, location) for key in ("tokens", "tags"))
    if len(words) != len(tags):
        raise InputError(
            f"found {len(words)} tokens and {len(tags)} tags", location=location, expected="one tag for each token"
        )
    if not words:
        return None
    sentence_id, text = id_and_text(row, location)
    return Sentence(words, tags, location, id=sentence_id, text=text, **read_marks(row, len(words), location))


def _parse(text: str, location: str, max_characters: int = _MAX_LINE) -> Any:  # noqa: ANN401
    if len(text) > max_characters:
        raise InputError(
            f"found more than {max_characters >> 20} MB of JSON",
            location=location,
            hint="write more objects, each on a line, as .jsonl",
        )
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"not JSON: {error.msg} at column {error.colno}", location=location, expected=_EXAMPLE
        ) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, deeply nested lists
        raise InputError(f"JSON that cannot be read: {error}", location=location, expected=_EXAMPLE) from error


def _check_object(value: Any, location: str) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(value, dict):
        raise InputError(f"found {json_type(value)}", location=location, expected=_EXAMPLE)
    return value


def _strings(row: dict[str, Any], key: str, location: str) -> tuple[str, ...]:
    if key not in row:
        similar = next((name for name in _SIMILAR_KEYS[key] if name in row), None)
        hint = f"rename {similar!r} to {key!r}" if similar else ""
        if isinstance(row.get("text"), str):
            hint = "a text without an entity has 'entities': []"
        raise InputError(f"found no {key!r} (keys: {join_names(row)})", location=location, expected=_EXAMPLE, hint=hint)
    return check_strings(row[key], key, location, are_tags=key == "tags", example=_EXAMPLE)
