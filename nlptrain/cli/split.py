"""The command that splits gold files."""

from __future__ import annotations

from pathlib import Path

import click

from nlptrain.cli.options import Choice, data_config, gold_options, key_option
from nlptrain.cli.output import echo_line
from nlptrain.config.formats import writable_formats


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@key_option("--dev", key="dev", type=float, default=0.1, show_default=True, help="Share of dev; 0: no dev.")
@key_option("--test", key="test", type=float, default=0.1, show_default=True, help="Share of test; 0: no test.")
@click.option(
    "-o", "--output-dir", "out", required=True, type=click.Path(path_type=Path), help="Folder of the new files."
)
@gold_options("FILES", format_option="--from")
@key_option(
    "--to",
    "target",
    key="target",
    default="auto",
    type=Choice(["auto", *writable_formats()]),
    help="Format of the new files (default: that of FILES).",
)
@key_option("--overwrite", key="overwrite", is_flag=True, help="Replace the splits in the folder.")
def split(
    files: tuple[str, ...],
    dev: float,
    test: float,
    out: Path,
    target: str,
    overwrite: bool,
    **options: object,
) -> None:
    """Split gold files into train, dev and test.

    \b
    Reads   FILES: gold files or globs, in any format that a run reads.
    Writes  train, dev and test in the folder, all or none; a table of sentences,
            words and entities per type to standard output.

    Documents stay together, and so do sentences that are equal but for case,
    punctuation and numbers, or nearly so. Each entity type has about the same share in
    each split. The same sentences give the same splits, in any order.

    Example: nlptrain split all.conll --dev 0.1 --test 0.1 -o splits
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import split_files

    result = split_files(
        files,
        out,
        data_config(options),
        dev=dev,
        test=test,
        target=None if target == "auto" else target,
        overwrite=overwrite,
        log=lambda text: echo_line(f"note: {text}", err=True),
    )
    for line in result.describe():
        echo_line(line)
