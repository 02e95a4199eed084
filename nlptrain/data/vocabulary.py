"""The vocabulary of a student that reads words: rows of a table, shapes and characters."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nlptrain.atomic_files import write_text
from nlptrain.errors import InputError
from nlptrain_runtime.word_features import PADDING, SHAPES, UNKNOWN, characters_of, shape_of

__all__ = ["PADDING", "SHAPES", "UNKNOWN", "Vocabulary", "shape_of"]

_FILE, _VERSION = "words.json", 1


@dataclass(frozen=True)
class Vocabulary:
    """The words that have a row of a table, behind those of the padding (0) and of the unknown word (1).

    Attributes:
        words: in the order of their rows, the first in row 2.
        lowercase: a word is looked up in lower case.
    """

    words: tuple[str, ...]
    lowercase: bool

    @classmethod
    def collect(
        cls, counts: Mapping[str, int], *, min_count: int, most: int | None = None, lowercase: bool
    ) -> Vocabulary:
        """The words that stand ``min_count`` times or more, at most ``most`` of them, by falling count.

        Args:
            counts: how often each word stands in the text that may be learned from, never dev or test.
            min_count: the fewest times; words that differ only in case count together with ``lowercase``.
            most: None: no limit.
            lowercase: look words up in lower case.
        """
        summed: Counter[str] = Counter()
        for word, count in counts.items():
            summed[word.lower() if lowercase else word] += count
        kept = sorted((word for word in summed if summed[word] >= min_count), key=lambda word: (-summed[word], word))
        return cls(tuple(kept[:most]), lowercase)

    def __len__(self) -> int:
        """Rows of the table, those of padding and unknown word among them."""
        return len(self.words) + 2

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.words, start=UNKNOWN + 1)}

    def id_of(self, word: str) -> int:
        """The row of ``word``."""
        return self._rows.get(word.lower() if self.lowercase else word, UNKNOWN)

    def shape_of(self, word: str) -> int:
        """The shape of ``word``, a number below ``len(SHAPES)``."""
        return shape_of(word)

    def characters(self, word: str, most: int) -> list[int]:
        """The code points of ``word``; of a longer one, the first and the last ``most / 2``."""
        return characters_of(word, most)

    def save(self, folder: str | Path) -> None:
        """Write it as ``words.json``."""
        values = {"version": _VERSION, "lowercase": self.lowercase, "words": self.words}
        write_text(Path(folder) / _FILE, json.dumps(values) + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> Vocabulary:
        """The vocabulary in ``folder``.

        Raises:
            InputError: there is none, or none that this version reads.
        """
        path = Path(folder) / _FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            version, words, lowercase = values["version"], values["words"], values["lowercase"]
        except FileNotFoundError as error:
            raise InputError(f"{path}: there is no such file, which holds the words of this model") from error
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise InputError(f"{path}: is damaged ({error}); fetch the model again") from error
        if version != _VERSION:
            raise InputError(f"{path}: found version {version}; this nlptrain reads version {_VERSION}")
        return cls(tuple(words), bool(lowercase))

    def describe(self) -> str:
        """A hash of all that it decides."""
        text = json.dumps([_VERSION, self.lowercase, self.words, SHAPES])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
