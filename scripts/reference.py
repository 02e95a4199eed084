"""Write the generated pages of docs/reference from the schema and the commands: python -m scripts.reference."""

from __future__ import annotations

from collections.abc import Iterator

import click

from nlptrain.cli.main import main as command_line
from nlptrain.config.formats import FORMATS
from nlptrain.config.schema import reference
from scripts.runs import ROOT

FOLDER = ROOT / "docs/reference"
_INTRO = """# Commands

The `--help` of each command. This page is generated from the commands by `python -m scripts.reference`. The keys of the
configuration files are in [configuration.md](configuration.md).

| command | what it does |
| --- | --- |
"""
_WIDTH = 86
_TABLE_START, _TABLE_END = "<!-- formats: from the registry, by scripts.reference -->", "<!-- end of formats -->"


def pages() -> dict[str, str]:
    """Return the text of each generated page by its file name."""
    return {"configuration.md": reference(), "cli.md": commands(), "formats.md": formats()}


def formats() -> str:
    """Return the page of formats with its table from the registry."""
    before, rest = (FOLDER / "formats.md").read_text(encoding="utf-8").split(_TABLE_START)
    table = [
        "| format | suffix | what it looks like | read from | gold | raw text | written |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, entry in FORMATS.items():
        uses = (entry.read, entry.rows, entry.is_writable)
        marks = ["yes" if use else "" for use in uses]
        cells = [f"`{name}`", f"`{' '.join(entry.suffixes)}`", entry.description, entry.columns, *marks]
        table.append(f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |"))
    return before + _TABLE_START + "\n".join(["", *table, ""]) + _TABLE_END + rest.split(_TABLE_END)[1]


def commands() -> str:
    """Return a page with the help of each command."""
    contexts = list(_contexts(click.Context(command_line, info_name="nlptrain", max_content_width=_WIDTH)))
    rows = [
        f"| [`{name}`](#{_anchor(name)}) | {context.command.get_short_help_str(120)} |" for name, context in contexts
    ]
    sections = [f"## {name}\n\n```text\n{context.get_help()}\n```" for name, context in contexts]
    return _INTRO + "\n".join(rows) + "\n\n" + "\n\n".join(sections) + "\n"


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def _contexts(parent: click.Context) -> Iterator[tuple[str, click.Context]]:
    """Yield the name and the context of each command below ``parent``; groups are not listed."""
    group = parent.command
    assert isinstance(group, click.Group)
    for name, command in sorted(group.commands.items()):
        context = click.Context(
            command,
            info_name=name,
            parent=parent,
            terminal_width=_WIDTH,
            max_content_width=_WIDTH,
            help_option_names=["-h", "--help"],
        )
        if isinstance(command, click.Group):
            yield from _contexts(context)
        else:
            yield context.command_path, context


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"written: {(FOLDER / name).relative_to(ROOT)}")
