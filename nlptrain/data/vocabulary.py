"""Vocabulary of a student with word embeddings: rows of the table, word shapes and characters."""

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
from nlptrain_runtime.word_features import PADDING, SHAPES, UNKNOWN, character_codes, word_shape

__all__ = ["PADDING", "SHAPES", "UNKNOWN", "Vocabulary", "word_shape"]

_FILE, _VERSION = "words.json", 1


@dataclass(frozen=True)
class Vocabulary:
    """The words with a row of the embedding table, after the rows of padding (0) and of the unknown word (1).

    Attributes:
        words: the words in the order of their rows, from row 2.
        lowercase: whether words are looked up in lower case.
    """

    words: tuple[str, ...]
    lowercase: bool

    @classmethod
    def collect(
        cls, counts: Mapping[str, int], *, min_count: int, max_size: int | None = None, lowercase: bool
    ) -> Vocabulary:
        """Collect the words that occur ``min_count`` times or more, at most ``max_size`` of them, by decreasing count.

        Args:
            counts: the count of each word in the training text, never in dev or test.
            min_count: the smallest count; with ``lowercase``, words that differ only in case are counted together.
            max_size: the largest number of words; None: no limit.
            lowercase: whether words are looked up in lower case.
        """
        summed: Counter[str] = Counter()
        for word, count in counts.items():
            summed[word.lower() if lowercase else word] += count
        kept = sorted((word for word in summed if summed[word] >= min_count), key=lambda word: (-summed[word], word))
        return cls(tuple(kept[:max_size]), lowercase)

    def __len__(self) -> int:
        """Return the number of rows, those of padding and the unknown word included."""
        return len(self.words) + 2

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.words, start=UNKNOWN + 1)}

    def id_of(self, word: str) -> int:
        """Return the row of ``word``."""
        return self._rows.get(word.lower() if self.lowercase else word, UNKNOWN)

    def word_shape(self, word: str) -> int:
        """Return the shape of ``word``, a number below ``len(SHAPES)``."""
        return word_shape(word)

    def characters(self, word: str, limit: int) -> list[int]:
        """Return the code points of ``word``; of a longer one, the first and the last ``limit / 2``."""
        return character_codes(word, limit)

    def save(self, folder: str | Path) -> None:
        """Write the vocabulary as ``words.json`` into ``folder``."""
        values = {"version": _VERSION, "lowercase": self.lowercase, "words": self.words}
        write_text(Path(folder) / _FILE, json.dumps(values) + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> Vocabulary:
        """Read the vocabulary in ``folder``.

        Raises:
            InputError: the file is missing, damaged, or of another version.
        """
        path = Path(folder) / _FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            version, words, lowercase = values["version"], values["words"], values["lowercase"]
        except FileNotFoundError as error:
            raise InputError("missing", location=str(path), expected="the file with the words of this model") from error
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise InputError(
                f"damaged ({error})", location=str(path), hint="copy or download the model again"
            ) from error
        if version != _VERSION:
            raise InputError(
                f"found version {version}", location=str(path), expected=f"{_VERSION}, which this nlptrain reads"
            )
        return cls(tuple(words), bool(lowercase))

    def describe(self) -> str:
        """Return a hash of everything that affects the lookup."""
        text = json.dumps([_VERSION, self.lowercase, self.words, SHAPES])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
