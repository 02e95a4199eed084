"""JSON lines: an object with the words and the tags of a sentence on each line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nlptrain.data.corpus import Sentence
from nlptrain.data.entity_lines import SHAPE, entity_sentence
from nlptrain.data.text_files import lines
from nlptrain.data.tokens import kind, strings
from nlptrain.errors import InputError
from nlptrain.schemes import Scheme

_SHAPE = f'{{"tokens": ["Ada", "sings"], "tags": ["B-person", "O"]}} or {SHAPE}'
_OTHER_NAMES = {
    "tokens": ("words", "text", "token", "sentence"),
    "tags": ("ner_tags", "pos_tags", "labels", "upos", "xpos", "ner", "tag", "label"),
}


def read_jsonl(path: Path, scheme: Scheme = "iob2") -> Iterator[Sentence]:
    """The sentences of a file with ``{"tokens": [...], "tags": [...]}`` on each line; other keys are passed over.

    A line may hold ``{"text": ..., "entities": [...]}`` in their place, see ``entity_sentence``.

    Args:
        path: the file.
        scheme: what the tags of such entities are written in.

    Raises:
        InputError: a line is no such object, or holds a word that is empty or cannot be written in UTF-8.
    """
    for number, line in lines(path):
        if line.strip():
            where = f"{path}:{number}"
            row = _object(line, where)
            if "tokens" not in row and "text" in row and "entities" in row:
                if sentence := entity_sentence(row, where, scheme):
                    yield sentence
                continue
            words, tags = (_strings(row, key, where) for key in ("tokens", "tags"))
            if len(words) != len(tags):
                raise InputError(f"{where}: found {len(words)} tokens and {len(tags)} tags; each token has one tag")
            if words:
                yield Sentence(words, tags, where)


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not JSON: {error.msg} at column {error.colno}; a line is {_SHAPE}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets in brackets
        raise InputError(f"{where}: not JSON that can be read: {error}; a line is {_SHAPE}") from error
    if not isinstance(value, dict):
        raise InputError(f"{where}: found {kind(value)}; a line is {_SHAPE}")
    return value


def _strings(row: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    if key not in row:
        other = next((name for name in _OTHER_NAMES[key] if name in row), None)
        hint = f"; rename {other!r} to {key!r}" if other else ""
        raise InputError(f"{where}: found no {key!r} (keys: {', '.join(row) or 'none'}){hint}; a line is {_SHAPE}")
    return strings(row[key], key, where, tags=key == "tags", shape=_SHAPE)
