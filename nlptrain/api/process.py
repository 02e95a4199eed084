"""What a function changes in the process of its caller, and restores: threads, messages of libraries, signals."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, enable_progress_bars

from nlptrain.data.remote_files import forget_copies
from nlptrain.errors import InputError, Interrupted
from nlptrain.run.run import quiet_transformers


@contextmanager
def restoring() -> Iterator[None]:
    """Restore the threads of torch, and the messages and progress bars of transformers and the Hub, after this block.

    Files of URLs that have changed since the last call are downloaded again.

    A signal that stopped a run is raised as in any program: Ctrl-C as a KeyboardInterrupt.
    """
    forget_copies()
    threads, shows_bars = torch.get_num_threads(), not are_progress_bars_disabled()
    with quiet_transformers():
        try:
            yield
        except Interrupted as error:
            if error.signal_number == signal.SIGINT:
                raise KeyboardInterrupt from error
            os.kill(os.getpid(), error.signal_number)  # now with the program's own handler
            raise
        finally:
            torch.set_num_threads(threads)
            if shows_bars:
                enable_progress_bars()


def check_not_imported_by_worker() -> None:
    """Check that this is not a process that a run has started, which imports the program and so starts it again.

    Raises:
        InputError: it is.
    """
    frame = sys._getframe()  # noqa: SLF001 - inspect.stack reads all source files
    while frame := frame.f_back:  # type: ignore[assignment]
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__mp_main__":
            raise InputError(
                "the processes that it starts import this program, and would start it again",
                location=f"{frame.f_code.co_filename}:{frame.f_lineno}",
                hint='put the call below if __name__ == "__main__":',
            )
