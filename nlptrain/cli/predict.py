"""Commands that write sentences: predictions for raw text, and gold files in another format."""

from __future__ import annotations

from pathlib import Path

import click

from nlptrain.atomic_files import write_errors
from nlptrain.cli.options import SCHEMES, Choice, data_config, gold_options, key_option
from nlptrain.cli.output import echo_data, echo_line
from nlptrain.config.formats import writable_formats
from nlptrain.errors import InputError, Setting


@click.command()
@click.argument("run")
@click.argument("files", nargs=-1)
@click.option(
    "--format",
    "output_format",
    default="jsonl",
    show_default=True,
    type=Choice(["jsonl", "conll"]),
    help="jsonl: an object per line; conll: a word, a tab and a tag per line.",
)
@click.option("--pretokenized", is_flag=True, help="The words of each line are already separated by spaces.")
@key_option(
    "--min-confidence",
    "least",
    key="min_confidence",
    multiple=True,
    metavar="P|TYPE=P",
    help="Omit entities of a lower confidence (0 to 1), of all types or of one; may be repeated. conll: their words "
    "are O. A plain tag of a lower confidence is null; conll: _.",
)
@click.option("--device", default="auto", show_default=True)
def predict(
    run: str, files: tuple[str, ...], output_format: str, pretokenized: bool, least: tuple[str, ...], device: str
) -> None:
    """Tag raw text.

    \b
    Reads   RUN: a run's folder or a model's; FILES (also URLs), or standard input (-);
            UTF-8.
    Writes  one JSON object for each line, blank ones too, to standard output:
            {"text", "entities": [{"start", "end", "label", "text", "confidence"}]}
            or, for plain tags, {"text", "words": [{..., "tag", "confidence"}]}.
            Offsets count code points. A confidence is the probability of the tag, an
            entity's the lowest of its words', at the temperature that training
            fitted on dev. With --format conll: the words of each line and
            their tags (IOB2), with a blank line after each; lines without a word are omitted.
            Rows of .jsonl, .json, .csv, .parquet and .arrow files keep their columns, for
            example ids: the text of a row is tagged or, if it has none, its tokens.

    Example: echo "Ada Lovelace lived in London." | nlptrain predict runs/demo/tagger_kd
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import predict_files

    limits = [_parse_limit(text) for text in least]
    prediction = predict_files(
        run,
        files,
        output_format=output_format,  # type: ignore[arg-type]  # one of the two: the option is a choice of them
        pretokenized=pretokenized,
        min_confidence=dict(limits),
        device=device,
    )
    with write_errors("standard output"):
        for text in prediction.lines:
            echo_data(text)
    if prediction.counts.left_out and not prediction.counts.kept:
        echo_line(
            f"note: all {prediction.counts.left_out:,} predictions are below --min-confidence; without it, they are "
            "printed with their confidences",
            err=True,
        )


def _parse_limit(text: str) -> tuple[str, float]:
    """Return the type, "" for all others, and the lowest confidence in ``P`` or ``TYPE=P``."""
    name, _, value = text.rpartition("=")
    try:
        limit = float(value)
    except ValueError:
        limit = -1.0
    if not 0 <= limit <= 1:
        raise InputError(
            f"found {text!r}", location=Setting("min_confidence"), expected="a number from 0 to 1, or TYPE=NUMBER"
        )
    return name, limit


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="IN...")
@click.argument("out", type=click.Path(path_type=Path))
@gold_options("IN", format_option="--from")
@key_option(
    "--to",
    "target",
    key="target",
    default="auto",
    type=Choice(["auto", *writable_formats()]),
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
    target: str,
    write_scheme: str | None,
    pretokenized: bool,
    comments: bool,
    overwrite: bool,
    **options: object,
) -> None:
    """Convert gold files to another format.

    \b
    Reads   IN: gold files, globs or URLs, in any format that a run reads; -: standard
            input.
    Writes  OUT, one file (brat: and the .txt next to the .ann): conll, conllu, csv,
            jsonl (tokens and tags), entities (text and spans, a JSON object per line),
            prodigy, doccano, labelstudio (.json), brat (.ann), parquet or arrow. Words,
            tags, ids, texts and offsets are kept; notes name the columns that are
            ignored and the values that OUT cannot hold.

    Example: nlptrain convert train.conll train.parquet
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import convert_files

    conversion = convert_files(
        sources,
        out,
        data_config(options, keys={"pretokenized": pretokenized}),
        None if target == "auto" else target,
        write_scheme=write_scheme,  # type: ignore[arg-type]  # a scheme, as above
        comments=comments,
        overwrite=overwrite,
        log=lambda text: echo_line(f"note: {text}", err=True),
    )
    echo_line(f"{out}: {conversion.describe()}")
