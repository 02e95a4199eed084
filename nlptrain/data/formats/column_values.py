"""What the values of a column are: an index, ids, numbers, parts of speech, or tags of entities."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from nlptrain.data.tag_spellings import Spelling, find_spelling

_INTEGER = re.compile(r"\d+")
_NUMBERED = re.compile(r"([#A-Za-z_]{0,8})(\d{1,9})")
_DIGITS = re.compile(r"\d+")
_HEX_ID = re.compile(r"(?=\w*\d)[0-9a-f]{6,}(?:-[0-9a-f]{4,})*")
_NUMBER = re.compile(r"[-+]?\d*[.,]\d+(?:[eE][-+]?\d+)?|[01]|nan")
_PLACEHOLDERS = frozenset({"_", "-", "-X-", "*", "", "NULL", "null", "\\N"})
_CHUNKS = frozenset("NP VP PP ADVP ADJP SBAR PRT CONJP INTJ LST UCP NC VC PC".split())  # the last three: German
_SHARE = 0.95
FEW = 3  # rows below which the values decide nothing


@dataclass(frozen=True)
class Column:
    """A column of the first rows of a file.

    Attributes:
        index: from 0.
        sentences: its values, by sentence.
    """

    index: int
    sentences: tuple[tuple[str, ...], ...]

    @cached_property
    def values(self) -> list[str]:
        """All values."""
        return [value for sentence in self.sentences for value in sentence]

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each value occurs."""
        return Counter(self.values)

    @cached_property
    def spelling(self) -> Spelling:
        """The values as tags."""
        return find_spelling(self.counts, "ENTITY")

    @cached_property
    def is_index(self) -> bool:
        """Whether the values are integers that rise by one inside a sentence or from word to word, as 1, 2; t1, t2."""
        if len(self.values) < FEW:
            return False
        numbers = [[_index(value) for value in values] for values in self.sentences]
        prefixes = Counter(prefix for values in numbers for prefix, _ in values)
        if prefixes.most_common(1)[0][1] < _SHARE * len(self.values) or prefixes.most_common(1)[0][0] is None:
            return False
        pairs = [(a[1], b[1]) for values in numbers for a, b in pairwise(values) if a[0] == b[0] is not None]
        if not pairs:
            firsts = [values[0][1] for values in numbers]
            return (
                len(set(firsts)) == 1
                and firsts[0] in (0, 1)
                or firsts == list(range(firsts[0], firsts[0] + len(firsts)))
            )
        return sum(b == a + 1 for a, b in pairs) >= _SHARE * len(pairs)

    @cached_property
    def is_token_id(self) -> bool:
        """Whether each value is an id of its own: of one shape (``1-2``, ``s0.t3``, ``a.txt:7``) or hexadecimal."""
        values = self.values
        if len(values) < FEW or len(self.counts) < _SHARE * len(values) or not all(map(_DIGITS.search, values)):
            return False
        if self._share(_HEX_ID) >= _SHARE:
            return True
        shapes = Counter(_DIGITS.sub("0", value) for value in values)
        (shape, count), *_ = shapes.most_common(1)
        if count >= _SHARE * len(values):
            return shape != "0" and re.fullmatch(r"[-+]?0(?:[.,]0)?", shape) is None
        several = [sentence for sentence in self.sentences if len(sentence) > 1]
        return bool(several) and all(
            value[-1:].isdigit() and _DIGITS.sub("0", value) == _DIGITS.sub("0", sentence[0]) != "0"
            for sentence in several
            for value in sentence
        )

    @cached_property
    def is_integer(self) -> bool:
        """Whether the values are integers, as offsets in a text are."""
        return self._share(_INTEGER) >= _SHARE

    @cached_property
    def is_number(self) -> bool:
        """Whether the values are numbers such as confidences."""
        return self._share(_NUMBER) >= _SHARE and any("." in value or "," in value for value in self.counts)

    @cached_property
    def is_placeholder(self) -> bool:
        """Whether nearly all values mean that there is none, and the others are not tags of entities."""
        is_empty = sum(self.counts[value] for value in _PLACEHOLDERS) >= _SHARE * len(self.values)
        return is_empty and self.spelling.kind not in ("tags", "brackets")

    @cached_property
    def is_sentence_id(self) -> bool:
        """Whether each sentence, or the whole file, has one value of its own."""
        several = [values for values in self.sentences if len(values) > 1]
        return (
            len(several) > 1
            and not self.has_only_outside
            and all(len(set(values)) == 1 for values in several)
            and not self.is_entity
        )

    @cached_property
    def is_entity(self) -> bool:
        """Whether the values are tags with at least one entity."""
        tags = self.spelling.tags
        return self.spelling.kind == "brackets" or bool(tags and any(tag != "O" for tag in tags.values()))

    @cached_property
    def has_only_outside(self) -> bool:
        """Whether all values are ``O``."""
        return set(self.counts) <= {"O", "o"}

    @cached_property
    def types(self) -> frozenset[str]:
        """The entity types of the values."""
        return frozenset(tag[2:] for tag in (self.spelling.tags or {}).values() if tag != "O")

    @property
    def is_chunk(self) -> bool:
        """Whether the entities are phrases, as in the third column of CoNLL-2003."""
        return bool(self.types) and len(self.types & _CHUNKS) * 2 > len(self.types)

    @property
    def is_filler(self) -> bool:
        """Whether the column holds neither words nor tags."""
        return self.is_index or self.is_token_id or self.is_number or self.is_placeholder or self.is_sentence_id

    def predicts(self, gold: Column) -> bool:
        """Return whether the column seems to be a prediction of the tags in ``gold``."""
        tags, own = gold.spelling.tags, self.spelling.tags
        if tags is None or own is None or not self.types <= gold.types:
            return False
        pairs = list(zip((tags.get(v, "O") for v in gold.values), (own.get(v, "O") for v in self.values), strict=True))
        entities = [pair for pair in pairs if pair[0] != "O"]
        return bool(entities) and sum(a[2:] == b[2:] for a, b in entities) * 2 >= len(entities)

    def _share(self, pattern: re.Pattern[str]) -> float:
        matching = sum(count for value, count in self.counts.items() if pattern.fullmatch(value))
        return matching / max(1, len(self.values))


def _index(value: str) -> tuple[str | None, int]:
    """Return what precedes the number of a word, e.g. ``t`` of ``t12``, and the number; None: there is no number."""
    match = _NUMBERED.fullmatch(value)
    return (match[1], int(match[2])) if match else (None, 0)
