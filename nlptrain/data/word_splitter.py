"""The default word splitter, and the one in a model's folder, built on ``nlptrain_runtime.word_splitter``.

Every model's folder has a copy of the pattern, so that text is always split as in training.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from nlptrain.atomic_files import write_text
from nlptrain.config.segmenters import SEGMENTERS
from nlptrain.errors import InputError
from nlptrain_runtime import word_splitter as runtime
from nlptrain_runtime.segmenters import SegmenterError
from nlptrain_runtime.word_splitter import SEGMENTED, WHITE_SPACE, Word

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
        """Return the default splitter."""
        return _default()

    @classmethod
    def pretokenized(cls) -> WordSplitter:
        """Return the splitter for text whose words are already separated by spaces."""
        return cls(0, WHITE_SPACE, "Words are separated by white space.")

    @classmethod
    def segmented(cls, name: str) -> WordSplitter:
        """Return the splitter that uses the word segmenter ``name`` of an installed package.

        Raises:
            InputError: there is no such segmenter, or it cannot be imported.
        """
        _ = SEGMENTERS[name]
        return cls(SEGMENTED, WHITE_SPACE, f"The word segmenter {name} finds the words.", name)

    @classmethod
    def load(cls, folder: str | Path) -> WordSplitter:
        """Read the splitter in a model's folder.

        Raises:
            InputError: the file is not a word splitter, or its segmenter is not installed.
        """
        path = Path(folder) / FILE_NAME
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            version, pattern, rule = int(values["version"]), str(values["pattern"]), str(values["rule"])
            splitter = cls(version, pattern, rule, str(values.get("segmenter", "")))
            splitter.validate()
        except SegmenterError as error:
            raise InputError(str(error), location=str(path)) from error
        except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
            raise InputError(
                f"not a word splitter ({error})", location=str(path), expected="version, pattern and rule"
            ) from error
        return splitter

    def save(self, folder: str | Path) -> None:
        """Write the splitter into a model's folder."""
        write_text(Path(folder) / FILE_NAME, json.dumps(self.to_json(), indent=1) + "\n")

    def to_json(self) -> dict[str, int | str]:
        """Return the splitter as in the file; ``segmenter`` only if it has one."""
        values: dict[str, int | str] = {"version": self.version, "rule": self.rule, "pattern": self.pattern}
        return {**values, "segmenter": self.segmenter} if self.segmenter else values


@cache
def _default() -> WordSplitter:
    return WordSplitter.load(Path(__file__).parent)
