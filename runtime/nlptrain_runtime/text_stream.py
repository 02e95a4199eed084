"""Streams of texts: decode UTF-8 lines, and group texts into blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Text = TypeVar("Text")

TEXTS, CHARACTERS = 2048, 400_000  # of a block


class NotUTF8(ValueError):
    """A byte that UTF-8 does not have; the message says which and where."""


def decoded(lines: Iterable[bytes], name: str) -> Iterator[str]:
    """The texts of ``lines``, without a byte order mark and without their ends.

    A line ends with a line feed alone, as bytes are cut into lines: other separators of Unicode stand inside one.

    Args:
        lines: e.g. a file that is open for bytes.
        name: what messages call it.

    Raises:
        NotUTF8: a byte is not.
    """
    offset = 0
    for raw in lines:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            place, byte = offset + error.start, raw[error.start]
            raise NotUTF8(f"{name}: byte {place} (0x{byte:02X}) is not UTF-8; convert it first") from error
        text = text.removeprefix("\ufeff") if offset == 0 else text
        offset += len(raw)
        yield text.removesuffix("\n").removesuffix("\r")


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
