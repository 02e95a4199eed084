"""Fields of an entity in JSON, under the names that tools and language models give them.

The one table of names: case, ``_``, ``-`` and blanks do not count, so that ``startOffset`` is ``start_offset``. A field
may be in an object of its own (``{"location": {"start": 0, "end": 3}}``), offsets may be a pair (``"span": [0, 3]``) or
have a length, and an entity may have several positions (``"mentions": [...]``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

LABELS = (
    "label entitytype entitygroup entitylabel nertag type tag category class displayname labelname entitycategory "
    "enttype nerlabel netype categoryname kind labels"
).split()
TEXTS = (
    "text entity word span mention name value entitytext entityname entityvalue phrase surface surfaceform content "
    "tokens token"
).split()
STARTS = (
    "start startoffset startchar startpos startposition startindex startidx begin beginoffset beginchar from charstart "
    "offset offsetstart spanstart posstart beginposition"
).split()
ENDS = ("end endoffset endchar endpos endposition endindex endidx stop to charend offsetend spanend posend").split()
_SCORES = "score confidence probability prob confidencescore".split()
_LENGTHS = ("length", "len")
_PAIRS = "span offsets offset location position range indices charspan charoffsets charinterval interval".split()
_SEVERAL = "mentions points occurrences instances offsets positions locations spans indices".split()
_SEVERAL_LABELS = ("categories", "types", "tags", "classes")
_MAX_DEPTH = 3  # of objects in an entity
_USUAL = {"id", "start", "end", "label", "text", "score", "token_start", "token_end"}
_MAX_DIGITS = 16  # of an offset


class EntityFields(NamedTuple):
    """The fields of an entity in a JSON value; None for those that it lacks.

    Attributes:
        start: first character, as the file has it.
        end: the character after the last one, or the last one.
        label: a string or a number; a list of more than one is ambiguous.
        text: the quoted characters.
        score: as the file has it.
    """

    start: Any = None
    end: Any = None
    label: Any = None
    text: str | None = None
    score: Any = None

    @property
    def has_position(self) -> bool:
        """Whether there are offsets or a text."""
        return self.start is not None and self.end is not None or bool(self.text and self.text.strip())

    @property
    def is_entity(self) -> bool:
        """Whether there is a label, and offsets or a text."""
        return self.label is not None and self.has_position


@lru_cache(1024)
def plain_name(key: str) -> str:
    """Return a key as the tables of names have it.

    Example:
        >>> plain_name("startOffset"), plain_name("entity_type")
        ('startoffset', 'entitytype')
    """
    return key.lower().translate(_SEPARATORS)


_SEPARATORS = str.maketrans("", "", "_- ")


def entity_fields(value: Any, text: str = "") -> list[EntityFields]:  # noqa: ANN401
    """Return the fields of an entity at each of its positions; none if ``value`` is neither an object nor a list.

    Args:
        value: of a list of entities.
        text: in which the entity is; it shows which of two strings is quoted.

    Example:
        >>> entity_fields({"type": "person", "span": [0, 3]})
        [EntityFields(start=0, end=3, label='person', text=None, score=None)]
    """
    if isinstance(value, list):
        return _fields_of_list(value, text)
    if not isinstance(value, dict):
        return []
    if value.keys() <= _USUAL and "label" in value:  # by far the most frequent ones
        fields = EntityFields(*map(value.get, ("start", "end", "label", "text", "score")))
        has_offsets = not isinstance(fields.start, str) and not isinstance(fields.end, str)
        has_text = fields.text is None or isinstance(fields.text, str)
        if has_offsets and has_text and isinstance(fields.label, str | int):
            return [fields]
    return _fields_at_positions(value, text)


def _fields_at_positions(value: Mapping[str, Any], text: str) -> list[EntityFields]:
    fields = _fields_of_object(value, text)
    if fields.start is not None:
        return [fields]
    several = (item for key, item in value.items() if plain_name(key) in _SEVERAL and _are_positions(item))
    positions: list[Any] = next(several, [])
    result = []
    for position in positions:
        inner = _fields_of_object(position, text) if isinstance(position, dict) else EntityFields(*position[:2])
        result.append(inner._replace(label=inner.label if fields.label is None else fields.label))
        if inner.text is None:
            result[-1] = result[-1]._replace(text=fields.text)
        if inner.score is None:
            result[-1] = result[-1]._replace(score=fields.score)
    return result or [fields]


def _fields_of_object(value: Mapping[str, Any], text: str, depth: int = 1) -> EntityFields:
    plain = {plain_name(key): item for key, item in value.items()}
    start, end = (_offset(plain, names) for names in (STARTS, ENDS))
    label = _label(plain)
    texts = {name: plain[name] for name in TEXTS if isinstance(plain.get(name), str)}
    if start is None and (pair := _first(plain, _PAIRS, _is_pair)):
        start, end = pair
    label_is_text = "entity" in texts and (
        len(texts) > 1 or start is not None and not _is_quoted(texts["entity"], text)
    )
    if label is None and label_is_text:  # as the pipeline of transformers and Rasa name the type
        label = texts.pop("entity")
        if start is not None:
            texts.pop("value", None)  # Rasa: the entity in its usual spelling
    if label is None and start is not None and list(texts) == ["name"] and not _is_quoted(texts["name"], text):
        label = texts.pop("name")
    fields = EntityFields(start, end, label, next(iter(texts.values()), None), _first(plain, _SCORES, lambda _: True))
    for item in value.values() if depth < _MAX_DEPTH else ():
        if isinstance(item, dict):
            inner = _fields_of_object(item, text, depth + 1)
            if fields.start is not None:
                inner = inner._replace(text=None)  # of something else: a comment, a sentence
            fields = EntityFields(*(b if a is None else a for a, b in zip(fields, inner, strict=True)))
    if fields.start is not None and fields.end is None:
        length = _first(plain, _LENGTHS, _is_offset)
        length = len(fields.text) if length is None and fields.text else length
        fields = fields._replace(end=None if length is None else fields.start + length)
    return fields


def _offset(plain: Mapping[str, Any], names: list[str]) -> Any:  # noqa: ANN401
    """Return an offset, which may be written as a string."""
    offset = _first(plain, names, _is_offset)
    if offset is None and (digits := _first(plain, names, _is_digits)) is not None:
        return int(digits)
    return offset


def _is_digits(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < _MAX_DIGITS


def _label(plain: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Return the label among the fields of an object: a string or a number, or the only one of a list."""
    label = _first(plain, LABELS, lambda item: isinstance(item, str | int | float) and not isinstance(item, bool))
    if label is not None:
        return label
    names = ["label", "labels", *(name for name in plain if name.endswith("labels")), *LABELS, *_SEVERAL_LABELS]
    labels = _first(plain, names, lambda item: isinstance(item, list) and bool(item))
    if labels is None:
        return None
    labels = [_name_of_label(item) if isinstance(item, dict) else item for item in labels]
    return labels[0] if len(labels) == 1 else labels


