"""The commands that check models and data before a training."""

from __future__ import annotations

import click

from nlptrain.cli.errors import SuggestingGroup
from nlptrain.cli.output import echo_json, echo_line


@click.group(cls=SuggestingGroup)
def doctor() -> None:
    """Check models and data for problems."""


@doctor.command()
@click.argument("teacher")
@click.argument("files", nargs=-1, required=True)
@click.option("--raw", is_flag=True, help="FILES are raw text, a sentence or a paragraph per line.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def alignment(teacher: str, files: tuple[str, ...], raw: bool, as_json: bool) -> None:
    """Show how a model's tokenizer splits a text.

    \b
    Reads   TEACHER: a model's folder, a run's, package:NAME/folder or a Hub name;
            FILES: gold files, or raw text with --raw.
    Writes  words without a subword, unknown words, subwords per word, the longest
            sentence and its windows, to standard output.

    Example: nlptrain doctor alignment runs/demo/transformer_token runs/demo/data/dev.conll
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import inspect_tokenization

    report = inspect_tokenization(teacher, files, raw=raw)
    if as_json:
        echo_json(report.to_json())
    else:
        for line in report.describe():
            echo_line(line)
