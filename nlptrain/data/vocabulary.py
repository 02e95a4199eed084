"""Vocabulary of a student with word embeddings (words, word shapes, characters), and files of word vectors."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptrain.atomic_files import write_text
from nlptrain.data.text_files import read_lines
from nlptrain.errors import InputError
from nlptrain_runtime.word_features import PADDING, SHAPES, UNKNOWN, character_codes, word_shape

__all__ = ["PADDING", "SHAPES", "UNKNOWN", "Vocabulary", "Vectors", "read_vectors", "word_shape"]

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


_MAX_QUOTED = 80  # characters of a value that is not a number
_MAX_DIGITS = 12  # of the numbers in a header
_HEAD = 50  # rows that decide the width: a word may hold spaces, but most have none


@dataclass(frozen=True)
class Vectors:
    """Vectors of some words.

    Attributes:
        dim: their width.
        rows: the vector of each requested word that has one, [dim].
        requested: the number of requested words.
        same_case: the number of those whose vector was found without a change of case.
    """

    dim: int
    rows: dict[str, NDArray[np.float32]]
    requested: int
    same_case: int

    def describe(self) -> str:
        """Return the coverage, for the log.

        Example:
            >>> Vectors(50, {"a": np.zeros(50), "b": np.zeros(50)}, 4, 1).describe()
            '2 of 4 words have a vector (50.0 %), 1 of them in another case; 50 dimensions'
        """
        share = 100 * len(self.rows) / max(1, self.requested)
        other_case = len(self.rows) - self.same_case
        other = f", {other_case:,} of them in another case" if other_case else ""
        count = f"{len(self.rows):,} of {self.requested:,} words have a vector ({share:.1f} %)"
        return f"{count}{other}; {self.dim} dimensions"


def read_vectors(path: Path, words: Collection[str]) -> Vectors:
    """Read the vectors of ``words``; the file is streamed, and only their rows are kept.

    A row is a word and its numbers, separated by spaces; the word may hold spaces itself. A first line of two integers,
    as fastText and word2vec write it, is a header. A word without a row takes that of its lower case, then with an
    initial capital, then in capitals. If a word has two rows, the first one counts.

    Raises:
        InputError: the file has no row, or a row has too few numbers or a value that is not a finite number.
    """
    lines = read_lines(path)
    head = list(islice(lines, _HEAD))
    if head and _is_header(head):
        stated = int(head[0][1].split()[1])
        head = head[1:]
    else:
        stated = None
    head = [(line_number, line) for line_number, line in head if line.strip(" ")]
    if not head:
        raise InputError("found no vector", location=str(path), expected="a word and its numbers on each line")
    widths = Counter(line.rstrip(" ").count(" ") for _, line in head)
    dim = stated if stated is not None else min(widths, key=lambda width: (-widths[width], width))
    if dim < 1:
        raise InputError(
            "found no numbers after the word",
            location=f"{path}:{head[0][0]}",
            expected="a word and its numbers on each line",
        )
    forms = {form for word in words for form in _forms(word)}
    vectors: dict[str, NDArray[np.float32]] = {}
    for line_number, line in chain(head, lines):
        line = line.rstrip(" ")
        cells = line.rsplit(" ", dim)
        if len(cells) == dim + 1 and cells[0] in forms:
            if cells[0] not in vectors:
                vectors[cells[0]] = _parse_vector(cells[1:], f"{path}:{line_number}")
        elif len(cells) != dim + 1 and line:
            raise InputError(
                f"found {len(cells) - 1} numbers", location=f"{path}:{line_number}", expected=f"{dim}, as in other rows"
            )
    form_of = {
        word: form for word in words if (form := next((f for f in _forms(word) if f in vectors), None)) is not None
    }
    same_case = sum(word == form for word, form in form_of.items())
    return Vectors(dim, {word: vectors[form] for word, form in form_of.items()}, len(words), same_case)


def _is_header(head: list[tuple[int, str]]) -> bool:
    """Return whether the first line is a header: two integers, and the next row has as many numbers as the second."""
    cells = head[0][1].split()
    if len(cells) != 2 or not all(cell.isascii() and cell.isdigit() for cell in cells):
        return False
    if any(len(cell) > _MAX_DIGITS for cell in cells):
        return False
    return len(head) == 1 or head[1][1].rstrip(" ").count(" ") >= int(cells[1])


def _forms(word: str) -> Iterator[str]:
    yield from (word, word.lower(), word[:1].upper() + word[1:], word.upper())


def _parse_vector(cells: list[str], location: str) -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):  # a value that is too large becomes infinite
            values = np.array([float(cell) for cell in cells], dtype=np.float32)
    except ValueError as error:
        value = str(error).removeprefix("could not convert string to float: ")[:_MAX_QUOTED]
        raise InputError(f"found {value}", location=location, expected="a number") from error
    if not np.isfinite(values).all():
        raise InputError("found a number that is not finite", location=location)
    return values
