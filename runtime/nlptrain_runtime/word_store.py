"""The storage of the token cache: known words, and known parts of texts between white space, by id."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptrain_runtime.arrays import GrowableArray, GrowableLists

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import IntArray

CONTEXT_DEPENDENT = 0  # the id of a part whose words depend on the next part
_CHARACTERS_PER_PART = 100  # average length of the stored parts and words, at most


class BrokenStore(Exception):
    """Another thread was interrupted while it added to the store: the content is right, but no more may be added."""


class WordStore:
    """Words and parts of texts by id, safe for several threads without a lock for readers.

    An id never changes its meaning: rows are added before the dictionaries name them. A thread that started with a
    store that was replaced since may continue with it.

    Attributes:
        words: id of each word.
        parts: id of each part.
        features: what the model reads of each word, by word id.
        part_words: the words of each part, by part id, as rows of word id, start and end in the part.
    """

    def __init__(self, features: GrowableArray | GrowableLists) -> None:
        """Create a store without words; ``features`` is empty."""
        self.words: dict[str, int] = {}
        self.parts: dict[str, int] = {}
        self.features = features
        self.part_words = GrowableLists((3,))
        self.part_words.extend(np.empty((0, 3), dtype=np.int64), np.zeros(1, dtype=np.int64))  # CONTEXT_DEPENDENT
        self._characters = 0
        self._lock = Lock()
        self._is_broken = False

    def add_words(self, words: Sequence[str], rows: Sequence[Any]) -> None:
        """Add ``words`` with the arguments of ``features.extend``.

        A word that another thread has added in the meantime gets a second, equal row.

        Raises:
            BrokenStore: another thread was interrupted while it added.
        """
        with self._lock:
            self._begin()
            first = len(self.features)
            self.features.extend(*rows)
            self._characters += sum(map(len, words))
            self.words.update(zip(words, range(first, first + len(words)), strict=True))
            self._is_broken = False

    def add_parts(
        self, parts: Sequence[str], rows: IntArray, counts: IntArray, context_dependent: Sequence[str]
    ) -> None:
        """Add ``parts`` with ``counts`` words each, given by ``rows`` [words, 3], and the context-dependent ones.

        Raises:
            BrokenStore: as for ``add_words``.
        """
        with self._lock:
            self._begin()
            first = len(self.part_words)
            self.part_words.extend(rows, counts)
            self._characters += sum(map(len, parts))
            self.parts.update(zip(parts, range(first, first + len(parts)), strict=True))
            self.parts.update(dict.fromkeys(context_dependent, CONTEXT_DEPENDENT))
            self._is_broken = False

    def _begin(self) -> None:
        if self._is_broken:
            raise BrokenStore
        self._is_broken = True  # until everything is added

    def is_broken(self) -> bool:
        """Return whether a thread was interrupted while it added."""
        if not self._is_broken:
            return False
        with self._lock:  # another thread may be adding at this moment
            return self._is_broken

    def is_full(self, max_words: int) -> bool:
        """Return whether there are more than about ``max_words`` words or parts, or a few enormous ones."""
        largest = max(len(self.words), len(self.parts), self.part_words.total // 2)
        return largest > max_words or self._characters > _CHARACTERS_PER_PART * max_words

    def is_locked(self) -> bool:
        """Return whether a thread is adding."""
        return self._lock.locked()
