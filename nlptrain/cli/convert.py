"""The command that writes gold files in another format: convert."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from nlptrain.cli.options import SCHEMES, Choice, data_config, gold_options, key_option
from nlptrain.cli.output import echo_line
from nlptrain.data.formats import SUFFIXES, GoldFormat
from nlptrain.data.text_files import without_gz
from nlptrain.errors import InputError


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="IN...")
@click.argument("out", type=click.Path(path_type=Path))
@gold_options("IN", format_option="--from")
@click.option(
    "--to",
    "target",
    default="auto",
    type=Choice(["auto", *get_args(GoldFormat)]),
    help="Format of OUT (default: by suffix).",
)
@key_option(
    "--write-scheme",
    key="write_scheme",
    type=Choice(SCHEMES),
    help="How the tags of OUT are written (default: as those of IN).",
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
    """Write gold files in another format.

    \b
    Reads   IN: gold files or globs, in any format that a run reads.
    Writes  OUT, one file (brat: and the .txt beside the .ann): conll, conllu, csv,
            jsonl (tokens and tags), entities (text and spans, a JSON object a line),
            prodigy, doccano, labelstudio (.json), brat (.ann), parquet or arrow. Words,
            tags, ids, texts and offsets go along; what is not read, or has no place in
            OUT, is said.

    Example: nlptrain convert train.conll train.parquet
    """  # noqa: D301 - click reads the character
    from nlptrain.data.converting import convert as convert_files
    from nlptrain.data.corpus import Corpus
    from nlptrain.data.formats.registry import output_files

    columns = (words_column, tags_column, sentences_column)
    data = data_config(data_format, *columns, scheme, pretokenized=pretokenized)
    wanted = _target(out) if target == "auto" else target
    _check_name(out, wanted)
    for one in output_files(out, wanted):  # type: ignore[arg-type]
        if one.exists() and not one.is_file():
            raise InputError(f"{one}: is no file; give the name of one")
        if one.exists() and not overwrite:
            raise InputError(f"{one}: is there already; give another name, or --overwrite")
    done = convert_files(
        Corpus(sources, data, log=_note),
        out,
        wanted,  # type: ignore[arg-type]
        write_scheme=write_scheme,  # type: ignore[arg-type]
        comments=comments,
        log=_note,
    )
    echo_line(f"{out}: {done.describe()}")
    for what, count in done.lost.items():
        _note(f"{wanted} has no place for {what}: left out of {count:,} sentence{'s' * (count > 1)}")


def _check_name(out: Path, target: str) -> None:
    """Names that say otherwise than what would be written."""
    if target == "brat" and out.suffix.lower() != ".ann":
        raise InputError(f"{out}: BRAT's marks stand in a file named .ann, beside its text; give such a name")
    if target in ("parquet", "arrow") and out.suffix.lower() == ".gz":
        raise InputError(f"{out}: {target} is not packed by gzip; give the name without .gz")


def _note(text: str) -> None:
    echo_line(f"note: {text}", err=True)


def _target(out: Path) -> GoldFormat:
    """The format that a name says; of JSON Lines, that of words with tags."""
    suffix = without_gz(out).suffix.lower()
    found = next((target for target, suffixes in SUFFIXES.items() if suffix in suffixes), None)
    if found is None:
        known = ", ".join(dict.fromkeys(name for suffixes in SUFFIXES.values() for name in suffixes))
        raise InputError(f"{out}: found the suffix {suffix!r}, which names no format ({known}); give --to")
    return found
