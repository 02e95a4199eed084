"""A text and its entities as character spans, to a sentence of tagged words."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from nlptrain.data.corpus import Sentence
from nlptrain.data.word_splitter import Word, WordSplitter
from nlptrain.errors import InputError
from nlptrain.schemes import Scheme, Span, tags_of

SHAPE = '{"text": "Ada sings", "entities": [{"start": 0, "end": 3, "label": "person"}]}'


def entity_sentence(row: dict[str, Any], where: str, scheme: Scheme) -> Sentence | None:
    """The words of ``row["text"]``, cut by the word splitter, with the tags of ``row["entities"]``; None without words.

    Offsets count code points from 0, the end is the place behind the last one. Other keys, of the line and of an
    entity, are passed over.

    Args:
        row: a line of a JSON Lines file.
        where: ``path:line``, for messages.
        scheme: what the tags are written in.

    Raises:
        InputError: the scheme is plain, or an entity is no such object, stands outside of the text, cuts a word, or
            overlaps another one.
    """
    text = row["text"]
    if scheme == "plain":
        raise InputError(f"{where}: found entities, and data.scheme is plain, which has none; leave data.scheme out")
    if not isinstance(text, str) or not isinstance(row["entities"], list):
        raise InputError(f"{where}: 'text' is a string and 'entities' a list of objects, as in {SHAPE}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{where}: 'text' holds half of a character, which UTF-8 cannot hold") from error
    words = _splitter().split(text)
    found = sorted((_span(entity, text, words, where) for entity in row["entities"]), key=lambda span: span.start)
    for one, other in zip(found, found[1:], strict=False):
        if other.start < one.end:
            raise InputError(
                f"{where}: {_shown(text, words, one)} and {_shown(text, words, other)} overlap; a word has one tag"
            )
    if not words:
        return None
    return Sentence(tuple(word.text for word in words), tuple(tags_of(found, len(words), scheme)), where)


def _span(entity: Any, text: str, words: list[Word], where: str) -> Span:  # noqa: ANN401
    """The entity in words."""
    if not isinstance(entity, dict):
        raise InputError(f"{where}: found {json.dumps(entity)} among the entities; one is an object, as in {SHAPE}")
    start, end, label = (entity.get(key) for key in ("start", "end", "label"))
    whole = all(isinstance(place, int) and not isinstance(place, bool) for place in (start, end))
    if not whole or not isinstance(label, str) or not label:
        raise InputError(
            f"{where}: found the entity {json.dumps(entity)}; it needs 'start' and 'end' (whole numbers) and 'label' "
            f"(a name), as in {SHAPE}"
        )
    assert isinstance(start, int)
    assert isinstance(end, int)
    if not 0 <= start < end <= len(text):
        raise InputError(
            f"{where}: found an entity {label!r} from {start} to {end}; the text has places 0 to {len(text)}, and an "
            "entity ends behind its start"
        )
    part = text[start:end]
    inner = part.strip()
    if part != inner:
        first = start + len(part) - len(part.lstrip())
        raise InputError(
            f"{where}: entity {part!r} ({start}-{end}) begins or ends with white space; "
            + (f"{first}-{first + len(inner)} is {inner!r}" if inner else "leave it out")
        )
    inside = [number for number, word in enumerate(words) if word.start < end and start < word.end]
    if not inside:
        raise InputError(f"{where}: entity {part!r} ({start}-{end}) holds no word; leave it out")
    for number in (inside[0], inside[-1]):
        word = words[number]
        if word.start < start or end < word.end:
            first, last = words[inside[0]].start, words[inside[-1]].end
            raise InputError(
                f"{where}: entity {part!r} ({start}-{end}) cuts the word {word.text!r} ({word.start}-{word.end}); "
                f"{text[first:last]!r} ({first}-{last}) has whole words"
            )
    return Span(label, inside[0], inside[-1] + 1)


def _shown(text: str, words: list[Word], span: Span) -> str:
    start, end = words[span.start].start, words[span.end - 1].end
    return f"{span.label} {text[start:end]!r} ({start}-{end})"


@cache
def _splitter() -> WordSplitter:
    return WordSplitter.default()
