"""Where the functions print: nowhere, or to standard error on request."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console

from nlptrain.urls import redact
from nlptrain_runtime.errors import message_line


def console_of(progress: bool) -> Console | None:
    """Return the console for the log of a run; None: that of the commands, standard error."""
    return None if progress else Console(quiet=True)


def log_of(progress: bool) -> Callable[[str], None]:
    """Return a function that prints a line to standard error, or that does nothing."""
    return _print if progress else lambda _: None


def _print(text: str) -> None:
    sys.stderr.write(f"{message_line(redact(text))}\n")
