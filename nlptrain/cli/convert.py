"""The command that converts gold files to another format."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from nlptrain.cli.options import SCHEMES, Choice, data_config, gold_options, key_option
from nlptrain.cli.output import echo_line
from nlptrain.data.formats import GoldFormat


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="IN...")
@click.argument("out", type=click.Path(path_type=Path))
@gold_options("IN", format_option="--from")
@key_option(
    "--to",
    "target",
    key="target",
    default="auto",
    type=Choice(["auto", *get_args(GoldFormat)]),
    help="Format of OUT (default: by suffix).",
)
@key_option(
    "--write-scheme",
    key="write_scheme",
    type=Choice(SCHEMES),
    help="Tag scheme of OUT (default: that of IN).",
)
@click.option("--pretokenized", is_flag=True, help="brat: spaces separate the words, in IN and in OUT.")
@click.option("--comments", is_flag=True, help="conll: keep ids and texts as # id = ... and # text = ...")
@key_option("--overwrite", key="overwrite", is_flag=True, help="Replace OUT.")
def convert(
    sources: tuple[str, ...],
    out: Path,
    data_format: str,
    target: str,
    words_column: str | None,
    tags_column: str | None,
    sentences_column: str | None,
    scheme: str,
    write_scheme: str | None,
    pretokenized: bool,
    comments: bool,
    overwrite: bool,
) -> None:
    """Convert gold files to another format.

    \b
    Reads   IN: gold files or globs, in any format that a run reads.
    Writes  OUT, one file (brat: and the .txt next to the .ann): conll, conllu, csv,
            jsonl (tokens and tags), entities (text and spans, a JSON object per line),
            prodigy, doccano, labelstudio (.json), brat (.ann), parquet or arrow. Words,
            tags, ids, texts and offsets are kept; notes name the columns that are
            ignored and the values that OUT cannot hold.

    Example: nlptrain convert train.conll train.parquet
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import convert_files

    data = data_config(data_format, words_column, tags_column, sentences_column, scheme, pretokenized=pretokenized)
    conversion = convert_files(
        sources,
        out,
        data,
        None if target == "auto" else target,  # type: ignore[arg-type]  # a format: the option is a choice of them
        write_scheme=write_scheme,  # type: ignore[arg-type]  # a scheme, as above
        comments=comments,
        overwrite=overwrite,
        log=lambda text: echo_line(f"note: {text}", err=True),
    )
    echo_line(f"{out}: {conversion.describe()}")
