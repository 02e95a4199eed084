"""Blocks of texts: enough to batch by length, little enough to answer soon and to stay in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Text = TypeVar("Text")

TEXTS, CHARACTERS = 2048, 400_000  # of a block


def blocks(texts: Iterable[Text], *, most: int = TEXTS, size: Callable[[Text], int] = len) -> Iterator[list[Text]]:  # type: ignore[assignment]
    """``texts`` in lists of at most ``most``, each ended by the text with which it passes ``CHARACTERS``.

    Args:
        texts: any number.
        most: texts of a block.
        size: the characters of one.
    """
    block: list[Text] = []
    characters = 0
    for text in texts:
        block.append(text)
        characters += size(text)
        if len(block) == most or characters > CHARACTERS:
            yield block
            block, characters = [], 0
    if block:
        yield block
