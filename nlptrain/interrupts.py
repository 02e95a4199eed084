"""Signals that stop a command, raised where an exception can be raised."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from nlptrain.errors import Interrupted
from nlptrain_runtime.signals import ENDING, end_at_once

_AGAIN_SECONDS = 0.05
_IMPORTS = "<frozen importlib._bootstrap>"
_waiting: set[int] = set()  # signals that a timer sends again


def interrupt(number: int, frame: FrameType | None, kind: type[Interrupted] = Interrupted) -> None:
    """Raise ``kind``; in the middle of an import, whose native code may not pass an exception on, after it.

    A second signal in the middle of the same import ends the process at once.

    Raises:
        Interrupted: no import is under way.
    """
    if not _imports(frame):
        raise kind(number)
    if number in _waiting:
        end_at_once(number, frame)
    _send_again(number)


def _imports(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTS:
            return True
        frame = frame.f_back
    return False


def _send_again(number: int) -> None:
    def send() -> None:
        _waiting.discard(number)
        os.kill(os.getpid(), number)

    _waiting.add(number)
    timer = threading.Timer(_AGAIN_SECONDS, send)
    timer.daemon = True
    timer.start()


@contextmanager
def interruptible(kind: type[Interrupted]) -> Iterator[None]:
    """Let signals raise ``kind`` in the block, except those that are ignored or that somebody else handles.

    An exception that is raised where Python can only report it, in a finalizer for example, is raised again elsewhere.
    """
    old, hook = {}, sys.unraisablehook

    def raise_kind(number: int, frame: FrameType | None) -> None:
        interrupt(number, frame, kind)

    def unraisable(report: sys.UnraisableHookArgs) -> None:
        if isinstance(report.exc_value, Interrupted):
            _send_again(report.exc_value.number)
        else:
            hook(report)

    try:
        for number in ENDING:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler, end_at_once):
                old[number] = signal.signal(number, raise_kind)
    except ValueError:  # another thread than the main one
        pass
    sys.unraisablehook = unraisable
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in old.items():
            signal.signal(number, handler)
