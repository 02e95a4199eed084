"""The commands about configurations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nlptrain.cli.errors import SuggestingGroup
from nlptrain.cli.options import Choice, set_option
from nlptrain.cli.output import echo_line
from nlptrain.config.commands import COMMANDS
from nlptrain_runtime.errors import message_line

if TYPE_CHECKING:
    from nlptrain.config import CommandConfig


@click.group(cls=SuggestingGroup)
def config() -> None:
    """Show, check and create configurations."""


@config.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--command",
    type=Choice(list(COMMANDS)),
    metavar="COMMAND",
    help="The command that the file is for (default: detected).",
)
@set_option("As in the training commands.")
def show(config: Path, command: str | None, settings: tuple[str, ...]) -> None:
    """Print a resolved configuration, each value with its origin.

    \b
    Reads   CONFIG and the files that its base: names.
    Writes  key, value and origin (default, file, base, --set) to standard output,
            and the size of the student, if the models that it is built from exist.

    Example: nlptrain config show configs/demo/tagger_kd.yaml --set train.steps=500
    """  # noqa: D301 - click reads the character
    from nlptrain.config import COMMANDS, command_of, describe, load_config

    name = command or command_of(config, settings, {})
    loaded = load_config(COMMANDS[name], config, settings, check_files=False)
    rows = describe(loaded)
    echo_line(f"# nlptrain {name} {config}")
    wide = max(len(key) for key, _, _ in rows)
    shown = {key: "null" if value is None else message_line(str(value)) for key, value, _ in rows}
    most = min(60, max(map(len, shown.values())))
    for key, _, origin in rows:
        echo_line(f"{key:{wide}}  {shown[key]:{most}}  {origin}")
    _echo_student(loaded.config)


@config.command()
@click.argument("command", type=Choice(list(COMMANDS)), metavar="COMMAND")
def schema(command: str) -> None:
    """Print the JSON Schema of a command's YAML files, for editors.

    \b
    Reads   nothing; COMMAND is transformer_token, tagger, tagger_kd or pseudo_label.
    Writes  the schema to standard output. In an editor with a YAML language server,
            the first line of a file names it:
            # yaml-language-server: $schema=tagger_kd.schema.json

    Example: nlptrain config schema tagger_kd > tagger_kd.schema.json
    """  # noqa: D301 - click reads the character
    import json

    from nlptrain.config.schema import json_schema

    click.echo(json.dumps(json_schema(command), indent=2, ensure_ascii=False))


@config.command()
@click.argument("command", type=Choice(list(COMMANDS)), metavar="COMMAND")
def init(command: str) -> None:
    """Print a file to start from: required keys, and all others as comments.

    \b
    Reads   nothing; COMMAND is transformer_token, tagger, tagger_kd or pseudo_label.
    Writes  YAML to standard output; it runs once its paths are right.

    Example: nlptrain config init tagger_kd > student.yaml
    """  # noqa: D301 - click reads the character
    from nlptrain.config.schema import starter

    click.echo(starter(command), nl=False)


def _echo_student(config: CommandConfig) -> None:
    from nlptrain.errors import InputError
    from nlptrain.procedures import describe_student

    try:
        if line := describe_student(config):
            echo_line(f"# {line}")
    except InputError as error:
        first = str(error).split("\n")[0]
        echo_line(f"# student: its size is not known yet: {first}")
