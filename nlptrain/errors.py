"""How a command ends early: by an input that is the user's to mend, or by a signal."""

import signal

from nlptrain_runtime.printable import message_line


class InputError(Exception):
    """What was found, where, and what would be right; one argument and one line a fault.

    The command line prints each line after ``error:`` and exits with code 2. Lines are printable and of bounded length,
    whatever names and values they quote.
    """

    def __str__(self) -> str:
        """Return the lines."""
        return "\n".join(message_line(str(line)) for line in self.args)


class Interrupted(BaseException):
    """A signal asked the run to stop; its number decides the exit code (130 for SIGINT, 143 for SIGTERM).

    As ``KeyboardInterrupt`` it is no ``Exception``: it comes wherever the program stands, also in the middle of a
    library's ``except Exception``, which would take it for a fault of its own and go on.
    """

    def __init__(self, number: int) -> None:
        """Stopped by the signal ``number``."""
        super().__init__(signal.Signals(number).name)
        self.number = number
