"""Tag schemes: entities to tags and back, and which tag may follow which.

========  =============================================  ==============
scheme    written as                                     an entity is
========  =============================================  ==============
iob1      I- everywhere; B- only between two neighbors  I I, B I
iob2      B- at each beginning                           B I I
iobes     B-, I-, E- at the end, S- for one word         B I E, S
bilou     B-, I-, L- at the end, U- for one word         B I L, U
plain     each tag for itself, as a part of speech       (none)
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
    """An entity: its type, its first word, and the word behind its last one."""

    label: str
    start: int
    end: int


def split_tag(tag: str) -> tuple[str, str] | None:
    """Prefix and type of a tag, or None for ``O`` and whatever else has none."""
    match = _PREFIXED.fullmatch(tag)
    return (match[1], match[2]) if match else None


def spans(tags: Sequence[str]) -> list[Span]:
    """The entities of one sentence in any scheme, valid or not, read as seqeval's default mode reads them.

    B-, S- and U- open an entity; so do the others behind O, behind another type, and behind an end. E-, L-, S- and U-
    end one.

    Example:
        >>> spans(["B-person", "I-person", "O", "I-group"])
        [Span(label='person', start=0, end=2), Span(label='group', start=3, end=4)]
    """
    found: list[Span] = []
    open_ = False
    for index, tag in enumerate(tags):
        part = split_tag(tag)
        if part is None:
            open_ = False
            continue
        prefix, label = part
        if open_ and prefix not in OPENING and found[-1].label == label:
            found[-1] = found[-1]._replace(end=index + 1)
        else:
            found.append(Span(label, index, index + 1))
        open_ = prefix not in CLOSING
    return found


def tags_of(entities: Iterable[Span], length: int, scheme: Scheme) -> list[str]:
    """The tags of ``length`` words with these entities, valid in ``scheme``.

    Raises:
        ValueError: the scheme is plain, which has no entities.

    Example:
        >>> tags_of([Span("person", 0, 2), Span("place", 3, 4)], 4, "bilou")
        ['B-person', 'L-person', 'O', 'U-place']
    """
    if scheme == "plain":
        raise ValueError("plain tags have no entities")
    tags = ["O"] * length
    for label, start, end in entities:
        for index in range(start, end):
            tags[index] = f"{_prefix(scheme, index == start, index == end - 1)}-{label}"
        # IOB1 tells two neighbors of one type apart, and nothing else.
        if scheme == "iob1" and (start == 0 or tags[start - 1][2:] != label):
            tags[start] = f"I-{label}"
    return tags


def _prefix(scheme: Scheme, first: bool, last: bool) -> str:
    if scheme in ("iobes", "bilou"):
        one, end = ("S", "E") if scheme == "iobes" else ("U", "L")
        return one if first and last else "B" if first else end if last else "I"
    return "B" if first else "I"


def may_follow(previous: str | None, tag: str | None, scheme: Scheme) -> bool:
    """Whether ``tag`` may stand behind ``previous`` in valid text; None is the beginning or the end of a sentence."""
    if scheme == "plain":
        return True
    before, after = _read(previous), _read(tag)
    same = before[1] == after[1]
    if scheme == "iob1":
        return after[0] != "B" or same
    if scheme == "iob2":
        return after[0] != "I" or same
    inside = before[0] in "BI" and before[0] != ""
    continues = after[0] in ("I", "E", "L")
    return continues and same if inside else not continues


def _read(tag: str | None) -> tuple[str, str]:
    part = None if tag is None else split_tag(tag)
    return part or ("", "")