def _name_of_label(value: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Return the name in an object that is a label, as Flair has them: ``{"value": "person", "confidence": 0.9}``."""
    plain = {plain_name(key): item for key, item in value.items()}
    return _first(plain, ["value", "name", *LABELS], lambda item: isinstance(item, str))


def _fields_of_list(value: list[Any], text: str) -> list[EntityFields]:
    """Return the fields of ``[start, end, label]`` in any order, with a text or a score, or of a text and a label."""
    if len(value) > 2 and not any(map(_is_offset, value)):  # ["0", "3", "person"]
        value = [int(item) if _is_digits(item) else item for item in value]
    strings = [item for item in value if isinstance(item, str)]
    numbers = [item for item in value if _is_offset(item)]
    pairs = [item for item in value if isinstance(item, list)]
    if len(value) == 3 and len(numbers) >= 2 and not pairs and _is_offset(value[0]):
        return [EntityFields(value[0], value[1], value[2])]
    if pairs and strings and all(map(_are_positions, pairs)):  # brat: ["T1", "person", [[0, 3]]]
        return [
            EntityFields(position[0], position[1], strings[-1]) for position in pairs[0] if isinstance(position, list)
        ]
    if len(value) == 2 and len(strings) == 2:
        mention, label = strings if strings[0] in text or strings[1] not in text else strings[::-1]
        return [EntityFields(None, None, label, mention)]
    if len(numbers) not in (2, 3) or len(strings) not in (1, 2) or len(value) != len(numbers) + len(strings):
        return []
    start, end, score = (*numbers, None)[:3]
    if len(strings) == 1:
        return [EntityFields(start, end, strings[0], None, score)]
    quoted = [item for item in strings if _is_quoted(item, text)]
    if len(quoted) != 1:
        return []
    return [EntityFields(start, end, strings[1 - strings.index(quoted[0])], quoted[0], score)]


def _is_quoted(mention: str, text: str) -> bool:
    return not text or mention.lower() in text.lower()


def _is_offset(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_pair(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, list) and len(value) == 2 and all(map(_is_offset, value))


def _are_positions(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) or _is_pair(item) for item in value)


def _first(plain: Mapping[str, Any], names: list[str] | tuple[str, ...], accepts: Callable[[Any], bool]) -> Any:  # noqa: ANN401
    return next((plain[name] for name in names if plain.get(name) is not None and accepts(plain[name])), None)
