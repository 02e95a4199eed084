"""Typed predictions for a text: its words with their tags, and its entities."""

from __future__ import annotations

from dataclasses import dataclass


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
