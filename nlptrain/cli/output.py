"""Output of the commands: printable lines and tables for people, and data as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING

import click

from nlptrain.urls import redact
from nlptrain_runtime.errors import message_line, printable

if TYPE_CHECKING:
    from rich.table import Table

    from nlptrain.analysis.comparison import Row
    from nlptrain.analysis.significance import Bootstrap
    from nlptrain.deployment.benchmark import Speed


def echo_line(text: str, *, err: bool = False) -> None:
    """Print one line for people: printable, and shortened. A closed pipe stops no command."""
    with suppress(BrokenPipeError):
        click.echo(message_line(redact(text)), err=err)


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


def new_table(title: str | None = None) -> Table:
    """Return an empty table in the style of all commands."""
    from rich.box import SIMPLE
    from rich.table import Table

    return Table(box=SIMPLE, title=title, title_justify="left")


def add_row(table: Table, *cells: str) -> None:
    """Add ``cells`` to ``table``, printable."""
    table.add_row(*map(printable, cells))


def print_table(table: Table) -> None:
    """Print ``table``, without a meaning for ``[red]`` or ``:house:`` in its cells."""
    from rich.console import Console

    width = None if Console().is_terminal else 140
    with suppress(BrokenPipeError):
        Console(soft_wrap=False, highlight=False, markup=False, emoji=False, width=width).print(table)


def print_comparison(rows: Sequence[Row], teacher: float | None) -> None:
    """Print ``rows`` with their overall figures, then the F1 of each type."""
    metric = rows[0].scores[rows[0].split]["metric"]
    has_speeds = any(row.words_per_second for row in rows)
    title = printable(f"{rows[0].split} {metric}") + "; words/s on one thread" * has_speeds
    table = new_table(title)
    table.add_column("run", overflow="fold")
    has_spread = any(row.spread for row in rows)
    for name in (
        printable(metric),
        *(["spread"] if has_spread else []),
        "of teacher's",
        "parameters",
        "MB",
        *(["words/s", "speed"] if has_speeds else []),
        "steps",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("table from", overflow="fold")
    base = next((row.words_per_second for row in rows if row.command == "transformer_token"), 0.0)
    for row in rows:
        add_row(
            table,
            row.run if row.seeds is None else f"{row.run} ({len(row.seeds)} seeds)",
            f"{row.score:.4f}",
            *([_range(row.spread) if row.spread else ""] if has_spread else []),
            f"{row.score / teacher:.1%}" if teacher else "",
            f"{row.scores['parameters']:,}",
            f"{row.scores['bytes'] / 1e6:.1f}",
            *(
                [f"{row.words_per_second:,.0f}", f"{row.words_per_second / base:.1f}x" if base else ""]
                if has_speeds
                else []
            ),
            f"{row.scores['steps']:,}",
            row.scores.get("table") or "",
        )
    print_table(table)
    _print_types(rows)


def _print_types(rows: Sequence[Row]) -> None:
    types = sorted({name for row in rows for name in row.scores[row.split]["types"]})
    detail = new_table("F1 per type")
    detail.add_column("type")
    names = [PurePath(row.run).name for row in rows]
    for row, name in zip(rows, names, strict=True):
        detail.add_column(printable(name if names.count(name) == 1 else row.run), justify="right", overflow="fold")
    for name in types:
        values = (row.scores[row.split]["types"].get(name) for row in rows)
        add_row(detail, name, *(f"{value['f1']:.4f}" if value else "" for value in values))
    print_table(detail)


def print_differences(bootstrap: Bootstrap, metric: str) -> None:
    """Print the differences of the students in ``metric`` from the teacher and the controls, with intervals."""
    resamples = f"{bootstrap.resamples:,} resamples of {bootstrap.sentences:,} sentences"
    title = f"{printable(metric)}, differences: {resamples}, 95 % intervals"
    table = new_table(title)
    table.add_column("run", overflow="fold")
    table.add_column("against", overflow="fold")
    for name in ("difference", "interval", "p", "of teacher's", "interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for difference in bootstrap.differences:
        add_row(
            table,
            difference.run,
            difference.against,
            f"{difference.difference:+.4f}",
            _range(difference.interval, "+.4f"),
            f"{difference.p:.3g}",
            "" if difference.share is None else f"{difference.share:.1%}",
            "" if difference.share_interval is None else _range(difference.share_interval, ".1%"),
        )
    print_table(table)


def _range(ends: tuple[float, float], form: str = ".4f") -> str:
    return f"{ends[0]:{form}} to {ends[1]:{form}}"


def print_speeds(speeds: Sequence[Speed], threads: int) -> None:
    """Print the speeds of a benchmark; the first row is the reference of the others."""
    title = f"raw text to entities, {threads} thread{'s' if threads > 1 else ''}; one sentence: 20 words"
    table = new_table(title)
    table.add_column("model", overflow="fold")
    table.add_column("in", no_wrap=True)
    for name in ("words/s", "speed", "p50 ms", "p95 ms", "speed", "cold s", "peak MB", "MB"):
        table.add_column(name, justify="right", no_wrap=True)
    first = speeds[0]
    for speed in speeds:
        add_row(
            table,
            speed.name,
            f"{speed.runtime} {speed.precision}",
            f"{speed.words_per_second:,.0f}",
            f"{speed.words_per_second / first.words_per_second:,.1f}x",
            f"{speed.p50:.2f}",
            f"{speed.p95:.2f}",
            f"{first.p50 / speed.p50:,.1f}x",
            f"{speed.cold_start:.2f}",
            f"{speed.peak / 1e6:,.0f}",
            f"{speed.size / 1e6:.1f}",
        )
    print_table(table)
