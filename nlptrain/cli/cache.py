"""The commands ``cache``: the stored logits of teachers."""

from __future__ import annotations

from pathlib import Path

import click

from nlptrain.cli.errors import SuggestingGroup
from nlptrain.cli.options import key_option
from nlptrain.cli.output import add_row, echo_json, echo_line, new_table, print_table


def _local(_: click.Context, __: click.Parameter, value: str) -> Path:
    """Return the folder ``value``.

    Raises:
        InputError: it is a URL.
    """
    from nlptrain.errors import InputError
    from nlptrain.urls import hide_credentials, is_url

    if is_url(value):
        raise InputError(
            f"found {hide_credentials(value)}",
            location="TRANSFER_DIR",
            expected="a folder: below a URL, it is not known which runs need what",
            hint="remove the folders of teachers with the tools of the storage; `nlptrain cache list` shows them",
        )
    return Path(value)


_FOLDER = click.argument("folder", metavar="TRANSFER_DIR")


@click.group(cls=SuggestingGroup)
def cache() -> None:
    """List, verify and remove the stored logits of teachers."""


@cache.command("list")
@_FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_command(folder: str, as_json: bool) -> None:
    """List what is stored, teacher by teacher.

    \b
    Reads   TRANSFER_DIR: the transfer_dir of runs, by default the folder `transfer`
            next to their folders, or a URL.
    Writes  to standard output: each teacher with the number of its labels and blocks,
            the size of its files, the runs and labeled files that need them, and the
            files of their text; which ones these are is not known below a URL.

    Example: nlptrain cache list runs/transfer
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import list_transfer_set

    teachers = list_transfer_set(folder)
    if as_json:
        echo_json({"teachers": [teacher.to_json() for teacher in teachers]})
        return
    table = new_table()
    for column in ("teacher", "folder"):
        table.add_column(column, overflow="fold")
    for column in ("labels", "blocks", "MB"):
        table.add_column(column, justify="right")
    for column in ("runs", "text"):
        table.add_column(column, overflow="fold")
    for teacher in teachers:
        users = ("unknown" if names is None else ", ".join(names) or "none" for names in (teacher.runs, teacher.texts))
        numbers = (f"{teacher.labels:,}", f"{teacher.blocks:,}", f"{teacher.bytes / 1e6:,.1f}")
        add_row(table, teacher.teacher or "unknown", teacher.key, *numbers, *users)
    print_table(table)


@cache.command()
@_FOLDER
def verify(folder: str) -> None:
    """Read all stored logits, and move damaged files aside.

    \b
    Reads   TRANSFER_DIR: the transfer_dir of runs.
    Writes  each damaged file to NAME.damaged next to it, and a line about it to standard
            error; the next run that needs it labels its sentences again. Below a URL,
            damaged files are removed.

    Exit code 0 if all files are whole, 1 if some are damaged.

    Example: nlptrain cache verify runs/transfer
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import verify_transfer_set

    whole, damaged = verify_transfer_set(folder, lambda line: echo_line(line, err=True))
    echo_line(f"{whole:,} files are whole, {damaged:,} damaged")
    if damaged:
        raise click.exceptions.Exit(1)


@cache.command()
@click.argument("folder", metavar="TRANSFER_DIR", callback=_local)
@key_option("--dry-run", key="dry_run", is_flag=True, help="Count what would be removed, and remove nothing.")
def prune(folder: Path, dry_run: bool) -> None:
    """Remove the stored logits that no run needs.

    \b
    Reads   TRANSFER_DIR: the transfer_dir of runs.
    Writes  nothing; removes the blocks of all runs whose folders do not exist any more,
            and those of `nlptrain label` whose files do not, unless another one needs
            them, the encoded text of all runs, which takes little time to make again,
            damaged files, and those of earlier versions.

    Example: nlptrain cache prune runs/transfer --dry-run
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import prune_transfer_set

    result = prune_transfer_set(folder, dry_run=dry_run)
    verb = "would be removed" if dry_run else "removed"
    echo_line(
        f"{verb}: {result.blocks:,} blocks and {result.others:,} other files, {result.bytes / 1e6:,.1f} MB; "
        f"kept: {result.kept:,} blocks in use"
    )
