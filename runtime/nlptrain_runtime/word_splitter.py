"""The word splitter: raw text to words with character offsets, by one regular expression that is stored as data.

The pattern uses only syntax that Oniguruma (``tokenizers``, which runs it here), Python's ``regex`` and JavaScript's
``u`` flag share, so that a student splits text everywhere as in training.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

from tokenizers import Regex, pre_tokenizers

from nlptrain_runtime.segmenters import Segment, load_segmenter, segment_text

WHITE_SPACE = r"[^\p{Z}\p{Cc}]+"  # the pattern of text whose words are already separated
# SHA-256 of the pattern of each version: a new version of the pattern gets a new line, and old folders stay readable.
_PATTERNS = {
    0: "5d11c7d36ed8b680311fd6fab0d056719250aa5b85664a04bdcb7b2ccb78f439",
    1: "407ea3910cb9c7e07e6ef2bf8964b95cd49d25600cd9c21955c8f7c8671d06a6",
    2: "72cda93c84944c91df8f27e4ff75eb3c7074eaa6c8bae5fb7f09e4ebb31e5205",
}
SEGMENTED = 1000  # the version of splitters with a segmenter: readers that know of none must refuse it
_PATTERNS[SEGMENTED] = _PATTERNS[0]
_SURROGATE = re.compile("[\ud800-\udfff]")


class Word(NamedTuple):
    """A word with its offsets in code points; ``end`` is exclusive."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class WordSplitter:
    """A pattern whose matches are the words of a text.

    Attributes:
        version: changes with the pattern; 0 is white space alone.
        pattern: the regular expression, without groups that capture.
        rule: a description of the pattern in English.
        segmenter: name of an installed word segmenter that is used instead of the pattern, or "".
    """

    version: int
    pattern: str
    rule: str
    segmenter: str = ""

    @cached_property
    def _segment(self) -> Segment:
        return load_segmenter(self.segmenter)

    @cached_property
    def _engine(self) -> pre_tokenizers.PreTokenizer:
        return pre_tokenizers.Split(Regex(self.pattern), behavior="removed", invert=True)

    def validate(self) -> None:
        """Compile the pattern, or load the segmenter.

        Raises:
            ValueError: the pattern is no regular expression, or the segmenter is not installed (``SegmenterError``).
        """
        if self.segmenter:
            _ = self._segment
            return
        try:
            _ = self._engine
        except Exception as error:  # tokenizers raises no narrower one
            raise ValueError(f"the pattern is no regular expression: {error}") from error

    def split_tuples(self, text: str) -> list[tuple[str, tuple[int, int]]]:
        """Return each word of ``text`` with its (start, end): as ``split``, but in plain tuples, which is faster."""
        if self.segmenter:
            return segment_text(self._segment, replace_surrogates(text), self.segmenter)
        words: list[tuple[str, tuple[int, int]]] = self._engine.pre_tokenize_str(replace_surrogates(text))
        return words

    def split(self, text: str) -> list[Word]:
        """Return the words of ``text`` with their offsets."""
        return [Word(word, *offsets) for word, offsets in self.split_tuples(text)]

    def words(self, text: str) -> tuple[str, ...]:
        """Return the words of ``text`` without offsets."""
        return tuple(word for word, _ in self.split_tuples(text))

    @property
    def splits_at_whitespace(self) -> bool:
        """Whether the words of the parts between white space are independent of each other, except for an initial's."""
        return self.version in (0, 1, 2)


def is_known_pattern(version: int, pattern: str) -> bool:
    """Return whether ``pattern`` is the one of ``version``."""
    return sha256(pattern.encode("utf-8", "surrogatepass")).hexdigest() == _PATTERNS.get(version)


def replace_surrogates(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON escapes may contain and UTF-8 cannot encode, by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text
