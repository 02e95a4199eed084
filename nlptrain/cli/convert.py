"""The command that writes gold files in another format: convert."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from nlptrain.config.data import Format
from nlptrain.errors import InputError

if TYPE_CHECKING:
    from nlptrain.data.writing import Target

_TARGETS: dict[str, Target] = {
    ".conll": "conll",
    ".tsv": "conll",
    ".bio": "conll",
    ".iob": "conll",
    ".iob2": "conll",
    ".txt": "conll",
    ".conllu": "conllu",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "labelstudio",
    ".ann": "brat",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
_NAMES = (*dict.fromkeys(_TARGETS.values()), "entities", "prodigy", "doccano")

_SCHEMES = ("iob1", "iob2", "iobes", "bilou")


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="IN...")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "source_format",
    default="auto",
    type=click.Choice(["auto", *get_args(Format)]),
    help="Format of IN (default: by suffix).",
)
@click.option(
    "--to", "target", default="auto", type=click.Choice(["auto", *_NAMES]), help="Format of OUT (default: by suffix)."
)
@click.option("--words-column", help="Column of the words of IN: a number from 1, negative from the end, or a name.")
@click.option("--tags-column", help="Column of the tags of IN: a number, upos or xpos, or a name.")
@click.option(
    "--scheme",
    default="auto",
    type=click.Choice(["auto", "iob1", "iob2", "iobes", "bilou", "plain"]),
    help="How the tags of IN are written (default: found out).",
)
@click.option(
    "--write-scheme",
    type=click.Choice(["iob1", "iob2", "iobes", "bilou"]),
    help="How the tags of OUT are written (default: as those of IN).",
)
@click.option("--pretokenized", is_flag=True, help="brat: spaces separate the words, in IN and in OUT.")
@click.option("--comments", is_flag=True, help="conll: keep ids and texts as # id = ... and # text = ...")
@click.option("--overwrite", is_flag=True, help="Replace OUT.")
def convert(
    sources: tuple[str, ...],
    out: Path,
    source_format: str,
    target: str,
    words_column: str | None,
    tags_column: str | None,
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
            tags, ids, texts and offsets go along; what a format has no place for is said.

    Example: nlptrain convert train.conll train.parquet
    """  # noqa: D301 - click reads the character
    from nlptrain.cli.columns import data_config
    from nlptrain.data.converting import convert as convert_files
    from nlptrain.data.writing import written

    data = data_config(source_format, words_column, tags_column, scheme, pretokenized=pretokenized)
    wanted = _target(out) if target == "auto" else target
    _refuse_name(out, wanted)
    for one in written(out, wanted):  # type: ignore[arg-type]
        if one.exists() and not one.is_file():
            raise InputError(f"{one}: is no file; give the name of one")
        if one.exists() and not overwrite:
            raise InputError(f"{one}: is there already; give another name, or --overwrite")
    done = convert_files(list(sources), data, out, wanted, write_scheme=write_scheme, comments=comments, say=_note)  # type: ignore[arg-type]
    click.echo(f"{out}: {done.describe()}")
    for what, count in done.lost.items():
        _note(f"{wanted} has no place for {what}: left out of {count:,} sentence{'s' * (count > 1)}")


def _refuse_name(out: Path, target: str) -> None:
    """Names that say otherwise than what would be written."""
    if target == "brat" and out.suffix.lower() != ".ann":
        raise InputError(f"{out}: BRAT's marks stand in a file named .ann, beside its text; give such a name")
    if target in ("parquet", "arrow") and out.suffix.lower() == ".gz":
        raise InputError(f"{out}: {target} is not packed by gzip; give the name without .gz")


def _note(text: str) -> None:
    click.echo(f"note: {text}", err=True)


def _target(out: Path) -> Target:
    from nlptrain.data.text_files import unpacked

    suffix = unpacked(out).suffix.lower()
    if suffix not in _TARGETS:
        known = ", ".join(_TARGETS)
        raise InputError(f"{out}: found the suffix {suffix!r}, which names no format ({known}); give --to")
    return _TARGETS[suffix]
