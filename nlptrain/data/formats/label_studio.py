"""Tasks of Label Studio as rows with a text and its entities.

A task is ``{"id", "data": {"text"}, "annotations": [{"result": [{"value": {"start", "end", "text", "labels"}}]}]}`` or,
in the smaller export (JSON-MIN) and in CSV, ``{"id", "text", "label": [{"start", "end", "text", "labels"}]}``. Instead
of ``labels`` a region may have ``hypertextlabels`` with ``globalOffsets``, or labels of another name. ``predictions``
are no annotations.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.fields import join_names, json_type
from nlptrain.errors import InputError

_ANNOTATIONS = frozenset(("annotations", "completions", "predictions"))
_NOT_ANNOTATED = "without an annotation"
_SEVERAL = "with several different annotations (the first one is used)"
_NO_OFFSETS = "region of Label Studio without offsets in the text, left out"
_NO_LABEL = "region of Label Studio without a label, left out"
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


def is_task(row: dict[str, Any]) -> bool:
    """Return whether ``row`` is a task of Label Studio."""
    return isinstance(row.get("data"), dict) and not _ANNOTATIONS.isdisjoint(row)


def region_key(row: dict[str, Any]) -> str | None:
    """Return the key of the regions in a row of the smaller export of Label Studio, or None if it is no such row."""
    return next((key for key, value in row.items() if _are_regions(value)), None)


def task_row(row: dict[str, Any], location: str, context: ReadContext) -> dict[str, Any] | None:
    """Return a task as a row with ``text`` and ``entities``; None: it has no annotation.

    Args:
        row: a task.
        location: ``path:line``, for messages.
        context: counts tasks without annotations, and the regions that are left out.

    Raises:
        InputError: the task is malformed, or a region has several labels.
    """
    annotations = row.get("annotations", row.get("completions"))
    if annotations is not None and not isinstance(annotations, list):
        raise InputError(f"found {json_type(annotations)} in 'annotations'", location=location, expected="a list")
    kept = [item for item in annotations or [] if isinstance(item, dict) and not item.get("was_cancelled")]
    if not kept:
        context.report.omitted[_NOT_ANNOTATED] += 1
        return None
    results = [_regions(annotation.get("result"), location) for annotation in kept]
    if len(results) > 1 and any(result != results[0] for result in results):
        context.report.omitted[_SEVERAL] += 1
    data = row["data"]
    strings = [] if "text" in data else [key for key, value in data.items() if isinstance(value, str)]
    if "text" not in data and len(strings) != 1:
        raise InputError(
            f"found {', '.join(strings) or 'no text'} in 'data'",
            location=location,
            expected="the annotated text as 'text'",
        )
    text = data["text"] if "text" in data else data[strings[0]]
    mapped = {"id": row.get("id"), "tokens": data.get("tokens")}
    return mapped | _text_and_entities(text, results[0], location, context)


def small_row(row: dict[str, Any], location: str, context: ReadContext) -> dict[str, Any]:
    """Return a row of the smaller export as one with ``text`` and ``entities``; arguments as for ``task_row``."""
    key = region_key(row)
    others = [
        value for name, value in row.items() if isinstance(value, str) and name not in ("created_at", "updated_at")
    ]
    text = next((row[name] for name in ("text", "html", "content") if isinstance(row.get(name), str)), None)
    regions = row[key] if key else []
    mapped = {"id": row.get("id"), "tokens": row.get("tokens")}
    return mapped | _text_and_entities(text or max(others, key=len, default=None), regions, location, context)


def _regions(result: Any, location: str) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return the labeled regions of an annotation with their scores, without choices and relations."""
    if not isinstance(result, list):
        raise InputError(f"found {json_type(result)} in 'result'", location=location, expected="a list")
    pairs = [(item.get("value"), item.get("score")) for item in result if isinstance(item, dict)]
    return [{"score": score, **value} for value, score in pairs if isinstance(value, dict) and _has_labels(value)]


def _are_regions(value: Any) -> bool:  # noqa: ANN401
    return (
        isinstance(value, list) and bool(value) and all(isinstance(item, dict) and _has_labels(item) for item in value)
    )


@lru_cache(1000)
def _is_labels_key(key: str) -> bool:
    return key.lower().endswith("labels")


def _has_labels(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict) and any(
        _is_labels_key(key) and not (isinstance(labels, list) and any(isinstance(i, dict) for i in labels))
        for key, labels in value.items()
    )


def _labels(value: dict[str, Any]) -> list[Any]:
    labels: Any = next((value[key] for key in value if _is_labels_key(key)), [])
    return labels if isinstance(labels, list) else [labels]


def _text_and_entities(text: Any, regions: list[dict[str, Any]], location: str, context: ReadContext) -> dict[str, Any]:  # noqa: ANN401
    is_hypertext = any("startOffset" in region or "globalOffsets" in region for region in regions)
    if is_hypertext and isinstance(text, str) and _TAG.search(text):
        text = _text_of_markup(text)  # global offsets count the characters that a browser shows
    entities = [entity for region in regions if (entity := _entity(region, location, context))]
    return {"text": text, "entities": entities}


def _entity(region: dict[str, Any], location: str, context: ReadContext) -> dict[str, Any] | None:
    offsets = region.get("globalOffsets")
    offsets = offsets if isinstance(offsets, dict) else region
    start, end = offsets.get("start"), offsets.get("end")
    labels = _labels(region)
    if not labels or isinstance(start, str) or isinstance(end, str):  # a string is a path in a page
        if labels:
            context.report.mentions["lost"] += 1
        context.report.repaired(_NO_OFFSETS if labels else _NO_LABEL, location, repr(region.get("text"))[:80])
        return None
    if len(labels) > 1:
        raise InputError(
            f"found the labels {join_names(map(str, labels))} of one region", location=location, expected="one label"
        )
    return {"start": start, "end": end, "label": labels[0], "text": region.get("text"), "score": region.get("score")}


class _TextOfMarkup(HTMLParser):
    """Collects the text of a page, without scripts and styles."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if self._hidden <= 0:
            self.parts.append(data)


def _text_of_markup(markup: str) -> str:
    parser = _TextOfMarkup()
    parser.feed(markup)
    parser.close()
    return "".join(parser.parts)
