"""Typed predictions for a text: its words with their tags, and its entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

from nlptrain.errors import InputError, Setting, suggestion
from nlptrain_runtime.errors import quoted


@dataclass(frozen=True)
class TaggedWord:
    """A word of a text with its predicted tag.

    Attributes:
        text: the word.
        start: its first character in the text, counted from 0, in code points.
        end: the character after its last one.
        tag: in the tag scheme of the model, e.g. ``B-person``.
        confidence: the probability of the tag, rounded to four digits.
    """

    text: str
    start: int
    end: int
    tag: str
    confidence: float


@dataclass(frozen=True)
class Entity:
    """A predicted entity.

    Attributes:
        text: its words as they are in the text.
        label: its type, e.g. ``person``.
        start: its first character in the text, counted from 0, in code points.
        end: the character after its last one.
        confidence: the lowest of its words, rounded to four digits.
    """

    text: str
    label: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True)
class TaggedText:
    """The predictions for a text.

    Attributes:
        text: as it was given.
        entities: in the order of the text; none with plain tags, such as parts of speech.
        words: all words, with their tags.
    """

    text: str
    entities: tuple[Entity, ...]
    words: tuple[TaggedWord, ...]


def check_min_confidence(min_confidence: float | Mapping[str, float], types: Sequence[str]) -> None:
    """Check a lowest confidence, or those of ``types`` and, under "", of all others.

    Raises:
        InputError: one is no number from 0 to 1, or is that of another type.
    """
    limits = min_confidence if isinstance(min_confidence, Mapping) else {"": min_confidence}
    for name, limit in limits.items():
        if isinstance(limit, bool) or not isinstance(limit, Real) or not 0 <= limit <= 1:
            raise InputError(
                f"found {quoted(limit)}", location=Setting("min_confidence"), expected="a number from 0 to 1"
            )
        if name and name not in types:
            raise InputError(
                f"found the type {name!r}",
                location=Setting("min_confidence"),
                expected=f"one of the model's types: {', '.join(types)}",
                hint=suggestion(name, types),
            )
