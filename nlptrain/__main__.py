"""The process of a command, which is also what `torchrun` starts: its signals and streams, then the command line."""

import os
import sys


def main() -> None:
    """Run the command line so that signals end it without a traceback from here on, whatever is being imported."""
    try:
        from nlptrain_runtime.signals import exit_at_signals

        exit_at_signals()
    except KeyboardInterrupt:
        os._exit(130)

    from nlptrain.streams import open_streams

    open_streams()

    from nlptrain.cli.main import main as command

    command()


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
