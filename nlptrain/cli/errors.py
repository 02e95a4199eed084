"""Errors of the command line: messages for invalid input and usage, and suggestions for misspelled options."""

from __future__ import annotations

import difflib
import os
import time
from typing import IO, Any

import click

from nlptrain_runtime.errors import message_line

RANK_ZERO_SECONDS = 5.0  # in which rank 0 reports an error that all ranks have


def is_secondary_rank() -> bool:
    """Return whether a launcher started this process with a rank other than 0."""
    return os.environ.get("WORLD_SIZE", "1") not in ("", "1") and os.environ.get("RANK", "0") != "0"


class CommandError(click.ClickException):
    """Invalid input: one line per error, exit code 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print each line after ``error:``; of several ranks with the same error, rank 0 prints it."""
        if is_secondary_rank():
            time.sleep(RANK_ZERO_SECONDS)  # the launcher ends this process first, if rank 0 has ended
        for line in self.message.split("\n"):
            click.echo(f"error: {message_line(line)}", file=file, err=file is None)


def os_error(error: OSError) -> CommandError:
    """Return an error with the file of ``error`` and its reason."""
    where = f"{error.filename}: " if error.filename else ""
    return CommandError(message_line(f"{where}{error.strerror or error}"))


def printable_usage_error(error: click.UsageError) -> click.UsageError:
    """Return ``error`` with a message of one printable line."""
    return click.UsageError(message_line(error.format_message()), error.ctx)


class Choice(click.Choice):  # type: ignore[type-arg]  # generic from click 8.2 on
    """A choice whose error suggests the most similar word."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Return the word that ``value`` is.

        Raises:
            click.BadParameter: ``value`` is not one of the words.
        """
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            near = difflib.get_close_matches(str(value), list(map(str, self.choices)), n=1)
            if not near:
                raise
            raise click.BadParameter(f"{error.message} Did you mean {near[0]!r}?", ctx, param) from error


def usage_message(error: click.UsageError) -> str | None:
    """Return the message for an unknown command or option, or for an invalid value; None for other usage errors."""
    if isinstance(error, click.NoSuchOption):
        similar = ", ".join(error.possibilities or ())
        hint = (
            f"did you mean {similar}?" if similar else f"{error.ctx.command_path if error.ctx else ''} --help lists all"
        )
        return f"{error.option_name}: there is no such option; {_suggested_key(error) or hint}"
    message = error.format_message()
    if message.startswith("No such command"):
        where = error.ctx.command_path if error.ctx else ""
        return message if "Did you mean" in message else f"{message} {where} --help lists all."
    if isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter):
        return message
    return None


def _suggested_key(error: click.NoSuchOption) -> str | None:
    """Suggest the configuration keys whose last part is the unknown option, or similar to it."""
    from nlptrain.config import COMMANDS
    from nlptrain.config.schema import keys

    model = COMMANDS.get(error.ctx.info_name or "") if error.ctx else None
    if model is None:
        return None
    keys_by_name: dict[str, list[str]] = {}
    for key in keys(model):
        if not key.opens:
            keys_by_name.setdefault(key.name.rpartition(".")[2], []).append(key.name)
    option = error.option_name.lstrip("-").replace("-", "_").rpartition(".")[2]
    similar = [] if error.possibilities else difflib.get_close_matches(option, keys_by_name, n=1)
    suggested = keys_by_name.get(option) or [key for name in similar for key in keys_by_name[name]]
    settings = " or ".join(f"--set {key}=VALUE" for key in dict.fromkeys(suggested))
    return f"did you mean {settings}?" if suggested else None
