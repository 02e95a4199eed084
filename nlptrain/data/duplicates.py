"""Duplicates between splits, and the held-out sentences that raw text must not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from nlptrain.data.near_duplicates import NearDuplicateIndex, Words
from nlptrain.data.sentence import Sentence

_BLOCK = 1024  # sentences that are looked up at once


@dataclass(frozen=True)
class Duplicate:
    """A sentence that also occurs in another split, or nearly.

    Attributes:
        sentence: the sentence.
        other: the sentence of the other split.
        is_exact: whether they have the same words.
    """

    sentence: Sentence
    other: Sentence
    is_exact: bool


class HeldOut:
    """The dev and test sentences, which are left out of raw text, as are their near-duplicates.

    Attributes:
        hashes: the hashes of the sentences.
    """

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        """Hold out ``sentences``, which are indexed on first use."""
        unique = {sentence.hash(): sentence.words for sentence in sentences}
        self.hashes = frozenset(unique)
        self._sentences = list(unique.values())

    @cached_property
    def _index(self) -> NearDuplicateIndex:
        return NearDuplicateIndex(self._sentences)

    def has_near(self, sentences: Sequence[Words]) -> list[bool]:
        """Return for each sentence whether it is held out, or a near-duplicate of one that is."""
        if not self._sentences:
            return [False] * len(sentences)
        return [position >= 0 for position in self._index.find(sentences)]


def find_duplicates(sentences: Sequence[Sentence], others: Sequence[Sentence]) -> list[Duplicate]:
    """Return those of ``sentences`` that also occur in ``others``, or have a near-duplicate there.

    Example:
        >>> train = [Sentence(("Ada", "sings", ".")), Sentence(("Good", "morning", "!"))]
        >>> dev = [Sentence(("Ada", "sings", ".")), Sentence(("good", "morning")), Sentence(("Ada", "hums"))]
        >>> [(" ".join(item.sentence.words), item.is_exact) for item in find_duplicates(dev, train)]
        [('Ada sings .', True), ('good morning', False)]
    """
    by_hash: dict[bytes, Sentence] = {}
    for other in others:
        by_hash.setdefault(other.hash(), other)
    unequal = [sentence.words for sentence in sentences if sentence.hash() not in by_hash]
    # Looking up the others in an index of the fewer sentences selects the few that need an index.
    near = [other for other, position in find_in(NearDuplicateIndex(unequal), others) if position >= 0]
    index = NearDuplicateIndex([other.words for other in near])
    duplicates = []
    for sentence, position in find_in(index, sentences):
        equal = by_hash.get(sentence.hash())
        if equal is not None or position >= 0:
            duplicates.append(Duplicate(sentence, equal or near[position], equal is not None))
    return duplicates


def find_in(index: NearDuplicateIndex, sentences: Iterable[Sentence]) -> Iterator[tuple[Sentence, int]]:
    """Yield each of ``sentences`` with the position of a near-duplicate in ``index``, or -1."""
    iterator = iter(sentences)
    while block := list(islice(iterator, _BLOCK)):
        yield from zip(block, index.find([sentence.words for sentence in block]), strict=True)
