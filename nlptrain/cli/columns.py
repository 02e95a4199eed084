"""The options of commands that read gold files, to what readers take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, get_args

import click

from nlptrain.cli.errors import Choice
from nlptrain.config.data import DataConfig, Format
from nlptrain.errors import InputError

Command = TypeVar("Command", bound=Callable[..., Any])
SCHEMES = ("iob1", "iob2", "iobes", "bilou")


def gold_options(what: str, *, option: str = "--format") -> Callable[[Command], Command]:
    """The options that say how the gold files ``what`` are written; ``option`` names their format."""

    def decorate(command: Command) -> Command:
        for one in (
            click.option(
                "--scheme",
                default="auto",
                type=Choice(["auto", *SCHEMES, "plain"]),
                help=f"How the tags of {what} are written (default: found out).",
            ),
            click.option("--sentences-column", help=f"Column of the sentences' names of {what}, where these are CSV."),
            click.option("--tags-column", help=f"Column of the tags of {what}: a number, upos or xpos, or a name."),
            click.option(
                "--words-column",
                help=f"Column of the words of {what}: a number from 1, negative from the end, or a name.",
            ),
            click.option(
                option,
                "data_format",
                default="auto",
                type=Choice(["auto", *get_args(Format)]),
                help=f"Format of {what} (default: by suffix).",
            ),
        ):
            command = one(command)
        return command

    return decorate


def data_config(
    data_format: str,
    words: str | None,
    tags: str | None,
    sentences: str | None,
    scheme: str,
    *,
    pretokenized: bool = False,
) -> DataConfig:
    """How files are written, by the options of a command.

    Raises:
        InputError: a column is neither a name nor a number from 1 or from -1.
    """
    from pydantic import ValidationError

    columns = {"words": _column(words), "tags": _column(tags), "sentences": _column(sentences)}
    given = {"format": data_format, "columns": columns, "scheme": scheme, "pretokenized": pretokenized}
    try:
        return DataConfig.model_validate(given)
    except ValidationError as error:
        raise InputError(
            "--words-column, --tags-column, --sentences-column: must be names, or numbers from 1 or, backwards, from -1"
        ) from error


@contextmanager
def keys_as_options(format_option: str = "--format") -> Iterator[None]:
    """Faults of gold files name the keys of a configuration; here, where there is none, options say the same."""
    names = {f"data.columns.{part}": f"--{part}-column" for part in ("words", "tags", "sentences")}
    names |= {"data.scheme": "--scheme", "data.format": format_option}
    try:
        yield
    except InputError as error:
        said = str(error).replace("(data.columns)", "(--words-column, --tags-column)")
        for key, option in names.items():
            said = said.replace(f"set {key} to", f"give {option}").replace(key, option)
        said = said.replace(f"set {format_option}", f"give {format_option}")
        raise InputError(*said.split("\n")) from error


def _column(given: str | None) -> int | str | None:
    return int(given) if given and given.removeprefix("-").isdecimal() else given
