"""Small files in shapes that public corpora, tools and bug reports have; the text is invented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class RealFile:
    """A file, and what is right for it.

    Attributes:
        name: the name of the file.
        source: the corpus, the tool or the issue whose shape it has.
        content: its text, written as UTF-8, or its bytes.
        sentences: what is read, each as ``word/TAG word/TAG``, with tags in IOB2 or plain tags.
        report: texts that occur in the notes or in the causes of the report; without any, no fault is reported.
        error: a pattern of the error that is right; with ``sentences``, either is right.
        data: keys of the configuration that the user has to give.
        before: what the readers did on 2026-11-29 (commit a4b87b3).
    """

    name: str
    source: str
    content: str | bytes
    sentences: tuple[str, ...] = ()
    report: tuple[str, ...] = ()
    error: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    before: Literal["right", "refused", "misread"] = "refused"

    @property
    def encoded(self) -> bytes:
        """The bytes of the file."""
        return self.content if isinstance(self.content, bytes) else self.content.encode("utf-8")


def columns(*sentences: str, separator: str = "\t", end: str = "\n") -> str:
    """Return the lines of a column file: ``Omar/B-PER visits/O`` is a sentence of two lines, ``/`` separates columns.

    Example:
        >>> columns("Omar/B-PER sings/O", "It/O")
        'Omar\\tB-PER\\nsings\\tO\\n\\nIt\\tO\\n\\n'
    """
    lines = [[*(line.replace("/", separator) for line in sentence.split(" ")), ""] for sentence in sentences]
    return "".join(line + end for sentence in lines for line in sentence)


def tagged(words: tuple[str, ...], tags: tuple[str, ...] | None) -> str:
    """Return a sentence as ``RealFile.sentences`` has it."""
    return " ".join(f"{word}/{tag}" for word, tag in zip(words, tags or (), strict=True))


def two_columns(first: int | str, second: int | str) -> str:
    """Return the pattern of an error that names two columns of tags and the key that selects one."""
    return rf"(?s)^(?=.*\b{first}\b)(?=.*\b{second}\b)(?=.*data\.columns\.tags)"
