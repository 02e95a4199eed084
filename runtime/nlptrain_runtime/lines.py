"""Lines of UTF-8 as they come through a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


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
