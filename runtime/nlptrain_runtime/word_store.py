"""What has been read of words, and of the parts of texts between white space."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptrain_runtime.arrays import GrowableArray, GrowableLists

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import IntArray


_CHARACTERS = 100  # of a part, on average, that are remembered


class BrokenCache(Exception):
    """Another thread was interrupted while it added to the cache: what is in it is right, but nothing may be added."""


class WordCache:
    """Words and parts of texts by number, for several threads.

    Nothing that a dictionary names ever changes or moves: rows are added first, and named after that. So readers need
    no lock, and those who have begun with a cache that was replaced go on with it.

    Attributes:
        words: the number of each word.
        parts: the number of each part.
        features: what the net reads of each word, by its number.
        part_words: the words of each part, by its number: number, begin and end in the part.
    """

    def __init__(self, features: GrowableArray | GrowableLists) -> None:
        """Begin without words; ``features`` is empty."""
        self.words: dict[str, int] = {}
        self.parts: dict[str, int] = {}
        self.features = features
        self.part_words = GrowableLists((3,))
        self.part_words.extend(np.empty((0, 3), dtype=np.int64), np.zeros(1, dtype=np.int64))  # 0: depends on the next
        self._characters = 0
        self._lock = Lock()
        self._broken = False

    def add_words(self, words: Sequence[str], rows: Sequence[Any]) -> None:
        """Add ``words`` with the arguments of ``features.extend``.

        A word that another thread has added in the meantime gets a second row, which says the same.

        Raises:
            BrokenCache: another thread was interrupted while it added.
        """
        with self._lock:
            self._begin()
            first = len(self.features)
            self.features.extend(*rows)
            self._characters += sum(map(len, words))
            self.words.update(zip(words, range(first, first + len(words)), strict=True))
            self._broken = False

    def add_parts(self, parts: Sequence[str], rows: IntArray, counts: IntArray, hanging: Sequence[str]) -> None:
        """Add ``parts`` with the words of each, of which ``rows`` [words, 3] has ``counts``, and mark ``hanging``.

        Raises:
            BrokenCache: as for ``add_words``.
        """
        with self._lock:
            self._begin()
            first = len(self.part_words)
            self.part_words.extend(rows, counts)
            self._characters += sum(map(len, parts))
            self.parts.update(zip(parts, range(first, first + len(parts)), strict=True))
            self.parts.update(dict.fromkeys(hanging, 0))
            self._broken = False

    def _begin(self) -> None:
        if self._broken:
            raise BrokenCache
        self._broken = True  # until all is added

    def is_broken(self) -> bool:
        """Return whether a thread was interrupted while it added."""
        if not self._broken:
            return False
        with self._lock:  # one may be adding at this moment
            return self._broken

    def is_full(self, most: int) -> bool:
        """Return whether there are more than about ``most`` words or parts, or a few enormous ones."""
        largest = max(len(self.words), len(self.parts), self.part_words.held // 2)
        return largest > most or self._characters > _CHARACTERS * most

    def is_locked(self) -> bool:
        """Return whether a thread is adding."""
        return self._lock.locked()
