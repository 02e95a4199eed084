"""The text that decides a student's vocabulary: counted only if it is asked for, and then once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from nlptrain.data.corpus import Sentence
from nlptrain.errors import InputError
from nlptrain.models.readers import PieceReader


class StudentText:
    """How often each word stands in train and unlabelled text; dev and test are never in it."""

    def __init__(self, words: Callable[[], Mapping[str, int]] | None = None) -> None:
        """Count by calling ``words`` when it is needed."""
        self._count = words

    @cached_property
    def words(self) -> Mapping[str, int]:
        """The count of each word.

        Raises:
            InputError: nobody gave words to count.
        """
        if self._count is None:
            raise InputError("student.embedder: its vocabulary is chosen by the text; give the words of train to count")
        return self._count()

    def pieces(self, reader: PieceReader) -> list[int]:
        """The pieces that the text uses, the most frequent first, ties by id."""
        counts: Counter[int] = Counter()
        words = list(self.words)
        for word, pieces in zip(words, reader(words), strict=True):
            for piece in pieces:
                counts[piece] += self.words[word]
        return sorted(counts, key=lambda piece: (-counts[piece], piece))


def count_words(sentences: Iterable[Sentence]) -> Counter[str]:
    """How often each word stands in ``sentences``."""
    counts: Counter[str] = Counter()
    for sentence in sentences:
        counts.update(sentence.words)
    return counts
