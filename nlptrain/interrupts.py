"""Signals that stop a command, raised as exceptions where that is safe."""

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
    """The time of the first signal during the current import."""

    since: float | None = None


class _Raised:
    """The exception of the last signal."""

    error: Interrupted | None = None


def interrupt(signal_number: int, frame: FrameType | None, kind: type[Interrupted] = Interrupted) -> None:
    """Raise ``kind``; during an import, whose native code may swallow exceptions, raise it after the import.

    Only the first imports of a command take long, when there is nothing to save yet: then the process ends at once.

    Raises:
        Interrupted: unless an import is running.
    """
    if not _is_importing(frame) or not hasattr(signal, "setitimer"):
        _Imports.since = None
        _Raised.error = kind(signal_number)
        raise _Raised.error
    _Imports.since = _Imports.since or time.monotonic()
    if time.monotonic() - _Imports.since > _PATIENCE_SECONDS:
        exit_at_once(signal_number, frame)
    _repeat(signal_number)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTS:
            return True
        frame = frame.f_back
    return False


def _repeat(signal_number: int) -> None:
    """Send the signal to this process again, after ``_AGAIN_SECONDS``."""
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal_number))
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)


@contextmanager
def interruptible(kind: type[Interrupted]) -> Iterator[None]:
    """Let signals raise ``kind`` in this block, except ignored signals and those with a handler of another library.

    If the exception is raised where Python can only report it, e.g. in a finalizer, the signal is sent again. If native
    code turns the exception into one of its own, the original is raised at the end of the block.
    """
    old, hook = {}, sys.unraisablehook
    _Raised.error = None

    def raise_kind(signal_number: int, frame: FrameType | None) -> None:
        interrupt(signal_number, frame, kind)

    def unraisable(report: sys.UnraisableHookArgs) -> None:
        if isinstance(report.exc_value, Interrupted):
            _repeat(report.exc_value.signal_number)
        else:
            hook(report)

    try:
        for signal_number in ENDING:
            if signal.getsignal(signal_number) in (signal.SIG_DFL, signal.default_int_handler, exit_at_once):
                old[signal_number] = signal.signal(signal_number, raise_kind)
    except ValueError:  # not in the main thread
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
        for signal_number, handler in old.items():
            signal.signal(signal_number, handler)
