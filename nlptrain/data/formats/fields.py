"""Values of rows: validation of words, tags, ids and texts that a file holds or is to hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from textwrap import shorten
from typing import Any

from nlptrain.data.formats import WriteContext
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError

DOCUMENT_KEYS = ("doc_id", "document_id")
EMPTY_WORD = "empty word with tag O, left out"
BLANK_INSIDE = "blank inside an entity, left out"
_OUTSIDE = ("O", "o")
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad\ufe0e\ufe0f"
_SUSPECT = re.compile(rf"\0[\s\0{_ZERO_WIDTH}]|\s\0")  # words between null characters
_MAX_NAMES = 200  # characters of the names of keys or columns that are shown


def check_strings(
    values: object, key: str, location: str, *, are_tags: bool = False, example: str = ""
) -> tuple[str, ...]:
    """Return ``values`` as a tuple of words, or of tags.

    Args:
        values: the value of a row.
        key: its key.
        location: ``path:line`` or ``path:row``, for messages.
        are_tags: whether the values are tags.
        example: a valid row, for messages.

    Raises:
        InputError: the value is not a list, or one of its items is not a string, is empty, or is not valid UTF-8.
    """
    if not isinstance(values, list):
        raise InputError(
            f"found {json_type(values)} in {key!r}",
            location=location,
            expected=f"a list of strings{example and f', as in {example}'}",
        )
    try:
        if "" not in values and "\0".join(values).encode("utf-8"):  # all are right, by far the most frequent case
            return tuple(values)
    except (TypeError, UnicodeEncodeError):
        pass
    for index, value in enumerate(values, start=1):
        _check_item(value, f"{location}: {key!r} {index}", are_tags)
    return tuple(values)


def is_blank(text: str) -> bool:
    """Return whether ``text`` has white space and zero-width characters alone."""
    if "!" <= text[:1] <= "~":
        return False
    return not text or not text.strip() or not text.strip(_ZERO_WIDTH + " \t\u00a0\u3000").strip()


def continues_entity(tag: str, last: str) -> bool:
    """Return whether ``tag`` continues the entity of the ``last`` tag, as ``I-PER`` does after ``B-PER``."""
    return last not in (*_OUTSIDE, "") and (tag == last or (tag[:1] in "Ii" and tag[1:] == last[1:]))


def clean_words(words: Any, tags: Any, location: str, report: ReadReport) -> tuple[Any, Any]:  # noqa: ANN401
    """Return the words and tags of a row, with what has one sensible reading repaired; other values as they are.

    Blanks around words are removed, numbers become words, and empty or invisible words outside of entities, or inside
    of one, are left out.
    """
    if not (isinstance(words, list) and isinstance(tags, list) and len(words) == len(tags)):
        return words, tags
    try:
        if not _SUSPECT.search("\0" + "\0".join(words) + "\0"):
            return words, tags
    except TypeError:
        pass
    kept: list[tuple[Any, Any]] = []
    for word, tag in zip(words, tags, strict=True):
        text = str(word) if type(word) is int else word
        if isinstance(text, str) and isinstance(tag, str):
            if text is not word:
                report.repaired("number as a word, read as text", location, f"found {word}")
            last = kept[-1][1] if kept and isinstance(kept[-1][1], str) else ""
            if is_blank(text) and (tag in _OUTSIDE or continues_entity(tag, last)):
                report.repaired(EMPTY_WORD if tag in _OUTSIDE else BLANK_INSIDE, location)
                continue
            if text != text.strip():
                report.repaired("blanks around a word, removed", location, f"found {text!r}")
                text = text.strip()
        kept.append((text, tag))
    return [word for word, _ in kept], [tag for _, tag in kept]


def id_and_text(row: Mapping[str, Any], location: str) -> tuple[str | None, str | None]:
    """Return the id and the text of a row, or None where it has none.

    Raises:
        InputError: one of them is not valid UTF-8.
    """
    sentence_id, text = row.get("id"), row.get("text")
    try:
        sentence_id = None if sentence_id is None else str(sentence_id)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"found {json_type(sentence_id)} that cannot be written", location=f"{location}: 'id'", expected="a string"
        ) from error
    text = text if isinstance(text, str) else None
    for key, value in (("id", sentence_id), ("text", text)):
        if value is not None:
            check_utf8(value, f"{location}: {key!r}")
    return sentence_id, text


def document_of(row: Mapping[str, Any]) -> str | None:
    """Return the id of the document that a row is part of, or None: ``doc_id`` or ``document_id``, also in ``meta``.

    Example:
        >>> document_of({"tokens": ["a"], "meta": {"doc_id": 7}})
        '7'
    """
    meta = row.get("meta")
    if meta is None and row.keys().isdisjoint(DOCUMENT_KEYS):
        return None
    for holder in (row, meta if isinstance(meta, Mapping) else {}):
        for key in DOCUMENT_KEYS:
            value = holder.get(key)
            if isinstance(value, str | int) and lone_surrogate(str(value)) is None:
                return str(value)
    return None


def check_utf8(value: str, location: str) -> None:
    """Check that a string can be encoded in UTF-8.

    Raises:
        InputError: it has a lone surrogate.
    """
    if surrogate := lone_surrogate(value):
        raise InputError(
            f"found {surrogate}, half of a character, which UTF-8 cannot encode",
            location=location,
            expected="both halves of a character above U+FFFF",
        )


def lone_surrogate(value: str) -> str | None:
    """Return the first lone surrogate of a string, escaped, or None."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        return value[error.start].encode("unicode_escape").decode()
    return None


