"""The word splitter of this package and of a model's folder, built on ``nlptrain_runtime.word_splitter``.

A copy of its pattern goes into every model's folder, so that whatever reads a student later splits text as it was
trained on.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from nlptrain.atomic_files import write_text
from nlptrain.errors import InputError
from nlptrain_runtime import word_splitter as runtime
from nlptrain_runtime.word_splitter import WHITE_SPACE, Word

__all__ = ["FILE_NAME", "Word", "WordSplitter"]

FILE_NAME = "word_splitter.json"


class WordSplitter(runtime.WordSplitter):
    """A pattern whose matches are the words of a text, in a model's folder.

    Example:
        >>> [word.text for word in WordSplitter.default().split("I don't like x.com, @ada!")]
        ['I', 'do', "n't", 'like', 'x.com', ',', '@ada', '!']
    """

    @staticmethod
    def default() -> WordSplitter:
        """The project's own splitter."""
        return _default()

    @classmethod
    def pretokenized(cls) -> WordSplitter:
        """The splitter for text whose words are already separated by spaces."""
        return cls(0, WHITE_SPACE, "Words are separated by white space.")

    @classmethod
    def load(cls, folder: str | Path) -> WordSplitter:
        """The splitter that a model's folder carries.

        Raises:
            InputError: the file cannot be read as one.
        """
        path = Path(folder) / FILE_NAME
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            splitter = cls(int(found["version"]), str(found["pattern"]), str(found["rule"]))
            splitter.check()
        except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
            raise InputError(f"{path}: not a word splitter ({error}); it holds version, pattern and rule") from error
        return splitter

    def save(self, folder: str | Path) -> None:
        """Write the splitter into a model's folder."""
        described = {"version": self.version, "rule": self.rule, "pattern": self.pattern}
        write_text(Path(folder) / FILE_NAME, json.dumps(described, indent=1) + "\n")


@cache
def _default() -> WordSplitter:
    return WordSplitter.load(Path(__file__).parent)
