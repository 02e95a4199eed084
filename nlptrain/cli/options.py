"""Options that several commands share, their shell completion, and the configuration keys that options set."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from nlptrain.config.data import DataConfig
from nlptrain.config.formats import readable_formats
from nlptrain.errors import InputError, Setting

Command = TypeVar("Command", bound=Callable[..., Any])
SCHEMES = ("iob1", "iob2", "iobes", "bilou")


class KeyOption(click.Option):
    """An option that sets a configuration key: error messages show the option instead of the key."""

    def __init__(self, *declarations: Any, key: str, **attributes: Any) -> None:  # noqa: ANN401
        """Take what ``click.Option`` takes, and the ``key``; ``flags.KEY`` if messages show it as an origin only."""
        super().__init__(*declarations, **attributes)
        self.key = key


def key_option(*declarations: str, key: str, **attributes: Any) -> Callable[[Command], Command]:  # noqa: ANN401
    """Return a ``click.option`` that error messages show instead of the configuration ``key``."""
    return click.option(*declarations, cls=KeyOption, key=key, **attributes)


def option_names(command: click.Command) -> dict[str, str]:
    """Map each configuration key that ``command`` has an option for to that option, e.g. ``--output-dir``.

    The origin of a value that an option has set is its key after ``flags.``.
    """
    names = {option.key: option.opts[0] for option in command.params if isinstance(option, KeyOption)}
    names.update({f"flags.{key}": option for key, option in list(names.items())})
    for subcommand in command.commands.values() if isinstance(command, click.Group) else ():
        names.update(option_names(subcommand))
    return names


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
            similar = difflib.get_close_matches(str(value), list(map(str, self.choices)), n=1)
            if not similar:
                raise
            raise click.BadParameter(f"{error.message} Did you mean {similar[0]!r}?", ctx, param) from error


def set_option(description: str) -> Callable[[Command], Command]:
    """Return the option ``--set KEY=VALUE``, whose keys the shell completes."""
    return key_option(
        "--set",
        "settings",
        key="settings",
        metavar="KEY=VALUE",
        multiple=True,
        shell_complete=_complete_key,
        help=description,
    )


def _complete_key(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the keys that begin with ``incomplete`` and their meaning, or the words that a key may have after ``=``.

    For ``run``, these are the keys of all commands.
    """
    from nlptrain.config import COMMANDS
    from nlptrain.config.schema import keys

    models = [COMMANDS[ctx.info_name]] if ctx.info_name in COMMANDS else list(COMMANDS.values())
    every_key = [key for model in models for key in keys(model) if not key.is_map]
    name, equals, word = incomplete.partition("=")
    if equals:
        words = {value: key.description for key in every_key if key.name == name for value in key.words}
        return [
            CompletionItem(f"{name}={value}", help=text.split(". ")[0])
            for value, text in sorted(words.items())
            if value.startswith(word)
        ]
    descriptions = {key.name: key.description for key in every_key if key.name.startswith(incomplete)}
    return [CompletionItem(name, help=text.split(". ")[0]) for name, text in sorted(descriptions.items())]


def gold_options(files: str, *, format_option: str = "--format") -> Callable[[Command], Command]:
    """Return the options that describe gold files.

    Args:
        files: the argument that names the files, for the help texts.
        format_option: name of the option for their format.
    """

    def decorate(command: Command) -> Command:
        for option in (
            key_option(
                "--scheme",
                key="data.scheme",
                default="auto",
                type=Choice(["auto", *SCHEMES, "plain"]),
                help=f"Tag scheme of {files} (default: detected).",
            ),
            key_option(
                "--sentences-column",
                key="data.columns.sentences",
                help=f"Column of the sentence ids of {files}, if {files} is CSV.",
            ),
            key_option(
                "--tags-column",
                key="data.columns.tags",
                help=f"Column of the tags of {files}: a number, upos or xpos, or a name.",
            ),
            key_option(
                "--words-column",
                key="data.columns.words",
                help=f"Column of the words of {files}: a number from 1, negative from the end, or a name.",
            ),
            key_option(
                format_option,
                "data_format",
                key="data.format",
                default="auto",
                type=Choice(["auto", *readable_formats()]),
                help=f"Format of {files} (default: by content).",
            ),
        ):
            command = option(command)
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
    """Return the configuration that the values of ``gold_options`` describe.

    Raises:
        InputError: a column is neither a name nor a number from 1 or from -1.
    """
    from pydantic import ValidationError

    columns = {"words": _column(words), "tags": _column(tags), "sentences": _column(sentences)}
    values = {"format": data_format, "columns": columns, "scheme": scheme, "pretokenized": pretokenized}
    try:
        return DataConfig.model_validate(values)
    except ValidationError as error:
        given = {key: value for key, value in columns.items() if value is not None}
        raise InputError(
            f"found {', '.join(map(repr, given.values()))}",
            location=_joined([Setting(f"data.columns.{key}") for key in given]),
            expected="names, or numbers from 1 or, counted from the end, from -1",
        ) from error


def _joined(settings: list[Setting]) -> tuple[str | Setting, ...]:
    return tuple(part for setting in settings for part in (", ", setting))[1:]


def _column(text: str | None) -> int | str | None:
    return int(text) if text and text.removeprefix("-").isdecimal() else text
