"""Standard output and standard error of a command: standard output in UTF-8, both ignored after an error."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any


class _Stream(io.FileIO):
    """A standard stream that writes to the null device after its first error, because Python flushes again at exit.

    An error of standard error is ignored: a log that nobody reads does not stop a run.
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
    """Make standard output UTF-8, and let both streams fail at most once.

    A closed descriptor is opened on the null device. Otherwise the next file that is opened would get its number, and
    with it what is printed.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if os.name == "posix" and isinstance(stream, io.TextIOWrapper):
            raw = _Stream(descriptor, "w", closefd=False)
            encoding = "utf-8" if descriptor == 1 else stream.encoding
            # A lone surrogate is written as JSON escapes it.
            wrapped = io.TextIOWrapper(
                io.BufferedWriter(raw),
                encoding,
                "backslashreplace",
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, wrapped)
