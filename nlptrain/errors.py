"""Errors that the user can fix, as objects with fields, and the exception that a signal raises."""

from __future__ import annotations

import difflib
import os
import re
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from nlptrain.urls import hide_credentials, is_output_url, redact
from nlptrain_runtime.errors import message_line

# Names a file, as an environment variable, to which a command that fails writes its problems as JSON.
PROBLEMS_FILE = "NLPTRAIN_PROBLEMS_FILE"
_ENTRIES = 10_000  # of a folder that are compared, at most


@dataclass(frozen=True)
class Setting:
    """A configuration key in an error.

    Each interface shows it by its own name: the key itself (``output_dir``), or a command's option (``--output-dir``).
    """

    key: str


Text = str | Setting | tuple[str | Setting, ...]


@dataclass(frozen=True)
class Problem:
    """One fault of the input.

    Attributes:
        found: what is there, e.g. ``found 3 columns``.
        location: where: ``FILE:LINE``, a folder, or a configuration key.
        expected: what would be right, e.g. ``4 columns, as in line 1``.
        hint: what to do about it, e.g. ``did you mean 'person'?``.
    """

    found: Text
    location: Text = ""
    expected: Text = ""
    hint: Text = ""

    def render(self, name_of: Callable[[str], str] = str) -> str:
        """Return ``LOCATION: FOUND; expected EXPECTED; HINT`` without the fields that are empty, and without secrets.

        Args:
            name_of: maps a configuration key to the name that the reader knows it by.
        """
        location, found, expected, hint = (
            _render(text, name_of) for text in (self.location, self.found, self.expected, self.hint)
        )
        parts = [found, f"expected {expected}" if expected else "", hint]
        message = "; ".join(part for part in parts if part)
        return redact(f"{location}: {message}" if location else message)

    def to_json(self) -> dict[str, list[str | dict[str, str]]]:
        """Return the fields as lists of texts and of ``{"key": KEY}``."""
        return {
            name: [{"key": part.key} if isinstance(part, Setting) else redact(part) for part in _parts(text)]
            for name, text in vars(self).items()
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Sequence[str | Mapping[str, str]]]) -> Problem:
        """Return the problem that ``to_json`` wrote."""
        texts = {
            name: tuple(part if isinstance(part, str) else Setting(part["key"]) for part in parts)
            for name, parts in fields.items()
        }
        return cls(**texts)


class InputError(Exception):
    """Invalid input, with one ``Problem`` per fault.

    The command line prints one line per problem after ``error:`` and exits with code 2. Lines are printable and of
    bounded length, whatever names and values they quote.

    Example:
        ``raise InputError("found 3 columns", location=f"{path}:{line}", expected="4, as in line 1")``
    """

    def __init__(self, *problems: Problem | Text, location: Text = "", expected: Text = "", hint: Text = "") -> None:
        """Take problems, or the ``found`` texts of problems that share the other fields."""
        super().__init__(
            *(
                problem if isinstance(problem, Problem) else Problem(problem, location, expected, hint)
                for problem in problems
            )
        )

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The faults, in the order in which they were found."""
        return self.args

    def lines(self, name_of: Callable[[str], str] = str) -> list[str]:
        """Return one printable line per problem; ``name_of`` as for ``Problem.render``."""
        return [message_line(problem.render(name_of)) for problem in self.problems]

    def __str__(self) -> str:
        """Return the lines, with configuration keys by their own names."""
        return "\n".join(self.lines())


class Interrupted(BaseException):
    """A signal asked the run to stop; its number decides the exit code (130 for SIGINT, 143 for SIGTERM).

    Derives from ``BaseException``, so that a library's ``except Exception`` cannot swallow it.
    """

    def __init__(self, signal_number: int) -> None:
        """Record the signal."""
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


def join_texts(*texts: Text) -> Text:
    """Return ``texts`` one after the other, as a string if none of them has a ``Setting``."""
    parts = tuple(part for text in texts for part in _parts(text))
    return "".join(map(str, parts)) if all(isinstance(part, str) for part in parts) else parts


def check_local(path: str | Path) -> None:
    """Check that ``path``, of something to write, is not a URL.

    Raises:
        InputError: it is one.
    """
    if is_output_url(path):
        url = hide_credentials(re.sub(":/+", "://", str(path), count=1))
        raise InputError(f"found the URL {url}", expected="a local path", hint="results are written to local folders")


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'person'?`` with the most similar of the ``known`` names, or "" if none is similar."""
    similar = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {similar[0]!r}?" if similar else ""


def path_suggestion(path: Path) -> str:
    """Return ``did you mean 'data/train.conll'?`` with a similar name from the folder of ``path``, or ""."""
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in islice(entries, _ENTRIES)]
    except (OSError, ValueError):  # the folder is missing or unreadable
        return ""
    similar = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean '{path.parent / similar[0]}'?" if similar else ""


def _parts(text: Text) -> tuple[str | Setting, ...]:
    return text if isinstance(text, tuple) else (text,)


def _render(text: Text, name_of: Callable[[str], str]) -> str:
    return "".join(name_of(part.key) if isinstance(part, Setting) else part for part in _parts(text))
