"""The commands that use a model: evaluate, predict, compare."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from nlptrain.errors import InputError


@click.command()
@click.argument("run")
@click.argument("data", nargs=-1, required=True)
@click.option(
    "--format",
    "data_format",
    default="auto",
    type=click.Choice(["auto", "conll", "conllu", "jsonl"]),
    help="Format of DATA (default: by suffix).",
)
@click.option("--words-column", type=int, help="Column of the words, from 1; negative from the end.")
@click.option("--tags-column", help="Column of the tags: a number, upos or xpos.")
@click.option("--device", default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(
    run: str,
    data: tuple[str, ...],
    data_format: str,
    words_column: int | None,
    tags_column: str | None,
    device: str,
    as_json: bool,
) -> None:
    r"""Score a model on gold files: seqeval's entity F1, or accuracy for plain tags.

    \b
    Reads   RUN: a run's folder or a model's; DATA: gold files.
    Writes  the scores, overall and per type, to standard output.

    Example: nlptrain evaluate runs/demo/tagger_kd runs/demo/data/test.conll
    """
    from pydantic import ValidationError

    from nlptrain.config.data import ColumnsConfig, DataConfig
    from nlptrain.data.reading import read_gold
    from nlptrain.data.tag_checks import refuse_broken, refuse_unknown
    from nlptrain.models import load_token_model
    from nlptrain.run import Run
    from nlptrain.training import evaluate as score_model

    tags: Any = int(tags_column) if tags_column and tags_column.lstrip("-").isdigit() else tags_column
    try:
        columns = ColumnsConfig(words=words_column, tags=tags)
    except ValidationError as error:
        raise InputError(
            "--words-column, --tags-column: must be numbers from 1, or from -1 for the last; tags may be upos or xpos"
        ) from error
    settings = DataConfig(format=data_format, columns=columns)  # type: ignore[arg-type]
    context = Run(None, device=device)
    model = load_token_model(run)
    model.to(context.device)
    sentences = list(read_gold(list(data), settings))
    refuse_unknown(sentences, model.labels)
    if model.labels.scheme == "iob2":
        refuse_broken(sentences)
    scores = score_model(model, sentences).to_json()
    if as_json:
        click.echo(json.dumps(scores, indent=2))
        return
    click.echo(
        f"{scores['metric']} {scores[scores['metric']]:.4f} "
        f"on {scores['sentences']:,} sentences, {scores['words']:,} words"
    )
    for name, row in scores["types"].items():
        click.echo(
            f"  {name:20} precision {row['precision']:.4f}  recall {row['recall']:.4f}  "
            f"f1 {row['f1']:.4f}  support {row['support']:,}"
        )


@click.command()
@click.argument("run")
@click.argument("files", nargs=-1)
@click.option("--pretokenized", is_flag=True, help="The words of each line are already separated by spaces.")
@click.option("--device", default="auto", show_default=True)
def predict(run: str, files: tuple[str, ...], pretokenized: bool, device: str) -> None:
    r"""Tag raw text, a line at a time, into JSON Lines.

    \b
    Reads   RUN: a run's folder or a model's; FILES, or standard input; UTF-8.
    Writes  one JSON object for each line, blank ones too, to standard output:
            {"text", "entities": [{"start", "end", "label", "text", "confidence"}]}
            or, for plain tags, {"text", "words": [{..., "tag", "confidence"}]}.
            Offsets count code points.

    Example: echo "Ada Lovelace lived in London." | nlptrain predict runs/demo/tagger_kd
    """
    from nlptrain.data.word_splitter import WordSplitter
    from nlptrain.models import load_token_model
    from nlptrain.models.prediction import predict as predict_texts
    from nlptrain.run import Run

    context = Run(None, device=device)
    model = load_token_model(run)
    model.to(context.device)
    splitter = WordSplitter.pretokenized() if pretokenized else None
    texts = _texts(files)
    # Who types waits for an answer to each line; blocks of lines, which are faster, are for files and pipes.
    parts = ([text] for text in texts) if not files and sys.stdin.isatty() else [texts]
    for part in parts:
        for answer in predict_texts(model, part, splitter=splitter):
            click.echo(json.dumps(answer, ensure_ascii=False))


def _texts(files: tuple[str, ...]) -> Iterator[str]:
    from nlptrain.data.text_files import lines

    for file in files or ("-",):
        if file == "-":
            yield from _standard_input()
        elif not Path(file).exists() or Path(file).is_dir():
            raise InputError(f"{file}: there is no such file")
        else:
            for _, line in lines(Path(file)):
                yield line


def _standard_input() -> Iterator[str]:
    offset = 0
    for raw in sys.stdin.buffer:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"standard input: byte {offset + error.start} (0x{raw[error.start]:02X}) is not UTF-8"
            ) from error
        text = text.removeprefix("\ufeff") if offset == 0 else text
        offset += len(raw)
        yield text.rstrip("\n").removesuffix("\r")


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--no-speed", is_flag=True, help="Do not measure words per second.")
def compare(runs: tuple[Path, ...], as_json: bool, no_speed: bool) -> None:
    r"""Put finished runs beside each other: scores, share of the teacher's, sizes, speed.

    \b
    Reads   RUNS: folders of finished runs on one data set.
    Writes  a table to standard output. Words per second: words to tags on one CPU
            thread, the models taking turns, medians of three rounds.

    Example: nlptrain compare runs/demo/transformer_token runs/demo/tagger runs/demo/tagger_kd
    """
    from nlptrain.cli.tables import print_comparison
    from nlptrain.insight.comparison import compare as compare_runs
    from nlptrain.insight.comparison import teacher_score
    from nlptrain.run import Run

    Run(None, device="cpu")
    rows = compare_runs(runs, timed=not no_speed)
    teacher = teacher_score(rows)
    if as_json:
        click.echo(json.dumps({"teacher": teacher, "runs": [row.to_json(teacher) for row in rows]}, indent=2))
    else:
        print_comparison(rows, teacher)
