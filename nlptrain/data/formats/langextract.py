"""Documents that LangExtract saves: a text, and extractions with a class, a text, and the characters where it is.

``{"document_id": "d1", "text": "Ada sings", "extractions": [{"extraction_class": "person", "extraction_text": "Ada",
"char_interval": {"start_pos": 0, "end_pos": 3}, "alignment_status": "match_exact"}]}``
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.annotation_tools import read_annotated_sentence
from nlptrain.data.formats.fields import quote_json
from nlptrain.data.formats.head import Head
from nlptrain.data.formats.json_rows import Row, ignored_keys, read_row_sentences
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError


def is_langextract(head: Head) -> bool:
    """Return whether the file has documents of LangExtract."""
    return head.has_rows("text", "extractions")


def read_langextract(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the texts of a file with the extractions as entities.

    An extraction without an interval, which LangExtract did not find in the text, is searched by its text. Where
    LangExtract matched other words than those of the extraction, its interval counts.

    Raises:
        InputError: the file cannot be read.
    """
    return read_row_sentences(path, context.report, partial(_sentence, context))


def ignored_document_keys(path: Path, _: ReadContext) -> list[str]:
    """Return the keys of the first row that are not read."""
    return ignored_keys(path, ("document_id", "text", "extractions"))


def _sentence(context: ReadContext, row: Row, location: str) -> Sentence | None:
    extractions = row.get("extractions") or []
    if not isinstance(extractions, list):
        raise InputError(f"found {quote_json(extractions)} in 'extractions'", location=location, expected="a list")
    entities = [_entity(extraction, location) for extraction in extractions]
    mapped = {"id": row.get("document_id"), "text": row.get("text"), "entities": entities}
    return read_annotated_sentence(mapped, location, context)


def _entity(extraction: Any, location: str) -> Row:  # noqa: ANN401
    if not isinstance(extraction, dict):
        raise InputError(f"found {quote_json(extraction)} in 'extractions'", location=location, expected="an object")
    entity: Row = {"label": extraction.get("extraction_class")}
    interval = extraction.get("char_interval")
    if isinstance(interval, dict) and interval.get("start_pos") is not None and interval.get("end_pos") is not None:
        entity |= {"start": interval["start_pos"], "end": interval["end_pos"]}
    if "start" not in entity or extraction.get("alignment_status") in ("match_exact", None):
        entity["text"] = str(extraction.get("extraction_text"))
    return entity
