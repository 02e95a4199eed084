"""Tag schemes of gold text: detection, validation and conversion.

The definition of an entity in each scheme is in ``nlptrain_runtime.schemes``, which exported students use as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from nlptrain.errors import InputError, Problem, Setting, Text
from nlptrain_runtime.schemes import Scheme, Span, is_transition_allowed, spans_to_tags, split_tag, tags_to_spans

__all__ = [
    "SCHEME_NAMES",
    "SCHEME_PREFIXES",
    "Scheme",
    "Span",
    "detect_scheme",
    "list_names",
    "is_transition_allowed",
    "raise_problems",
    "tags_to_spans",
    "split_tag",
    "spans_to_tags",
    "to_scheme",
]

SCHEME_NAMES: dict[Scheme, str] = {
    "iob1": "IOB1",
    "iob2": "IOB2",
    "iobes": "IOBES",
    "bilou": "BILOU",
    "plain": "plain",
}
SCHEME_PREFIXES: dict[Scheme, str] = {"iob1": "BI", "iob2": "BI", "iobes": "BIES", "bilou": "BILU", "plain": ""}
_MAX_PROBLEMS = 10  # that an error lists
_MAX_NAMES = 30  # labels that a message lists


def to_scheme(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """Convert ``tags`` to ``scheme``, with the same entities; plain tags stay as they are.

    Example:
        >>> to_scheme(["I-person", "I-person", "O"], "iob2")
        ['B-person', 'I-person', 'O']
    """
    return list(tags) if scheme == "plain" else spans_to_tags(tags_to_spans(tags), len(tags), scheme)


def detect_scheme(
    tag_sequences: Iterable[Sequence[str]], *, are_label_names: bool = False, location: str = ""
) -> Scheme | None:
    """Detect the scheme of tags; None if there is no evidence.

    A tag that is neither ``O`` nor ``B- I- E- S- L- U-`` with a type: plain. E- or S-: IOBES. L- or U-: BILOU.
    Otherwise a B- that does not follow its own type is evidence for IOB2; without one, an I- that starts an entity is
    evidence for IOB1.

    Args:
        tag_sequences: the tags of each sentence.
        are_label_names: each sequence is a single label name, so that a tag's neighbors are no evidence: names
            without any B- are IOB1, others IOB2.
        location: the files of the tags, for messages.

    Raises:
        InputError: the tags have prefixes of IOBES and of BILOU.
    """
    prefixes: set[str] = set()
    has_iob2_start = has_iob1_start = False
    for tags in tag_sequences:
        previous = ("", "")
        for tag in tags:
            part = split_tag(tag)
            if part is None and tag != "O":
                return "plain"
            if part is not None:
                prefixes.add(part[0])
                follows_own_type = previous[1] == part[1]
                has_iob2_start |= part[0] == "B" and not follows_own_type
                has_iob1_start |= part[0] == "I" and not follows_own_type
            previous = part or ("", "")
    if prefixes & {"E", "S"} and prefixes & {"L", "U"}:
        raise InputError(
            f"found tags of IOBES and of BILOU ({', '.join(f'{prefix}-' for prefix in sorted(prefixes))})",
            location=location,
            expected="tags of one scheme",
            hint=("if each tag is a label of its own, set ", Setting("data.scheme"), " to plain"),
        )
    if prefixes & set("ESLU"):
        return "iobes" if prefixes & {"E", "S"} else "bilou"
    if are_label_names:
        return "iob2" if "B" in prefixes else "iob1" if prefixes else None
    return "iob2" if has_iob2_start else "iob1" if has_iob1_start else None


def raise_problems(problems: Iterator[Problem], hint: Text = "") -> None:
    """Raise the first ten ``problems``, with the number of the others and ``hint``; return if there are none."""
    first = list(islice(problems, _MAX_PROBLEMS))
    more = sum(1 for _ in problems)
    if first:
        raise InputError(*first, *([f"(+{more:,} more)"] if more else []), *([hint] if hint else []))


def list_names(names: Sequence[str]) -> str:
    """Return ``names`` in one line, for messages; at most thirty of them."""
    more = f", ... (+{len(names) - _MAX_NAMES} more)" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + more
