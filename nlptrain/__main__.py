"""The process of a command, which is also what `torchrun` starts: signals, standard streams, then the command line."""

from __future__ import annotations

import io
import os
import sys

TYPE_CHECKING = False  # importing typing takes milliseconds, in which a signal would end in a traceback
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any


class _Stream(io.FileIO):
    """A standard stream that writes to the null device after its first error, because Python flushes again at exit.

    An error of standard error is ignored: an unread log does not stop a run.
    """

    def write(self, data: Any) -> int:  # noqa: ANN401
        try:
            return super().write(data)
        except OSError as error:
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            except OSError:
                pass
            if self.fileno() == 2:
                return len(data)
            error.filename = "standard output"
            raise


def main() -> None:
    """Run the command line so that signals end it without a traceback from here on, whatever is being imported."""
    try:
        from nlptrain_runtime.signals import exit_at_signals

        exit_at_signals()
    except KeyboardInterrupt:
        os._exit(130)

    open_streams()
    sys.excepthook = _print_traceback

    from nlptrain.cli.main import main as command

    command()


def _print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of an unexpected error without the credentials of URLs."""
    from traceback import format_exception

    from nlptrain.urls import redact

    sys.stderr.write(redact("".join(format_exception(kind, error, trace))))


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


def _leave_ctrl_c_to_the_parent() -> None:
    """Ignore SIGINT in a worker: a terminal sends it to all processes, and the one that started them passes it on."""
    import multiprocessing
    import signal

    if multiprocessing.parent_process() is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main()
elif "multiprocessing.spawn" in sys.modules:
    _leave_ctrl_c_to_the_parent()
