"""Labels: names <-> ids, the tag schemes, and tags <-> spans."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from nlptrain.errors import InputError

Scheme = Literal["iob2", "plain"]

_PREFIXED = re.compile(r"([BIESLU])-(.+)", re.DOTALL)


class Span(NamedTuple):
    """An entity: its type, its first word, and the word behind its last one."""

    label: str
    start: int
    end: int


@dataclass(frozen=True)
class Labels:
    """The label names of a model in the order of its logit columns, and the scheme that they are written in.

    Example:
        >>> labels = Labels.collect([["B-person", "I-person", "O"]])
        >>> labels.names, labels.scheme
        (('O', 'B-person', 'I-person'), 'iob2')
    """

    names: tuple[str, ...]
    scheme: Scheme

    def __post_init__(self) -> None:
        """Refuse what cannot be a set of logit columns.

        Raises:
            InputError: there are fewer than two names, or one of them stands twice.
        """
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise InputError(f"labels: {', '.join(repeated)} stands more than once; each label is one logit column")
        if len(self.names) < 2:
            raise InputError(f"labels: found {list(self.names)}; a tagger needs at least two labels to choose from")

    @cached_property
    def ids(self) -> dict[str, int]:
        """The logit column of each name."""
        return {name: index for index, name in enumerate(self.names)}

    def __len__(self) -> int:
        """The number of labels, C."""
        return len(self.names)

    @classmethod
    def collect(cls, tagged: Iterable[Sequence[str]], scheme: Scheme | None = None) -> Labels:
        """The labels that stand in ``tagged``, ordered the same way whatever the order of the sentences.

        For IOB2, ``O`` comes first, then each type with its B- and its I-, both always: a type whose entities all have
        one word in train may have longer ones in use.

        Args:
            tagged: the tags of each sentence.
            scheme: what the tags are written in; detected if None.

        Raises:
            InputError: the tags are in a scheme that is not read, or there are fewer than two.
        """
        sentences = [tags for tags in tagged]
        scheme = scheme or detect_scheme(sentences)
        found = {tag for tags in sentences for tag in tags}
        if scheme == "plain":
            return cls(tuple(sorted(found)), scheme)
        types = sorted({tag[2:] for tag in found if tag != "O"})
        return cls(("O", *(f"{prefix}-{name}" for name in types for prefix in "BI")), scheme)

    @classmethod
    def named(cls, names: Sequence[str], scheme: Scheme | None = None) -> Labels:
        """The labels ``names`` in the order given, as a model's configuration or ``data.labels`` lists them.

        Raises:
            InputError: the names are in a scheme that is not read.
        """
        return cls(tuple(names), scheme or detect_scheme([[name] for name in names], standing_alone=True))


def detect_scheme(tagged: Iterable[Sequence[str]], *, standing_alone: bool = False) -> Scheme:
    """The scheme that tags are written in, by what stands in them.

    All tags ``O`` or ``B-x``/``I-x``: IOB2, unless an I- opens an entity and no B- stands where IOB1 would not write
    one (a B- that does not follow its own type proves IOB2). All tags ``O`` or with a prefix of ``BIES`` or ``BILU``:
    IOBES or BILOU. Everything else: plain tags, such as parts of speech.

    Args:
        tagged: the tags of each sentence.
        standing_alone: the tags are a list of names, so that their neighbours prove nothing.

    Raises:
        InputError: the scheme is recognised, but not read by this version.
    """
    prefixes: set[str] = set()
    iob2_proven = opened_by_inside = False
    for tags in tagged:
        previous = "O"
        for tag in tags:
            if tag != "O":
                match = _PREFIXED.fullmatch(tag)
                if match is None:
                    return "plain"
                prefixes.add(match[1])
                follows_own_type = previous[2:] == match[2] and previous != "O"
                iob2_proven |= match[1] == "B" and not follows_own_type
                opened_by_inside |= match[1] == "I" and not follows_own_type
            previous = tag
    if prefixes & {"E", "S"} or prefixes & {"L", "U"}:
        name = "IOBES" if prefixes & {"E", "S"} else "BILOU"
        found = ", ".join(f"{prefix}-" for prefix in sorted(prefixes))
        raise InputError(
            f"the tags are in {name} (found {found}); this version reads IOB2 and plain tags: convert them to IOB2, "
            "or name the scheme with data.scheme if this is a mistake"
        )
    if opened_by_inside and not iob2_proven and not standing_alone:
        raise InputError(
            "the tags are in IOB1 (an I- opens entities, and no B- does); this version reads IOB2 and plain tags: "
            "write the first word of each entity with B-"
        )
    return "iob2"


def first_break(tags: Sequence[str]) -> tuple[int, str] | None:
    """The first word whose tag breaks IOB2, with what would be right, or None.

    Example:
        >>> first_break(["O", "I-person"])
        (1, 'B-person')
    """
    previous = "O"
    for index, tag in enumerate(tags):
        if tag != "O":
            prefix, _, name = tag.partition("-")
            if prefix not in ("B", "I") or not name:
                return index, "O, B-TYPE or I-TYPE"
            if prefix == "I" and (previous == "O" or previous[2:] != name):
                return index, f"B-{name}"
        previous = tag
    return None


def may_follow(previous: str | None, tag: str | None, scheme: Scheme) -> bool:
    """Whether ``tag`` may stand behind ``previous`` in valid text; None is the beginning or the end of a sentence."""
    if scheme == "plain" or tag is None or not tag.startswith("I-"):
        return True
    return previous is not None and previous != "O" and previous[2:] == tag[2:]


def mend(tags: Sequence[str]) -> list[str]:
    """``tags`` as valid IOB2 with the same spans: an I- that opens an entity becomes B-."""
    mended: list[str] = []
    for tag in tags:
        previous = mended[-1] if mended else "O"
        opens = tag.startswith("I-") and (previous == "O" or previous[2:] != tag[2:])
        mended.append(f"B-{tag[2:]}" if opens else tag)
    return mended


def spans(tags: Sequence[str]) -> list[Span]:
    """The entities of one sentence in IOB2, read as seqeval's default mode does: an I- behind another type opens one.

    Example:
        >>> spans(["B-person", "I-person", "O", "I-group"])
        [Span(label='person', start=0, end=2), Span(label='group', start=3, end=4)]
    """
    found: list[Span] = []
    for index, tag in enumerate(mend(tags)):
        if tag.startswith("B-"):
            found.append(Span(tag[2:], index, index + 1))
        elif tag != "O":
            found[-1] = found[-1]._replace(end=index + 1)
    return found
