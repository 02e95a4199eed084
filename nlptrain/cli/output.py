"""What commands print: lines and tables for people, which are made printable, and data, which is left as it is."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from nlptrain_runtime.errors import message_line, printable

if TYPE_CHECKING:
    from rich.table import Table


def echo_line(text: str, *, err: bool = False) -> None:
    """Print one line for people: printable, and shortened. Nobody has to read it: a closed pipe stops no command."""
    with suppress(BrokenPipeError):
        click.echo(message_line(text), err=err)


def echo_lines(text: str, *, err: bool = False) -> None:
    """Print each of the lines of ``text`` for people."""
    for line in text.split("\n"):
        echo_line(line, err=err)


def echo_json(value: object) -> None:
    """Print ``value`` as JSON in ASCII, at the end of a command whose exit code matters more than its reader."""
    with suppress(BrokenPipeError):
        click.echo(json.dumps(value, indent=2))


def echo_data(text: str, *, nl: bool = True) -> None:
    """Print data exactly as it is (``click.echo`` removes escape sequences from what goes into a file).

    Raises:
        BrokenPipeError: the reader has closed the pipe.
    """
    click.echo(text, nl=nl, color=True)


def add_row(table: Table, *cells: str) -> None:
    """Add ``cells`` to ``table``, printable."""
    table.add_row(*map(printable, cells))


def print_table(table: Table) -> None:
    """Print ``table``, without a meaning for ``[red]`` or ``:house:`` in its cells."""
    from rich.console import Console

    width = None if Console().is_terminal else 140
    with suppress(BrokenPipeError):
        Console(soft_wrap=False, highlight=False, markup=False, emoji=False, width=width).print(table)
