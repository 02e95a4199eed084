"""Tag schemes: spans to tags and back, and the transitions between tags that a scheme allows.

========  =============================================  ==============
scheme    written as                                     an entity is
========  =============================================  ==============
iob1      I- everywhere; B- only between two neighbors  I I, B I
iob2      B- at each beginning                           B I I
iobes     B-, I-, E- at the end, S- for one word         B I E, S
bilou     B-, I-, L- at the end, U- for one word         B I L, U
plain     independent tags, e.g. parts of speech         (none)
========  =============================================  ==============

IOB1: Ramshaw and Marcus 1995; IOB2: Tjong Kim Sang and Veenstra 1999; BILOU: Ratinov and Roth 2009, section 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Scheme = Literal["iob1", "iob2", "iobes", "bilou", "plain"]

_PREFIXED = re.compile(r"([BIESLU])-(.+)", re.DOTALL)
OPENING, CLOSING = frozenset("BSU"), frozenset("ESLU")  # prefixes that begin an entity, and that end it


class Span(NamedTuple):
    """An entity: its type, its first word, and the word after its last one."""

    label: str
    start: int
    end: int


def split_tag(tag: str) -> tuple[str, str] | None:
    """Return prefix and type of a tag, or None for ``O`` and other tags without a prefix."""
    match = _PREFIXED.fullmatch(tag)
    return (match[1], match[2]) if match else None


def tags_to_spans(tags: Sequence[str]) -> list[Span]:
    """Return the entities of one sentence in any scheme, valid or not, as seqeval's default mode does.

    B-, S- and U- open an entity; so do the other prefixes after O, after another type, and after an end. E-, L-, S-
    and U- end an entity.

    Example:
        >>> tags_to_spans(["B-person", "I-person", "O", "I-group"])
        [Span(label='person', start=0, end=2), Span(label='group', start=3, end=4)]
    """
    spans: list[Span] = []
    is_open = False
    for index, tag in enumerate(tags):
        part = split_tag(tag)
        if part is None:
            is_open = False
            continue
        prefix, label = part
        if is_open and prefix not in OPENING and spans[-1].label == label:
            spans[-1] = spans[-1]._replace(end=index + 1)
        else:
            spans.append(Span(label, index, index + 1))
        is_open = prefix not in CLOSING
    return spans


def spans_to_tags(spans: Iterable[Span], length: int, scheme: Scheme) -> list[str]:
    """Return the tags of ``length`` words with the entities ``spans``, valid in ``scheme``.

    Raises:
        ValueError: the scheme is plain, which has no entities.

    Example:
        >>> spans_to_tags([Span("person", 0, 2), Span("place", 3, 4)], 4, "bilou")
        ['B-person', 'L-person', 'O', 'U-place']
    """
    if scheme == "plain":
        raise ValueError("plain tags have no entities")
    tags = ["O"] * length
    for label, start, end in spans:
        for index in range(start, end):
            tags[index] = f"{_prefix(scheme, index == start, index == end - 1)}-{label}"
        # IOB1 has B- only to separate two neighbors of one type.
        if scheme == "iob1" and (start == 0 or tags[start - 1][2:] != label):
            tags[start] = f"I-{label}"
    return tags


def _prefix(scheme: Scheme, is_first: bool, is_last: bool) -> str:
    if scheme in ("iobes", "bilou"):
        single, end = ("S", "E") if scheme == "iobes" else ("U", "L")
        return single if is_first and is_last else "B" if is_first else end if is_last else "I"
    return "B" if is_first else "I"


def is_transition_allowed(previous: str | None, tag: str | None, scheme: Scheme) -> bool:
    """Return whether ``tag`` may follow ``previous`` in valid text; None is the start or the end of a sentence."""
    if scheme == "plain":
        return True
    before, after = _prefix_and_type(previous), _prefix_and_type(tag)
    same = before[1] == after[1]
    if scheme == "iob1":
        return after[0] != "B" or same
    if scheme == "iob2":
        return after[0] != "I" or same
    inside = before[0] in "BI" and before[0] != ""
    continues = after[0] in ("I", "E", "L")
    return continues and same if inside else not continues


def _prefix_and_type(tag: str | None) -> tuple[str, str]:
    part = None if tag is None else split_tag(tag)
    return part or ("", "")
