"""Tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from nlptrain.insight.comparison import Row


def print_comparison(rows: Sequence[Row], teacher: float | None) -> None:
    """Print ``rows`` with their overall figures, then the F1 of each type."""
    console = Console(soft_wrap=False, highlight=False, width=None if Console().is_terminal else 140)
    metric = rows[0].scores[rows[0].split]["metric"]
    table = Table(box=SIMPLE, title=f"{rows[0].split} {metric}; words/s on one thread", title_justify="left")
    table.add_column("run", overflow="fold")
    for name in (metric, "of teacher's", "parameters", "MB", "words/s", "speed"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("table from", overflow="fold")
    base = next((row.words_per_second for row in rows if row.command == "transformer_token"), 0.0)
    for row in rows:
        table.add_row(
            row.run,
            f"{row.score:.4f}",
            f"{row.score / teacher:.1%}" if teacher else "",
            f"{row.scores['parameters']:,}",
            f"{row.scores['bytes'] / 1e6:.1f}",
            f"{row.words_per_second:,.0f}" if row.words_per_second else "",
            f"{row.words_per_second / base:.1f}x" if base else "",
            row.scores.get("table") or "",
        )
    console.print(table)
    types = sorted({name for row in rows for name in row.scores[row.split]["types"]})
    detail = Table(box=SIMPLE, title="F1 per type", title_justify="left")
    detail.add_column("type")
    names = [PurePath(row.run).name for row in rows]
    for row, name in zip(rows, names, strict=True):
        detail.add_column(name if names.count(name) == 1 else row.run, justify="right", overflow="fold")
    for name in types:
        values = (row.scores[row.split]["types"].get(name) for row in rows)
        detail.add_row(name, *(f"{value['f1']:.4f}" if value else "" for value in values))
    console.print(detail)
