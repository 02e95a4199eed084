"""Spans whose labels are tags such as ``B-PER``, as token classifiers return them: neighboring ones are one entity."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from nlptrain.data.text_spans import TextSpan

_TAG = re.compile(r"([BIESLU])[-_](.+)")


def are_tags(labels: Iterable[str]) -> bool:
    """Return whether all labels are ``O`` or have a prefix, and one is ``O``, continues another, or has another type.

    Example:
        >>> are_tags(["B-PER", "I-PER"]), are_tags(["B-cell", "person"]), are_tags(["B-cell"])
        (True, False, False)
    """
    names = set(labels)
    parts = {match.groups() for label in names - {"O"} if (match := _TAG.fullmatch(label))}
    starts, others = ({label for prefix, label in parts if prefix in prefixes} for prefixes in ("B", "IEL"))
    return bool(parts) and len(parts) == len(names - {"O"}) and bool(starts & others or len(starts) > 1 or "O" in names)


def join_tagged_spans(spans: Sequence[TextSpan], text: str) -> list[TextSpan]:
    """Return the entities of spans whose labels are tags; their score is the lowest one of their spans.

    Example:
        >>> join_tagged_spans([TextSpan(0, 4, "B-PER"), TextSpan(5, 10, "I-PER")], "Omar Okoro sings")
        [TextSpan(start=0, end=10, label='PER', score=None, text=None, where='', placement='exact')]
    """
    entities: list[TextSpan] = []
    is_open = False
    for span in spans:
        match = _TAG.fullmatch(span.label)
        if match is None:
            is_open = False
            if span.label != "O":
                entities.append(span)
            continue
        prefix, label = match.groups()
        last = entities[-1] if entities and is_open else None
        if last is not None and prefix in "IEL" and last.label == label and _are_neighbors(last, span, text):
            scores = [score for score in (last.score, span.score) if score is not None]
            quoted = f"{last.text} {span.text}" if last.start is None else None
            entities[-1] = replace(last, end=span.end, text=quoted, score=min(scores) if scores else None)
        else:
            entities.append(replace(span, label=label))
        is_open = prefix not in "ESU"
    return entities


def _are_neighbors(first: TextSpan, second: TextSpan, text: str) -> bool:
    if first.end is None or second.start is None:
        return first.end is second.start is None
    return not text[first.end : second.start].strip()
