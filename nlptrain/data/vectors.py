"""Word vectors in the text format of GloVe and fastText."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.text_files import lines
from nlptrain.errors import InputError

_SHOWN = 80  # characters of what is no number
_DIGITS = 12  # of a header's numbers
_LOOK = 50  # rows that decide the width: a word may hold spaces, but most have none


@dataclass(frozen=True)
class Vectors:
    """Vectors of some words.

    Attributes:
        dim: their width.
        rows: the vector of each wanted word that has one, [dim].
        wanted: how many words were wanted.
        exact: how many of them stand in the file as they are.
    """

    dim: int
    rows: dict[str, NDArray[np.float32]]
    wanted: int
    exact: int

    def describe(self) -> str:
        """The coverage, for the log.

        Example:
            >>> Vectors(50, {"a": np.zeros(50), "b": np.zeros(50)}, 4, 1).describe()
            'vectors of 50 numbers for 2 of 4 words (50.0 %), 1 of them in another case'
        """
        share = 100 * len(self.rows) / max(1, self.wanted)
        other = f", {len(self.rows) - self.exact:,} of them in another case" if len(self.rows) > self.exact else ""
        return f"vectors of {self.dim} numbers for {len(self.rows):,} of {self.wanted:,} words ({share:.1f} %){other}"


def read_vectors(path: Path, wanted: Collection[str]) -> Vectors:
    """The vectors of ``wanted`` words; the file is streamed, and only their rows are kept.

    A row is a word and its numbers, separated by spaces; the word may hold spaces itself. A first line of two whole
    numbers, as fastText and word2vec write it, is a header. A wanted word without a row takes that of its lower case,
    then with an initial capital, then in capitals. Of two rows of one word the first counts.

    Raises:
        InputError: the file has no row, or a row has too few numbers or something that is no finite number.
    """
    rows = lines(path)
    head = list(islice(rows, _LOOK))
    if head and _is_header(head):
        stated = int(head[0][1].split()[1])
        head = head[1:]
    else:
        stated = None
    head = [(number, line) for number, line in head if line.strip(" ")]
    if not head:
        raise InputError(f"{path}: found no vector; a row is a word and its numbers")
    widths = Counter(line.rstrip(" ").count(" ") for _, line in head)
    dim = stated if stated is not None else min(widths, key=lambda width: (-widths[width], width))
    if dim < 1:
        raise InputError(f"{path}:{head[0][0]}: found no numbers behind the word; a row is a word and its numbers")
    forms = {form for word in wanted for form in _forms(word)}
    found: dict[str, NDArray[np.float32]] = {}
    for number, line in chain(head, rows):
        line = line.rstrip(" ")
        parts = line.rsplit(" ", dim)
        if len(parts) == dim + 1 and parts[0] in forms:
            if parts[0] not in found:
                found[parts[0]] = _numbers(parts[1:], f"{path}:{number}")
        elif len(parts) != dim + 1 and line:
            raise InputError(f"{path}:{number}: found {len(parts) - 1} numbers; the rows of this file have {dim}")
    taken = {word: form for word in wanted if (form := next((f for f in _forms(word) if f in found), None)) is not None}
    exact = sum(word == form for word, form in taken.items())
    return Vectors(dim, {word: found[form] for word, form in taken.items()}, len(wanted), exact)


def _is_header(head: list[tuple[int, str]]) -> bool:
    """Whether the first line counts rows and columns: two whole numbers, and the next row has as many numbers."""
    cells = head[0][1].split()
    if len(cells) != 2 or not all(cell.isascii() and cell.isdigit() for cell in cells):
        return False
    if any(len(cell) > _DIGITS for cell in cells):
        return False
    return len(head) == 1 or head[1][1].rstrip(" ").count(" ") >= int(cells[1])


def _forms(word: str) -> Iterator[str]:
    yield from (word, word.lower(), word[:1].upper() + word[1:], word.upper())


def _numbers(cells: list[str], place: str) -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):  # what is too large is not finite
            values = np.array([float(cell) for cell in cells], dtype=np.float32)
    except ValueError as error:
        raise InputError(
            f"{place}: {str(error).removeprefix('could not convert string to float: ')[:_SHOWN]} is no number"
        ) from error
    if not np.isfinite(values).all():
        raise InputError(f"{place}: found a number that is not finite")
    return values
