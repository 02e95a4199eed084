"""End a process by a signal, with a line and the exit code that shells expect, and without a traceback."""

from __future__ import annotations

import os
import signal

# On Windows there is no SIGHUP.
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def end_at_once(number: int, _: object) -> None:
    """End this process with the exit code 128 + ``number``: a handler for times at which there is nothing to save."""
    if os.environ.get("RANK", "0") in ("", "0"):  # of several processes, one reports
        line = f"stopped by {signal.Signals(number).name}; give the same command again\n"
        try:
            os.write(2, line.encode())
        except OSError:
            pass
    os._exit(128 + number)


def end_by_signals() -> None:
    """Let each signal that is not ignored (as ``nohup`` has it) end this process at once."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end_at_once)
