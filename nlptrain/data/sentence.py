"""Sentences with their tags and origin, checks of sentences given as arguments, and hashes of their words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.mapped_arrays import mapped_array
from nlptrain_runtime.schemes import Span

MAX_WORDS = 1_000_000  # of a sentence; a file with more of them between two blank lines has another format


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words of one sentence, its gold tags if it has any, and its origin.

    Sentences are equal if their words, tags and ``where`` are.

    Attributes:
        words: the words.
        tags: the gold tag of each word, or None.
        where: ``path:line`` of the first word.
        lines: the line number of each word, in formats with one word per line.
        id: the sentence's id in its file, or None.
        text: the original text, or None.
        weight: of raw text, how often the sentence is sampled, relative to text of weight 1.
        scores: the scores of entities that came with one, from 0 to 1.
        asked: the entity types that were looked for; None: all. Unmarked words may have an entity of any other type.
        rejected: spans that are known not to be entities.
        document: the id of the document that it is part of, or None.

    Example:
        >>> Sentence(("Ada", "sings"), ("B-person", "O"), "train.conll:1").hash().hex()[:8]
        'ea3137ea'
    """

    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    where: str = ""
    lines: tuple[int, ...] = field(default=(), compare=False, repr=False)
    id: str | None = field(default=None, compare=False, repr=False)
    text: str | None = field(default=None, compare=False, repr=False)
    weight: float = field(default=1.0, compare=False, repr=False)
    scores: Mapping[Span, float] = field(default_factory=dict, compare=False, repr=False)
    asked: frozenset[str] | None = field(default=None, compare=False, repr=False)
    rejected: tuple[Span, ...] = field(default=(), compare=False, repr=False)
    document: str | None = field(default=None, compare=False, repr=False)

    @property
    def is_partial(self) -> bool:
        """Whether some entities may not be marked."""
        return self.asked is not None

    @property
    def offsets(self) -> tuple[tuple[int, int], ...]:
        """Start and end of each word in ``text``, in code points; empty if unknown."""
        return () if self.text is None else find_offsets(self.text, self.words)

    def as_text(self) -> tuple[str, tuple[tuple[int, int], ...]]:
        """Return the text, and start and end of each word in it; the words joined by spaces where it is unknown.

        Example:
            >>> Sentence(("Ada", "sings", "."), text="Ada sings.").as_text()
            ('Ada sings.', ((0, 3), (4, 9), (9, 10)))
            >>> Sentence(("Ada", "sings", ".")).as_text()
            ('Ada sings .', ((0, 3), (4, 9), (10, 11)))
        """
        if self.text is not None and (offsets := self.offsets):
            return self.text, offsets
        text = " ".join(self.words)
        return text, find_offsets(text, self.words)

    def hash(self) -> bytes:
        """Return 16 bytes that depend on the words alone and are the same on every machine."""
        return words_hash(self.words)

    def location(self, index: int) -> str:
        """Return the location of the word ``index`` (from 0), for messages.

        Example:
            >>> Sentence(("Ada", "sings"), where="train.conll:1", lines=(1, 2)).location(1)
            'train.conll:2'
            >>> Sentence(("Ada", "sings"), where="train.jsonl:1").location(1)
            'train.jsonl:1: word 2'
        """
        if not self.lines:
            return f"{self.where}: word {index + 1}"
        return f"{self.file}:{self.lines[index]}"

    @property
    def file(self) -> str:
        """The path in ``where``."""
        return self.where.rpartition(":")[0]


