"""The word splitter: raw text to words with character offsets, by one regular expression that is kept as data.

The pattern keeps to the syntax that Oniguruma (``tokenizers``, which runs it here), Python's ``regex`` and JavaScript's
``u`` flag share, so that a student reads text anywhere as it was trained on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

from tokenizers import Regex, pre_tokenizers

WHITE_SPACE = r"[^\p{Z}\p{Cc}]+"  # the pattern of text whose words are already separated
# SHA-256 of the pattern of each version: a new version of the pattern gets a new line, and old folders stay readable.
_PATTERNS = {
    0: "5d11c7d36ed8b680311fd6fab0d056719250aa5b85664a04bdcb7b2ccb78f439",
    1: "407ea3910cb9c7e07e6ef2bf8964b95cd49d25600cd9c21955c8f7c8671d06a6",
}
_SURROGATE = re.compile("[\ud800-\udfff]")


class Word(NamedTuple):
    """A word and where it stands: offsets in code points, ``end`` behind the last one."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class WordSplitter:
    """A pattern whose matches are the words of a text.

    Attributes:
        version: changes with the pattern; 0 is white space alone.
        pattern: the regular expression, without groups that capture.
        rule: what it does, in English.
    """

    version: int
    pattern: str
    rule: str

    @cached_property
    def _engine(self) -> pre_tokenizers.PreTokenizer:
        return pre_tokenizers.Split(Regex(self.pattern), behavior="removed", invert=True)

    def check(self) -> None:
        """Compile the pattern.

        Raises:
            ValueError: it is none.
        """
        try:
            _ = self._engine
        except Exception as error:  # tokenizers raises no narrower one
            raise ValueError(f"the pattern is no regular expression: {error}") from error

    def places(self, text: str) -> list[tuple[str, tuple[int, int]]]:
        """The words of ``text``, each with its beginning and end: ``split`` in plain tuples, which is faster."""
        found: list[tuple[str, tuple[int, int]]] = self._engine.pre_tokenize_str(writable(text))
        return found

    def split(self, text: str) -> list[Word]:
        """The words of ``text`` with their places."""
        return [Word(word, *place) for word, place in self.places(text)]

    def words(self, text: str) -> tuple[str, ...]:
        """The words of ``text`` alone."""
        return tuple(word for word, _ in self.places(text))

    @property
    def parts_at_space(self) -> bool:
        """White space cuts every text into parts whose words do not depend on each other, but for an initial's."""
        return self.version in (0, 1)


def is_known_pattern(version: int, pattern: str) -> bool:
    """Whether ``pattern`` is the one of ``version``."""
    return sha256(pattern.encode("utf-8", "surrogatepass")).hexdigest() == _PATTERNS.get(version)


def writable(text: str) -> str:
    """``text`` with U+FFFD for halves of surrogate pairs, which UTF-8 cannot hold and JSON's escapes may leave."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text
