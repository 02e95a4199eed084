"""Options that several commands share, their shell completion, and the configuration keys that options set."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import click
from click.shell_completion import CompletionItem

from nlptrain.config.data import Align, ColumnsConfig, DataConfig
from nlptrain.config.formats import readable_formats
from nlptrain.errors import InputError, Setting
from nlptrain_runtime.errors import quoted

Command = TypeVar("Command", bound=Callable[..., Any])
_GOLD_COMMANDS = ("convert", "data", "evaluate", "split")  # those with gold_options
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

    For ``run``, these are the keys of all commands; for commands that read gold files alone, those of ``data``.
    """
    from nlptrain.config import COMMANDS
    from nlptrain.config.schema import keys

    models = [COMMANDS[ctx.info_name]] if ctx.info_name in COMMANDS else list(COMMANDS.values())
    every_key = [key for model in models for key in keys(model) if not key.is_map]
    if ctx.info_name in _GOLD_COMMANDS:
        every_key = [key for key in every_key if key.name.startswith("data.")]
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
    """Return the options that describe gold files; ``data_config`` takes their values.

    Args:
        files: the argument that names the files, for the help texts.
        format_option: name of the option for their format.
    """

    def decorate(command: Command) -> Command:
        for option in (
            set_option(f"Set another key of data for {files}, e.g. --set data.max_faulty=0.1; may be repeated."),
            key_option(
                "--strict", key="data.strict", is_flag=True, help=f"Refuse {files} with any fault, and list all."
            ),
            key_option(
                "--align",
                key="data.align",
                type=Choice(get_args(Align)),
                help="Labeled spans that cut a word: expand (default) or contract them, split the word, skip the span, "
                "or strict: a fault.",
            ),
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
                help=f"Format of {files} (default: by content, else by suffix).",
            ),
        ):
            command = option(command)
        return command

    return decorate


def data_config(
    options: Mapping[str, Any], *, path: Path | None = None, keys: Mapping[str, object] | None = None
) -> DataConfig:
    """Return the configuration that the values of ``gold_options`` describe.

    Args:
        options: the values.
        path: a YAML file whose ``data`` they override; None: there is none.
        keys: further keys of ``data``.

    Raises:
        InputError: a column is neither a name nor a number from 1 or from -1, or a key is invalid.
    """
    from nlptrain.config.loading import load_data_config

    for setting in options["settings"]:
        if not setting.startswith("data."):
            raise InputError(
                f"found {quoted(setting)}", location=Setting("settings"), expected="data.KEY=VALUE, a key of data"
            )
    columns = {key: _column(options[f"{key}_column"]) for key in ("words", "tags", "sentences")}
    given = {
        "data.format": options["data_format"],
        "data.scheme": options["scheme"],
        "data.align": options["align"],
        "data.strict": options["strict"],
        **{f"data.columns.{key}": value for key, value in _checked(columns).items()},
        **{f"data.{key}": value for key, value in (keys or {}).items()},
    }
    flags = {key: value for key, value in given.items() if value not in (None, "auto", False)}
    return load_data_config(path, options["settings"], flags or {"data": {}})


def _checked(columns: Mapping[str, int | str | None]) -> Mapping[str, int | str | None]:
    """Return ``columns``.

    Raises:
        InputError: one is neither a name nor a number from 1 or from -1.
    """
    from pydantic import ValidationError

    try:
        ColumnsConfig.model_validate(columns)
    except ValidationError as error:
        given = {key: value for key, value in columns.items() if value is not None}
        raise InputError(
            f"found {', '.join(map(repr, given.values()))}",
            location=_joined([Setting(f"data.columns.{key}") for key in given]),
            expected="names, or numbers from 1 or, counted from the end, from -1",
        ) from error
    return columns


def _joined(settings: list[Setting]) -> tuple[str | Setting, ...]:
    return tuple(part for setting in settings for part in (", ", setting))[1:]


def _column(text: str | None) -> int | str | None:
    return int(text) if text and text.removeprefix("-").isdecimal() else text
