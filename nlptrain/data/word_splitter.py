"""The word splitter: raw text to words with character offsets, by one regular expression that is kept as data.

The pattern keeps to the syntax that Oniguruma (``tokenizers``), Python's ``regex`` and JavaScript's ``u`` flag share.
A copy of it goes into every model's folder, so that whatever reads a student later splits text as it was trained on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import regex

from nlptrain.errors import InputError

FILE_NAME = "word_splitter.json"


class Word(NamedTuple):
    """A word and where it stands: offsets in code points, ``end`` behind the last one."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class WordSplitter:
    """A pattern whose matches are the words of a text.

    Example:
        >>> [word.text for word in WordSplitter.default().split("I don't like x.com, @ada!")]
        ['I', 'do', "n't", 'like', 'x.com', ',', '@ada', '!']

    Attributes:
        version: changes with the pattern; 0 is white space alone.
        pattern: the regular expression, without groups that capture.
        rule: what it does, in English.
    """

    version: int
    pattern: str
    rule: str

    @staticmethod
    def default() -> WordSplitter:
        """The project's own splitter."""
        return _default()

    @classmethod
    def pretokenized(cls) -> WordSplitter:
        """The splitter for text whose words are already separated by spaces."""
        return cls(0, r"[^\p{Z}\p{Cc}]+", "Words are separated by white space.")

    @classmethod
    def load(cls, folder: Path) -> WordSplitter:
        """The splitter that a model's folder carries.

        Raises:
            InputError: the file cannot be read as one.
        """
        path = folder / FILE_NAME
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            splitter = cls(int(found["version"]), str(found["pattern"]), str(found["rule"]))
            _ = splitter.compiled
        except (OSError, ValueError, KeyError, TypeError, regex.error) as error:
            raise InputError(f"{path}: not a word splitter ({error}); it holds version, pattern and rule") from error
        return splitter

    def save(self, folder: Path) -> None:
        """Write the splitter into a model's folder."""
        described = {"version": self.version, "rule": self.rule, "pattern": self.pattern}
        (folder / FILE_NAME).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")

    @cached_property
    def compiled(self) -> regex.Pattern[str]:
        """The pattern, compiled."""
        return regex.compile(self.pattern, regex.V0)

    def split(self, text: str) -> list[Word]:
        """The words of ``text`` with their places."""
        return [Word(match.group(), match.start(), match.end()) for match in self.compiled.finditer(text)]

    def words(self, text: str) -> tuple[str, ...]:
        """The words of ``text`` alone, which is faster."""
        return tuple(self.compiled.findall(text))


@cache
def _default() -> WordSplitter:
    return WordSplitter.load(Path(__file__).parent)
