"""The commands about configurations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nlptrain.config import CommandConfig


@click.group()
def config() -> None:
    """Look at configurations."""


@config.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--command", help="The command that the file is for (default: found out).")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="As in the training commands.")
def show(config: Path, command: str | None, settings: tuple[str, ...]) -> None:
    """Print a configuration as it is resolved, each value with its origin.

    \b
    Reads   CONFIG and the files that its base: names.
    Writes  key, value and origin (default, file, base, --set) to standard output,
            and how large the student is, once the models that it is built from are there.

    Example: nlptrain config show configs/demo/tagger_kd.yaml --set train.steps=500
    """  # noqa: D301 - click reads the character
    from nlptrain.config import COMMANDS, command_of, describe, load_config
    from nlptrain.errors import InputError

    name = command or command_of(config, settings, {})
    if name not in COMMANDS:
        raise InputError(f"--command {name}: unknown command; choose from {', '.join(COMMANDS)}")
    loaded = load_config(COMMANDS[name], config, settings, check_files=False)
    rows = describe(loaded)
    click.echo(f"# nlptrain {name} {config}")
    wide = max(len(key) for key, _, _ in rows)
    shown = {key: "null" if value is None else str(value) for key, value, _ in rows}
    most = min(60, max(map(len, shown.values())))
    for key, _, origin in rows:
        click.echo(f"{key:{wide}}  {shown[key]:{most}}  {origin}")
    _echo_student(loaded.config)


def _echo_student(config: CommandConfig) -> None:
    from nlptrain.cli.sizes import describe_student
    from nlptrain.errors import InputError

    try:
        if line := describe_student(config):
            click.echo(f"# {line}")
    except InputError as error:
        first = str(error).split("\n")[0]
        click.echo(f"# student: how large it is cannot be said yet: {first}")
