"""A sentence and where it came from: what every reader yields and everything above reads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

MOST_WORDS = 1_000_000  # of a sentence: a file without blank lines is none


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words of one sentence, their gold tags if it has any, and its place in its file.

    Two sentences of the same words, tags and place are equal; what stands beside these is for who writes them again.

    Attributes:
        words: the words.
        tags: the gold tag of each word, or None.
        where: ``path:line`` of the first word.
        lines: the line of each word, where each has its own.
        id: its name in its file, or None.
        text: what the words were cut from, or None.
        weight: of raw text, how often it is read beside text of weight 1.

    Example:
        >>> Sentence(("Ada", "sings"), ("B-person", "O"), "train.conll:1").digest().hex()[:8]
        'ea3137ea'
    """

    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    where: str = ""
    lines: tuple[int, ...] = field(default=(), compare=False, repr=False)
    id: str | None = field(default=None, compare=False, repr=False)
    text: str | None = field(default=None, compare=False, repr=False)
    weight: float = field(default=1.0, compare=False, repr=False)

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Where each word begins and ends in ``text``, in code points; empty where that is not known."""
        return () if self.text is None else places_in(self.text, self.words)

    def digest(self) -> bytes:
        """16 bytes that stand for the words alone: equal words, equal digest, on every machine."""
        return digest(self.words)

    def place(self, index: int) -> str:
        """Where the word ``index`` (from 0) stands, for messages.

        Example:
            >>> Sentence(("Ada", "sings"), where="train.conll:1", lines=(1, 2)).place(1)
            'train.conll:2'
            >>> Sentence(("Ada", "sings"), where="train.jsonl:1").place(1)
            'train.jsonl:1: word 2'
        """
        if not self.lines:
            return f"{self.where}: word {index + 1}"
        return f"{self.where.rpartition(':')[0]}:{self.lines[index]}"


def places_in(text: str, words: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Where each of ``words`` begins and ends in ``text``; empty if they are not all there, with white space between.

    Example:
        >>> places_in("Ada sings.", ("Ada", "sings", "."))
        ((0, 3), (4, 9), (9, 10))
    """
    found: list[tuple[int, int]] = []
    end = 0
    for word in words:
        start = text.find(word, end)
        if start < 0 or text[end:start].strip():
            return ()
        end = start + len(word)
        found.append((start, end))
    return () if text[end:].strip() else tuple(found)


def digest(words: tuple[str, ...]) -> bytes:
    """The BLAKE2b hash of ``words``, 16 bytes; a word's length goes in before it, so that no two lists share a text."""
    text = "".join(f"{len(word)}:{word}" for word in words)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