def find_offsets(text: str, words: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Return start and end of each of ``words`` in ``text``; empty unless ``text`` is the words and white space.

    Example:
        >>> find_offsets("Ada sings.", ("Ada", "sings", "."))
        ((0, 3), (4, 9), (9, 10))
    """
    offsets: list[tuple[int, int]] = []
    end = 0
    for word in words:
        start = text.find(word, end)
        if start < 0 or text[end:start].strip():
            return ()
        end = start + len(word)
        offsets.append((start, end))
    return () if text[end:].strip() else tuple(offsets)


def words_hash(words: tuple[str, ...]) -> bytes:
    """Return the BLAKE2b hash of ``words``, 16 bytes, of a text in which each word is preceded by its length."""
    text = "".join(f"{len(word)}:{word}" for word in words)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


Hashes = NDArray[np.bytes_]  # of 16 bytes each
Keys = NDArray[np.uint64]
_MAX_BLOCK = 2**18  # entries of a block that is not merged any more, which bounds the memory that merging needs


def hash_array(hashes: Sequence[bytes]) -> Hashes:
    """Return ``hashes``, of 16 bytes each, as one array (numpy's own conversion would strip trailing zeros)."""
    return np.frombuffer(b"".join(hashes), dtype="S16")


class HashSet:
    """A set of hashes that keeps 8 bytes of each, where Python's ``set`` takes a hundred.

    The chance that any two sentences are confused is 1 in 37 million among a million sentences, and 1 in 3,700 among a
    hundred million. Hashes are kept in sorted blocks, each at least twice as long as the next one, up to a quarter of a
    million: lookups search few blocks, and additions seldom merge. The longest blocks are mapped from temporary files.

    Example:
        >>> seen = HashSet()
        >>> seen.add(hash_array([b"a" * 16]))
        >>> seen.has(hash_array([b"a" * 16, b"b" * 16])).tolist()
        [True, False]
    """

    def __init__(self) -> None:
        """Create an empty set."""
        self._blocks: list[Keys] = []

    def add(self, hashes: Hashes) -> None:
        """Add ``hashes``."""
        if not len(hashes):
            return
        keys = _keys(hashes)
        while self._blocks and _should_merge(len(self._blocks[-1]), len(keys)):
            keys = np.concatenate([self._blocks.pop(), keys])
        self._blocks.append(_store(np.sort(keys, kind="stable")))

    def has(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Return which of ``hashes`` are in the set."""
        keys = _keys(hashes)
        is_known = np.zeros(len(keys), dtype=bool)
        for block in self._blocks:
            is_known |= _search(block, keys) >= 0
        return is_known


def _keys(hashes: Hashes) -> Keys:
    """Return the first 8 bytes of each hash."""
    keys: Keys = np.ascontiguousarray(hashes).view("<u8")[::2]
    return keys


def _store(block: Keys) -> Keys:
    """Return ``block``, mapped from a temporary file if it is one of the longest."""
    return block if len(block) < _MAX_BLOCK else mapped_array(block, min_bytes=0)


def _should_merge(block_length: int, new: int) -> bool:
    return block_length < min(2 * new, _MAX_BLOCK)


def _search(block: Keys, keys: Keys) -> NDArray[np.int64]:
    """Return the row of each of ``keys`` in ``block``, which is sorted and not empty, or -1."""
    rows = np.minimum(np.searchsorted(block, keys), len(block) - 1)
    return np.where(block[rows] == keys, rows, -1)


def check_iterable(values: object, name: str, hint: str) -> None:
    """Check that ``values`` is iterable and not a string.

    Raises:
        TypeError: it is a string, or not iterable.
    """
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise TypeError(f"{name}: found {_describe(values)}; expected {hint}")


def checked_texts(texts: Iterable[str], name: str = "texts") -> Iterator[str]:
    """Return an iterator over ``texts`` that checks each of them.

    Raises:
        TypeError: at the call, ``texts`` is one string; later, one of them is not a string.
    """
    check_iterable(texts, name, "a list of texts, or another iterable; put a single text in a list")
    return _each_text(texts, name)


def _each_text(texts: Iterable[str], name: str) -> Iterator[str]:
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"{name}[{index}]: found {_describe(text)}; expected a string")
        yield text


def checked_sentences(sentences: Iterable[Sequence[str]], name: str = "sentences") -> Sequence[Sequence[str]]:
    """Return ``sentences`` as a list of lists of words.

    Raises:
        TypeError: it is not a list of sentences, or one of them is not a list of words.
    """
    check_iterable(sentences, name, "a list of sentences, each a list of words")
    listed = sentences if isinstance(sentences, list | tuple) else list(sentences)
    if all(type(words) in (list, tuple) and all(type(word) is str for word in words) for words in listed):
        return listed
    return [_words(words, f"{name}[{index}]") for index, words in enumerate(listed)]


def _words(words: Any, name: str) -> list[str]:  # noqa: ANN401
    check_iterable(words, name, "a list of words; model.predict reads raw text")
    listed = list(words)
    for index, word in enumerate(listed):
        if not isinstance(word, str):
            raise TypeError(f"{name}[{index}]: found {_describe(word)}; expected a string")
    return listed


def _describe(value: object) -> str:
    """Return a short description of ``value`` for a message."""
    if isinstance(value, str):
        return f"the string {value[:40]!r}"
    return f"{type(value).__name__} {str(value)[:40]}" if isinstance(value, int | float) else type(value).__name__
