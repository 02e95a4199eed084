"""Tag schemes: which one a text is written in, what breaks it, and how it is written right.

What an entity is in each of them is the runtime's to know (``nlptrain_runtime.schemes``), which is read here and there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nlptrain.errors import InputError
from nlptrain_runtime.schemes import Scheme, Span, may_follow, parted, spans, tags_of

__all__ = [
    "NAMES",
    "PREFIXES",
    "Scheme",
    "Span",
    "detect_scheme",
    "first_break",
    "may_follow",
    "parted",
    "proven_scheme",
    "spans",
    "tags_of",
    "valid",
]

NAMES: dict[Scheme, str] = {"iob1": "IOB1", "iob2": "IOB2", "iobes": "IOBES", "bilou": "BILOU", "plain": "plain"}
PREFIXES: dict[Scheme, str] = {"iob1": "BI", "iob2": "BI", "iobes": "BIES", "bilou": "BILU", "plain": ""}


def valid(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """``tags`` with the same entities, as ``scheme`` writes them; plain tags stay as they are.

    Example:
        >>> valid(["I-person", "I-person", "O"], "iob2")
        ['B-person', 'I-person', 'O']
    """
    return list(tags) if scheme == "plain" else tags_of(spans(tags), len(tags), scheme)


def first_break(tags: Sequence[str], scheme: Scheme) -> tuple[int, str] | None:
    """The first word whose tag breaks ``scheme``, with what would be right, or None.

    Example:
        >>> first_break(["O", "I-person"], "iob2")
        (1, 'B-person')
    """
    if scheme == "plain":
        return None
    allowed = PREFIXES[scheme]
    for index, tag in enumerate(tags):
        part = parted(tag)
        if tag != "O" and (part is None or part[0] not in allowed):
            return index, "O, " + " or ".join(f"{prefix}-TYPE" for prefix in allowed)
    right = tags_of(spans(tags), len(tags), scheme)
    return next(((index, right[index]) for index, tag in enumerate(tags) if tag != right[index]), None)


def detect_scheme(tagged: Iterable[Sequence[str]], *, standing_alone: bool = False) -> Scheme:
    """The scheme that tags are written in, by what stands in them.

    Any tag that is neither ``O`` nor one of ``B- I- E- S- L- U-`` with a type behind it: plain. E- or S-: IOBES. L- or
    U-: BILOU. Otherwise a B- that does not follow its own type proves IOB2; without one, an I- that opens an entity
    means IOB1. Tags that prove nothing are read as IOB2.

    Args:
        tagged: the tags of each sentence.
        standing_alone: the tags are a list of names, so that their neighbors prove nothing: with no B- at all it is
            IOB1, else IOB2.

    Raises:
        InputError: the tags have prefixes of IOBES and of BILOU.
    """
    return proven_scheme(tagged, standing_alone=standing_alone) or "iob2"


def proven_scheme(tagged: Iterable[Sequence[str]], *, standing_alone: bool = False) -> Scheme | None:
    """As ``detect_scheme``, but None where nothing is proven.

    Raises:
        InputError: the tags have prefixes of IOBES and of BILOU.
    """
    prefixes: set[str] = set()
    proves_iob2 = opened_by_inside = False
    for tags in tagged:
        previous = ("", "")
        for tag in tags:
            part = parted(tag)
            if part is None and tag != "O":
                return "plain"
            if part is not None:
                prefixes.add(part[0])
                follows_own_type = previous[1] == part[1]
                proves_iob2 |= part[0] == "B" and not follows_own_type
                opened_by_inside |= part[0] == "I" and not follows_own_type
            previous = part or ("", "")
    if prefixes & {"E", "S"} and prefixes & {"L", "U"}:
        found = ", ".join(f"{prefix}-" for prefix in sorted(prefixes))
        raise InputError(
            f"the tags have prefixes of IOBES and of BILOU ({found}); write them in one scheme, or set data.scheme to "
            "plain if each tag stands for itself"
        )
    if prefixes & set("ESLU"):
        return "iobes" if prefixes & {"E", "S"} else "bilou"
    if standing_alone:
        return "iob2" if "B" in prefixes else "iob1" if prefixes else None
    return "iob2" if proves_iob2 else "iob1" if opened_by_inside else None
