"""A sentence and where it came from: what every reader yields and everything above reads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words of one sentence, their gold tags if it has any, and its place in its file.

    Attributes:
        words: the words.
        tags: the gold tag of each word, or None.
        where: ``path:line`` of the first word.
        lines: the line of each word, where each has its own; neither compared nor shown.

    Example:
        >>> Sentence(("Ada", "sings"), ("B-person", "O"), "train.conll:1").digest().hex()[:8]
        'ea3137ea'
    """

    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    where: str = ""
    lines: tuple[int, ...] = field(default=(), compare=False, repr=False)

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


def digest(words: tuple[str, ...]) -> bytes:
    """The BLAKE2b hash of ``words``, 16 bytes; a word's length goes in before it, so that no two lists share a text."""
    text = "".join(f"{len(word)}:{word}" for word in words)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
