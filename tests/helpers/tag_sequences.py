"""Checks of tag sequences."""

from __future__ import annotations

from collections.abc import Sequence

from nlptrain.data.tag_schemes import SCHEME_PREFIXES, Scheme, spans_to_tags, split_tag, tags_to_spans


def first_invalid_tag(tags: Sequence[str], scheme: Scheme) -> tuple[int, str] | None:
    """Return the index of the first tag that is invalid in ``scheme``, with the tag that is expected there, or None."""
    if scheme == "plain":
        return None
    allowed = SCHEME_PREFIXES[scheme]
    for index, tag in enumerate(tags):
        part = split_tag(tag)
        if tag != "O" and (part is None or part[0] not in allowed):
            return index, "O, " + " or ".join(f"{prefix}-TYPE" for prefix in allowed)
    right = spans_to_tags(tags_to_spans(tags), len(tags), scheme)
    return next(((index, right[index]) for index, tag in enumerate(tags) if tag != right[index]), None)
