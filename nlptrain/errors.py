"""The one error that is the user's to mend: it ends a command with a sentence and exit code 2, never a traceback."""


class InputError(Exception):
    """What was found, where, and what would be right; one line a fault.

    The command line prints each line after ``error:`` and exits with code 2.
    """
