"""End a process on a signal, with one line and the exit code that shells expect, without a traceback."""

from __future__ import annotations

import os
import signal

# On Windows there is no SIGHUP.
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def exit_at_once(signal_number: int, _: object) -> None:
    """Handle a signal while there is nothing to save: end this process with the exit code 128 + ``signal_number``."""
    if os.environ.get("RANK", "0") in ("", "0"):  # of several processes, rank 0 reports
        line = f"stopped by {signal.Signals(signal_number).name}; give the same command again\n"
        try:
            os.write(2, line.encode())
        except OSError:
            pass
    os._exit(128 + signal_number)


def exit_at_signals() -> None:
    """Make each signal that is not ignored (as under ``nohup``) end this process at once."""
    for signal_number in ENDING:
        if signal.getsignal(signal_number) is not signal.SIG_IGN:
            signal.signal(signal_number, exit_at_once)
