"""Data sets of ai4privacy: a text, and the personal data in it that are to be masked.

``{"source_text": "Ada sings", "masked_text": "[NAME] sings", "privacy_mask": [{"value": "Ada", "start": 0, "end": 3,
"label": "NAME"}]}``; the mask may be a string of JSON, or a map of placeholders and values: ``{"[NAME_1]": "Ada"}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.annotation_tools import read_annotated_sentence
from nlptrain.data.formats.chat_responses import parse_response
from nlptrain.data.formats.fields import quote_json
from nlptrain.data.formats.head import Head
from nlptrain.data.formats.json_rows import Row, ignored_keys, read_row_sentences
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError

_TEXTS = ("source_text", "unmasked_text", "text")
_PLACEHOLDER = re.compile(r"\[?(.+?)(?:_\d+)?\]?")


def is_privacy_mask(head: Head) -> bool:
    """Return whether the file has texts with masks."""
    return any(head.has_rows(key, "privacy_mask") for key in _TEXTS)


def read_privacy_mask(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the texts of a file with the masked values as entities.

    Raises:
        InputError: the file cannot be read.
    """
    return read_row_sentences(path, context.report, partial(_sentence, context))


def ignored_mask_keys(path: Path, _: ReadContext) -> list[str]:
    """Return the keys of the first row that are not read."""
    return ignored_keys(path, (*_TEXTS, "privacy_mask", "masked_text", "id"))


def _sentence(context: ReadContext, row: Row, location: str) -> Sentence | None:
    text = next((row[key] for key in _TEXTS if row.get(key) is not None), None)
    entities = [_entity(value, location) for value in _values(row.get("privacy_mask"), location)]
    return read_annotated_sentence({"id": row.get("id"), "text": text, "entities": entities}, location, context)


def _values(mask: Any, location: str) -> list[Any]:  # noqa: ANN401
    if isinstance(mask, str):
        parsed = parse_response(mask) if mask.strip() not in ("[]", "{}", "") else []
        if parsed is None:
            raise InputError(f"found {quote_json(mask)}, which is not JSON", location=location)
        mask = [parsed] if isinstance(parsed, dict) and "label" in parsed else parsed
    if isinstance(mask, dict):
        return [{"label": _PLACEHOLDER.sub(r"\1", key), "value": value} for key, value in mask.items()]
    if not isinstance(mask, list):
        raise InputError(f"found {quote_json(mask)} in 'privacy_mask'", location=location, expected="a list of spans")
    return mask


def _entity(value: Any, location: str) -> Row:  # noqa: ANN401
    if not isinstance(value, dict):
        raise InputError(f"found {quote_json(value)} in 'privacy_mask'", location=location, expected="an object")
    return {
        "start": value.get("start"),
        "end": value.get("end"),
        "label": value.get("label"),
        "text": value.get("value"),
    }