def json_type(value: Any) -> str:  # noqa: ANN401
    """Return the name of the JSON type of ``value``, with its article."""
    names = {dict: "an object", list: "a list", str: "a string", type(None): "null", bool: "true or false"}
    return names.get(type(value), "a number")


def join_names(keys: Iterable[str]) -> str:
    """Return ``keys`` in one line, for messages; the first ones of many."""
    return shorten(", ".join(keys), _MAX_NAMES, placeholder=" ...") or "none"


def quote_json(value: Any, max_characters: int = 80) -> str:  # noqa: ANN401
    """Return ``value`` as JSON, for messages; the start of a long one."""
    try:
        text = json.dumps(value, default=str)
    except (ValueError, RecursionError):  # deeply nested lists
        text = json_type(value)
    return text if len(text) <= max_characters else f"{text[:max_characters]}..."


def tagged_words(sentence: Sentence, forbidden: str) -> Iterator[tuple[str, str]]:
    """Yield the words with their tags, for a format that cannot hold the characters ``forbidden``.

    Raises:
        InputError: a word or a tag has one of them.
    """
    for word, tag in zip(sentence.words, sentence.tags or (), strict=True):
        for value in (word, tag):
            if any(character in value for character in forbidden):
                raise InputError(
                    f"found {value!r}, with a tab or a line break, which this format cannot hold",
                    location=sentence.where,
                )
        yield word, tag


def comment_lines(sentence: Sentence, context: WriteContext, id_key: str) -> Iterator[str]:
    """Yield the comments ``# ID_KEY = ...`` and ``# text = ...`` of a sentence, as CoNLL and CoNLL-U have them.

    Values of more than one line are omitted and counted in ``context``.
    """
    for key, value in ((id_key, sentence.id), ("text", sentence.text)):
        if value is not None and (len(value.splitlines()) > 1 or "\t" in value):
            context.count_lost(sentence, has_ids=key == "text", has_texts=key != "text")
        elif value is not None:
            yield f"# {key} = {value}\n"


def json_line(row: dict[str, Any]) -> str:
    """Return a row as one line of JSON Lines."""
    return json.dumps(row, ensure_ascii=False) + "\n"


def _check_item(value: Any, location: str, are_tags: bool) -> None:  # noqa: ANN401
    if not isinstance(value, str):
        is_id = are_tags and isinstance(value, int) and not isinstance(value, bool)
        expected = "the name of a label, not its number" if is_id else "a string"
        raise InputError(f"found {quote_json(value)}", location=location, expected=expected)
    if not value:
        hint = "name the tag" if are_tags else "omit the word and its tag"
        raise InputError("found an empty string", location=location, hint=hint)
    check_utf8(value, location)
