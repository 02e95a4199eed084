"""Errors of the command line: lines for invalid input and usage, with the options of the command that runs."""

from __future__ import annotations

import difflib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import click

from nlptrain.errors import PROBLEMS_FILE, InputError
from nlptrain_runtime.errors import message_line

RANK_ZERO_SECONDS = 5.0  # in which rank 0 reports an error that all ranks have


def is_secondary_rank() -> bool:
    """Return whether a launcher started this process with a rank other than 0."""
    return os.environ.get("WORLD_SIZE", "1") not in ("", "1") and os.environ.get("RANK", "0") != "0"


class CommandError(click.ClickException):
    """Invalid input: one line per problem, exit code 2."""

    exit_code = 2

    def __init__(self, error: InputError, name_of: Callable[[str], str] = str) -> None:
        """Take the error, and the names that the command has for configuration keys."""
        self.lines = error.lines(name_of)
        self.problems = error.problems
        super().__init__("\n".join(self.lines))

    def show(self, file: IO[Any] | None = None) -> None:
        """Print each line after ``error:``; of several ranks with the same error, rank 0 prints it."""
        if is_secondary_rank():
            time.sleep(RANK_ZERO_SECONDS)  # the launcher ends this process first, if rank 0 has ended
        for line in self.lines:
            click.echo(f"error: {line}", file=file, err=file is None)
        if path := os.environ.get(PROBLEMS_FILE):  # set by `nlptrain run`, which started this process
            with suppress(OSError):
                Path(path).write_text(json.dumps([problem.to_json() for problem in self.problems]), encoding="utf-8")


def os_error(error: OSError) -> CommandError:
    """Return an error with the file of ``error`` and its reason."""
    return CommandError(InputError(error.strerror or str(error), location=str(error.filename or "")))


def usage_error(error: click.UsageError) -> click.ClickException:
    """Return ``error`` as one line for an unknown option or a bad value, and else with a printable message."""
    if isinstance(error, click.NoSuchOption):
        similar = ", ".join(error.possibilities or ())
        path = error.ctx.command_path if error.ctx else ""
        hint = _suggested_key(error) or (f"did you mean {similar}?" if similar else f"{path} --help lists all")
        return CommandError(InputError("there is no such option", location=error.option_name, hint=hint))
    if isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter):
        return CommandError(InputError(error.format_message()))
    return click.UsageError(message_line(error.format_message()), error.ctx)


class SuggestingGroup(click.Group):
    """A group of commands that suggests the most similar one for a misspelled command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that ``args`` name.

        Raises:
            CommandError: there is no such command.
        """
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            similar = difflib.get_close_matches(name, self.commands, n=1)
            hint = f"Did you mean {similar[0]!r}?" if similar else f"{ctx.command_path} --help lists all."
            raise CommandError(InputError(f"No such command {name!r}. {hint}"))
        return super().resolve_command(ctx, args)


def _suggested_key(error: click.NoSuchOption) -> str | None:
    """Suggest the configuration keys whose last part is the unknown option, or similar to it."""
    from nlptrain.config import COMMANDS
    from nlptrain.config.schema import keys

    model = COMMANDS.get(error.ctx.info_name or "") if error.ctx else None
    if model is None:
        return None
    keys_by_name: dict[str, list[str]] = {}
    for key in keys(model):
        if not key.is_map:
            keys_by_name.setdefault(key.name.rpartition(".")[2], []).append(key.name)
    option = error.option_name.lstrip("-").replace("-", "_").rpartition(".")[2]
    similar = [] if error.possibilities else difflib.get_close_matches(option, keys_by_name, n=1)
    suggested = keys_by_name.get(option) or [key for name in similar for key in keys_by_name[name]]
    settings = " or ".join(f"--set {key}=VALUE" for key in dict.fromkeys(suggested))
    return f"did you mean {settings}?" if suggested else None
