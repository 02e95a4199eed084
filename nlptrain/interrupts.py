"""Signals that stop a command, raised where an exception can be raised."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from nlptrain.errors import Interrupted
from nlptrain_runtime.signals import ENDING, exit_at_once

_AGAIN_SECONDS = 0.05
_PATIENCE_SECONDS = 0.5
_IMPORTS = "<frozen importlib._bootstrap>"


class _Imports:
    """When a signal first came in the middle of the import that is under way."""

    since: float | None = None


class _Raised:
    """What the last signal raised."""

    error: Interrupted | None = None


def interrupt(number: int, frame: FrameType | None, kind: type[Interrupted] = Interrupted) -> None:
    """Raise ``kind``; in the middle of an import, whose native code may not pass an exception on, after it.

    An import that takes long is one of those that a command begins with, when it has nothing to save: it ends at once.

    Raises:
        Interrupted: no import is under way.
    """
    if not _in_import(frame) or not hasattr(signal, "setitimer"):
        _Imports.since = None
        _Raised.error = kind(number)
        raise _Raised.error
    _Imports.since = _Imports.since or time.monotonic()
    if time.monotonic() - _Imports.since > _PATIENCE_SECONDS:
        exit_at_once(number, frame)
    _repeat(number)


def _in_import(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTS:
            return True
        frame = frame.f_back
    return False


def _repeat(number: int) -> None:
    """Send ``number`` to this process again, a little later."""
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), number))
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)


@contextmanager
def interruptible(kind: type[Interrupted]) -> Iterator[None]:
    """Let signals raise ``kind`` in the block, except those that are ignored or that somebody else handles.

    An exception that is raised where Python can only report it, in a finalizer for example, is raised again elsewhere.
    Native code that calls Python may turn it into an error of its own; at the end of the block it is itself again.
    """
    old, hook = {}, sys.unraisablehook
    _Raised.error = None

    def raise_kind(number: int, frame: FrameType | None) -> None:
        interrupt(number, frame, kind)

    def unraisable(report: sys.UnraisableHookArgs) -> None:
        if isinstance(report.exc_value, Interrupted):
            _repeat(report.exc_value.number)
        else:
            hook(report)

    try:
        for number in ENDING:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler, exit_at_once):
                old[number] = signal.signal(number, raise_kind)
    except ValueError:  # another thread than the main one
        pass
    sys.unraisablehook = unraisable
    try:
        yield
    except Exception as error:
        if _Raised.error is None:
            raise
        raise _Raised.error from error
    finally:
        sys.unraisablehook = hook
        for number, handler in old.items():
            signal.signal(number, handler)
