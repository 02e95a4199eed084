"""Output of the pipeline ``token-classification`` of transformers, saved with the texts.

``{"text": "Ada sings", "entities": [{"entity_group": "person", "score": 0.9, "word": "Ada", "start": 0, "end": 3}]}``;
without aggregation an item is a subword, with its tag as ``entity``, and subwords of one entity are joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.annotation_tools import read_annotated_sentence
from nlptrain.data.formats.entity_fields import LABELS, plain_name
from nlptrain.data.formats.fields import quote_json
from nlptrain.data.formats.head import Head
from nlptrain.data.formats.json_rows import Row, ignored_keys, read_row_sentences
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError

_TEXTS = ("text", "sentence", "input", "inputs")
_ENTITIES = ("entities", "predictions", "ner", "output", "outputs", "results")
_TAG = re.compile(r"([BIESLU])-(.+)")


def is_pipeline_output(head: Head) -> bool:
    """Return whether the file has texts with entities as the pipeline returns them."""
    items = [item for row in head.rows for item in _items(row)]
    return bool(items) and all(_is_item(item) for item in items)


def read_pipeline_output(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the texts of a file with their entities and scores.

    The score of subwords that are joined is their mean, as for the strategy ``simple`` of the pipeline.

    Raises:
        InputError: the file cannot be read.
    """
    return read_row_sentences(path, context.report, partial(_sentence, context))


def ignored_output_keys(path: Path, _: ReadContext) -> list[str]:
    """Return the keys of the first row that are not read."""
    return ignored_keys(path, ("id", *_TEXTS, *_ENTITIES))


def _sentence(context: ReadContext, row: Row, location: str) -> Sentence | None:
    items = _items(row)
    if not all(_is_item(item) for item in items):
        expected = '{"entity_group": "person", "score": 0.9, "start": 0, "end": 3}'
        raise InputError(f"found {quote_json(items)}", location=location, expected=f"a list of {expected}")
    text = next((row[key] for key in _TEXTS if isinstance(row.get(key), str)), None)
    entities = [_entity(group) for group in _groups(items)]
    return read_annotated_sentence({"id": row.get("id"), "text": text, "entities": entities}, location, context)


def _items(row: Row) -> list[Any]:
    return next((row[key] for key in _ENTITIES if isinstance(row.get(key), list)), [])


def _is_item(item: Any) -> bool:  # noqa: ANN401
    if not isinstance(item, dict) or item.keys().isdisjoint(("word", "start")):
        return False
    if isinstance(item.get("entity_group"), str):
        return True
    has_label = any(plain_name(key) in LABELS for key in item)  # then, `entity` is the text
    return isinstance(item.get("entity"), str) and not has_label


def _groups(items: list[Row]) -> Iterator[list[Row]]:
    """Yield the items of each entity; groups of the pipeline are alone, tags of subwords are joined."""
    group: list[Row] = []
    for item in items:
        if group and not (_is_subword(item) and _continues(group[-1], item)):
            yield group
            group = []
        if not _is_subword(item) or item["entity"] != "O":
            group.append(item)
    if group:
        yield group


def _is_subword(item: Row) -> bool:
    return item.get("entity_group") is None


def _continues(previous: Row, item: Row) -> bool:
    """Return whether ``item`` is the next subword of the same entity."""
    if not _is_subword(previous) or _label(previous) != _label(item):
        return False
    match = _TAG.fullmatch(item["entity"])
    starts = match is not None and match[1] in "BSU"
    is_part = str(item.get("word", "")).startswith("##")  # tagged as its first subword, which is B-
    index, previous_index = item.get("index"), previous.get("index")
    is_next = not isinstance(index, int) or not isinstance(previous_index, int) or index == previous_index + 1
    return is_next and (not starts or is_part)


def _label(item: Row) -> str:
    if isinstance(item.get("entity_group"), str):
        return str(item["entity_group"])
    match = _TAG.fullmatch(item["entity"])
    return match[2] if match else str(item["entity"])


def _entity(group: list[Row]) -> Row:
    scores = [item["score"] for item in group if isinstance(item.get("score"), int | float)]
    entity: Row = {"label": _label(group[0]), "score": min(1.0, fmean(scores)) if scores else None}
    if group[0].get("start") is not None and group[-1].get("end") is not None:
        return entity | {"start": group[0]["start"], "end": group[-1]["end"]}
    words = "".join(" " + str(item.get("word", "")) for item in group).replace(" ##", "").replace(" \u2581", " ")
    return entity | {"text": words.replace("\u2581", " ").strip()}
