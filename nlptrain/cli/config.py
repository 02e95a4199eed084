"""The commands about configurations."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def config() -> None:
    """Look at configurations."""


@config.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--command", help="The command that the file is for (default: found out).")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="As in the training commands.")
def show(config: Path, command: str | None, settings: tuple[str, ...]) -> None:
    r"""Print a configuration as it is resolved, each value with its origin.

    \b
    Reads   CONFIG and the files that its base: names.
    Writes  key, value and origin (default, file, base, --set) to standard output.

    Example: nlptrain config show configs/demo/tagger_kd.yaml --set train.steps=500
    """
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
