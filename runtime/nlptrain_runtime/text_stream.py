"""Streams of texts: decode UTF-8 lines, and group texts into blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Text = TypeVar("Text")

BLOCK_TEXTS, BLOCK_CHARACTERS = 2048, 400_000  # enough to batch by length, few enough for little delay and memory


class NotUTF8(ValueError):
    """Bytes that are not UTF-8; the message names the first one and its position."""


def decode_lines(lines: Iterable[bytes], name: str) -> Iterator[str]:
    """Yield the texts of ``lines`` without a byte order mark and without line ends.

    Only a line feed ends a line: the other line separators of Unicode are part of its text.

    Args:
        lines: e.g. a file opened in binary mode.
        name: the name of the file in messages.

    Raises:
        NotUTF8: a byte is not UTF-8.
    """
    offset = 0
    for raw in lines:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            position, byte = offset + error.start, raw[error.start]
            raise NotUTF8(f"{name}: byte {position} (0x{byte:02X}) is not UTF-8; convert it first") from error
        text = text.removeprefix("\ufeff") if offset == 0 else text
        offset += len(raw)
        yield text.removesuffix("\n").removesuffix("\r")


def text_blocks(
    texts: Iterable[Text],
    *,
    max_texts: int = BLOCK_TEXTS,
    size: Callable[[Text], int] = len,  # type: ignore[assignment]
) -> Iterator[list[Text]]:
    """Yield ``texts`` in lists of at most ``max_texts``; a text that passes ``BLOCK_CHARACTERS`` ends its list.

    Args:
        texts: any number.
        max_texts: maximum number of texts in a block.
        size: returns the number of characters of a text.
    """
    block: list[Text] = []
    characters = 0
    for text in texts:
        block.append(text)
        characters += size(text)
        if len(block) == max_texts or characters > BLOCK_CHARACTERS:
            yield block
            block, characters = [], 0
    if block:
        yield block
