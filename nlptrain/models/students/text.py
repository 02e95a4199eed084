"""The text that decides a student's vocabulary: read only if it is asked for, and then once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError
from nlptrain.models.readers import PieceReader

_HELD = 100_000  # different words that are counted before their pieces are: much text has ever more of them


class StudentText:
    """How often words and pieces stand in train and unlabeled text; dev and test are never in it."""

    def __init__(self, sentences: Callable[[], Iterable[Sentence]] | None = None) -> None:
        """Read what ``sentences`` gives when it is needed."""
        self._read = sentences

    @property
    def _sentences(self) -> Iterable[Sentence]:
        if self._read is None:
            raise InputError("student.embedder: its vocabulary is chosen by the text; give the sentences of train")
        return self._read()

    @cached_property
    def words(self) -> Mapping[str, int]:
        """The count of each word.

        Raises:
            InputError: nobody gave sentences to read.
        """
        counts: Counter[str] = Counter()
        for sentence in self._sentences:
            counts.update(sentence.words)
        return counts

    def pieces(self, reader: PieceReader) -> list[int]:
        """The pieces that the text uses, the most frequent first, ties by id; in bounded memory.

        Raises:
            InputError: nobody gave sentences to read.
        """
        counts: Counter[int] = Counter()
        words: Counter[str] = Counter()
        for sentence in self._sentences:
            words.update(sentence.words)
            if len(words) > _HELD:
                _add_pieces(counts, words, reader)
        _add_pieces(counts, words, reader)
        return sorted(counts, key=lambda piece: (-counts[piece], piece))


def _add_pieces(counts: Counter[int], words: Counter[str], reader: PieceReader) -> None:
    """Count the pieces of ``words``, and forget these."""
    for count, pieces in zip(words.values(), reader(list(words)), strict=True):
        for piece in pieces:
            counts[piece] += count
    words.clear()
