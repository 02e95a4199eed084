"""A local copy of a file that is shown by the name that the user knows it by."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _LocalPath = Path
else:
    _LocalPath = type(Path())  # Path itself cannot be subclassed before Python 3.12


class CachedFile(_LocalPath):
    """The path of a local copy: it opens the copy, and ``str`` and messages show the URL.

    Attributes:
        shown: a URL without credentials, or ``standard input``.
    """

    shown: str

    @classmethod
    def of(cls, path: Path | str, shown: str) -> CachedFile:
        """Return the copy in ``path`` of what is called ``shown``."""
        copy = cls(path)
        copy.shown = shown
        return copy

    def __str__(self) -> str:
        """Return the name that is shown."""
        return str(getattr(self, "shown", "")) or super().__str__()

    def __fspath__(self) -> str:
        """Return the path of the copy."""
        return super().__str__()

    def __repr__(self) -> str:
        """Return the name that is shown, with the class."""
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        """Return whether ``other`` is the same path."""
        return isinstance(other, Path) and os.fspath(self) == os.fspath(other)

    def __hash__(self) -> int:
        """Return the hash of the path of the copy."""
        return hash(Path(os.fspath(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to unpickle it in another process."""
        return CachedFile.of, (os.fspath(self), str(self))

    def resolve(self, strict: bool = False) -> CachedFile:
        """Return the path of the copy, without the name that is shown."""
        return CachedFile(Path(os.fspath(self)).resolve(strict))

    def with_name(self, name: str) -> CachedFile:
        """Return the file next to it that is called ``name``; its URL ends in that name, too."""
        path = Path(os.fspath(self)).with_name(name)
        head, query = str(self).partition("?")[0], "".join(str(self).partition("?")[1:])
        own = head.rpartition("/")[2]
        return CachedFile.of(path, f"{head.removesuffix(own)}{name}{query}" if "://" in head else str(path))

    def with_suffix(self, suffix: str) -> CachedFile:
        """Return the file next to it with another suffix."""
        return self.with_name(Path(os.fspath(self)).with_suffix(suffix).name)
