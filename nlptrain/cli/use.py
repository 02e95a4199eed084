"""The commands that use a model: predict, compare."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nlptrain.errors import InputError

if TYPE_CHECKING:
    pass


@click.command()
@click.argument("run")
@click.argument("files", nargs=-1)
@click.option(
    "--format",
    "answer_format",
    default="jsonl",
    show_default=True,
    type=click.Choice(["jsonl", "conll"]),
    help="jsonl: an object a line; conll: a word, a tab and a tag a line.",
)
@click.option("--pretokenized", is_flag=True, help="The words of each line are already separated by spaces.")
@click.option(
    "--min-confidence",
    type=float,
    default=0.0,
    show_default=True,
    help="Leave out entities of a lower confidence, as it is shown (0 to 1); conll: their words are O. "
    "A plain tag below it is null; conll: _.",
)
@click.option("--device", default="auto", show_default=True)
def predict(
    run: str, files: tuple[str, ...], answer_format: str, pretokenized: bool, min_confidence: float, device: str
) -> None:
    """Tag raw text, a line at a time.

    \b
    Reads   RUN: a run's folder or a model's; FILES, or standard input; UTF-8.
    Writes  one JSON object for each line, blank ones too, to standard output:
            {"text", "entities": [{"start", "end", "label", "text", "confidence"}]}
            or, for plain tags, {"text", "words": [{..., "tag", "confidence"}]}.
            Offsets count code points. A confidence is the probability of the tag, an
            entity's the least of its words', at the temperature that training
            fitted on dev. With --format conll: the words of each line and
            their tags (IOB2), a blank line behind each; lines without a word are left out.

    Example: echo "Ada Lovelace lived in London." | nlptrain predict runs/demo/tagger_kd
    """  # noqa: D301 - click reads the character
    from nlptrain.data.word_splitter import WordSplitter
    from nlptrain.models import load_token_model
    from nlptrain.models.prediction import predict as predict_texts
    from nlptrain.models.prediction import predict_columns
    from nlptrain.run import Run

    if not 0 <= min_confidence <= 1:
        raise InputError(f"--min-confidence: found {min_confidence}; must be a number from 0 to 1")
    context = Run(None, device=device)
    model = load_token_model(run)
    model.to(context.device)
    splitter = WordSplitter.pretokenized() if pretokenized else None
    texts = _texts(files)
    # Who types waits for an answer to each line; blocks of lines, which are faster, are for files and pipes.
    parts = ([text] for text in texts) if not files and sys.stdin.isatty() else [texts]
    for part in parts:
        if answer_format == "conll":
            for block in predict_columns(model, part, splitter=splitter, min_confidence=min_confidence):
                click.echo(block)
            continue
        for answer in predict_texts(model, part, splitter=splitter, min_confidence=min_confidence):
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
    from nlptrain_runtime.lines import NotUTF8, decoded

    try:
        yield from decoded(sys.stdin.buffer, "standard input")
    except NotUTF8 as error:
        raise InputError(str(error)) from error


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--no-speed", is_flag=True, help="Do not measure words per second.")
@click.option(
    "--bootstrap",
    "resamples",
    type=click.IntRange(100, 1_000_000),
    metavar="N",
    help="Say how sure the differences are, by N resamples of the scored sentences, e.g. 1000.",
)
def compare(runs: tuple[Path, ...], as_json: bool, no_speed: bool, resamples: int | None) -> None:
    """Put finished runs beside each other: scores, share of the teacher's, sizes, speed.

    \b
    Reads   RUNS: folders of finished runs on one data set. A folder of several seeds is
            one row: the mean of their scores, from the smallest to the largest; sizes
            and speed of the first.
    Writes  a table to standard output. Words per second: words to tags on one CPU
            thread, the models taking turns, medians of three rounds.

    With --bootstrap, a second table: each student less the teacher and less each
    control, with a 95 % interval and a two-sided p-value of "no difference". The scored
    sentences are drawn anew N times, with replacement, the same ones for all runs
    (Koehn 2004). It says what another test set of this kind might have shown; of several
    seeds it takes the mean, and does not draw other seeds. p is never below 2 / (N + 1).

    Example: nlptrain compare runs/demo/transformer_token runs/demo/tagger runs/demo/tagger_kd
    """  # noqa: D301 - click reads the character
    from nlptrain.cli.tables import print_comparison, print_differences
    from nlptrain.insight.comparison import compare as compare_runs
    from nlptrain.insight.comparison import other_teachers, teacher_score
    from nlptrain.insight.significance import bootstrap
    from nlptrain.run import Run

    Run(None, device="cpu")
    rows = compare_runs(runs, timed=not no_speed)
    teacher = teacher_score(rows)
    found = bootstrap(rows, resamples) if resamples else None
    for sentence in other_teachers(rows):
        click.echo(f"note: {sentence}", err=True)
    if as_json:
        shown = {"teacher": teacher, "runs": [row.to_json(teacher) for row in rows]}
        click.echo(json.dumps({**shown, **({"bootstrap": found.to_json()} if found else {})}, indent=2))
        return
    print_comparison(rows, teacher)
    if found:
        print_differences(found, f"{rows[0].split} {rows[0].scores[rows[0].split]['metric']}")
