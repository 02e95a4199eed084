"""Labeled spans of characters, as files hold them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

Offsets = tuple[int, int]
# Characters without a width; at the ends of a span they are blanks, as white space is.
ZERO_WIDTH = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"
_BLANKS = re.compile(rf"[\s{ZERO_WIDTH}]*")
# Thai, Lao, Burmese, Khmer; Hiragana, Katakana; Han. No mark of a letter, so that a cut never parts the two.
_UNSPACED = re.compile(
    "[\u0e01-\u0e30\u0e32\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0ebd\u0ec0-\u0ec6\u0edc-\u0edf\u1000-\u102a\u103f-\u1055"
    "\u1780-\u17b3\u3005\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]"
)


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A labeled span of a text, in code points from 0; ``end`` is exclusive.

    Attributes:
        start: first character; None: it has to be found by ``text`` (a mention).
        end: the character after the last one, or None.
        label: the entity type.
        score: its confidence from 0 to 1, if it has one.
        text: the characters of the span as its file quotes them, or None.
        placement: how the offsets were found: ``exact``, ``moved``, ``case``, ``fuzzy`` or ``trimmed``; see
            ``locate_spans``.
        where: ``path:line``, if that is not the one of its text.
    """

    start: int | None
    end: int | None
    label: str
    score: float | None = None
    text: str | None = None
    placement: str = "exact"
    where: str = ""

    def describe(self, text: str) -> str:
        """Return the span in words, for messages.

        Example:
            >>> TextSpan(0, 3, "person").describe("Ada sings")
            "person 'Ada' (0-3)"
        """
        if self.start is None or self.end is None:
            return f"{self.label} {self.text!r}"
        quoted = text[max(self.start, 0) : max(self.end, 0)] if self.text is None else self.text
        return f"{self.label} {quoted!r} ({self.start}-{self.end})"


def trim_blanks(text: str, start: int, end: int) -> Offsets:
    """Return the offsets without white space and characters of no width at the ends; equal ones if nothing is left.

    Example:
        >>> trim_blanks("to Ada\u200b ", 2, 8)
        (3, 6)
    """
    while start < end and is_blank(text[end - 1]):
        end -= 1
    while start < end and is_blank(text[start]):
        start += 1
    return start, end


def is_blank(characters: str) -> bool:
    """Return whether ``characters`` are white space or have no width, all of them."""
    return _BLANKS.fullmatch(characters) is not None


def is_between_unspaced(text: str, index: int) -> bool:
    """Return whether the characters before and after ``index`` are letters of scripts without spaces.

    Example:
        >>> is_between_unspaced("\u6771\u4eac3", 1), is_between_unspaced("\u6771\u4eac3", 2)
        (True, False)
    """
    return bool(_UNSPACED.match(text, index) and _UNSPACED.match(_last_letter(text, index)))


def _last_letter(text: str, index: int) -> str:
    """Return the last character before ``index`` that is no mark, or nothing."""
    while index > 0 and unicodedata.category(text[index - 1])[0] == "M":
        index -= 1
    return text[index - 1 : index] if index else ""
