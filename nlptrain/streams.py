"""Standard output and standard error of a command: in UTF-8, and silent once they fail."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any


class _Stream(io.FileIO):
    """A standard stream that goes nowhere once it fails: Python writes what is left when it ends, and would fail again.

    Standard error fails silently. An unread log does not stop a run.
    """

    def write(self, data: Any) -> int:  # noqa: ANN401
        try:
            return super().write(data)
        except OSError as error:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if self.fileno() == 2:
                return len(data)
            error.filename = "standard output"
            raise


def open_streams() -> None:
    """Make standard output UTF-8 and both streams safe to fail; a stream that is closed stays closed.

    A closed descriptor is opened on nothing: the next file that is opened would take its number and what is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if os.name == "posix" and isinstance(stream, io.TextIOWrapper):
            raw = _Stream(number, "w", closefd=False)
            encoding = "utf-8" if number == 1 else stream.encoding
            # A lone surrogate is written as JSON escapes it.
            wrapped = io.TextIOWrapper(
                io.BufferedWriter(raw),
                encoding,
                "backslashreplace",
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, wrapped)
