"""The commands that use a model: evaluate, predict, compare."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from nlptrain.config.data import Format
from nlptrain.errors import InputError

if TYPE_CHECKING:
    from nlptrain.data.corpus import Sentence
    from nlptrain.labels import Labels
    from nlptrain.run import Run
    from nlptrain.training.calibration import CalibrationErrors
    from nlptrain.training.confusion import Confusion
    from nlptrain_runtime import Tagged

_MISTAKES = 10  # shown


@click.command()
@click.argument("run")
@click.argument("data", nargs=-1, required=True)
@click.option(
    "--format",
    "data_format",
    default="auto",
    type=click.Choice(["auto", *get_args(Format)]),
    help="Format of DATA (default: by suffix).",
)
@click.option("--words-column", help="Column of the words: a number from 1, negative from the end, or a name.")
@click.option("--tags-column", help="Column of the tags: a number, upos or xpos, or a name.")
@click.option(
    "--scheme",
    default="auto",
    type=click.Choice(["auto", "iob1", "iob2", "iobes", "bilou", "plain"]),
    help="How the tags of DATA are written (default: found out).",
)
@click.option("--device", default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(
    run: str,
    data: tuple[str, ...],
    data_format: str,
    words_column: str | None,
    tags_column: str | None,
    scheme: str,
    device: str,
    as_json: bool,
) -> None:
    """Score a model on gold files: seqeval's entity F1, or accuracy for plain tags.

    \b
    Reads   RUN: a run's folder, a model's or an exported one; DATA: gold files.
    Writes  the scores, overall and per type, what was taken for what, and the
            expected calibration error: how far confidences are from the share
            that is right (15 bins), by word and by predicted entity, to
            standard output.

    Example: nlptrain evaluate runs/demo/tagger_kd runs/demo/data/test.conll
    """  # noqa: D301 - click reads the character
    from nlptrain.cli.columns import data_config
    from nlptrain.data.reading import read_gold
    from nlptrain.data.rewriting import rewritten, schemes_of
    from nlptrain.run import Run

    settings = data_config(data_format, words_column, tags_column, scheme)
    labels, temperature, tag = _asked(run, Run(None, device=device))
    sentences = list(read_gold(list(data), settings, say=lambda text: click.echo(f"note: {text}", err=True)))
    schemes = schemes_of({"DATA": sentences}, settings.scheme)
    sentences = rewritten(sentences, schemes["DATA"], labels)
    scores, errors, mistakes = _measured(labels, tag([sentence.words for sentence in sentences]), sentences)
    if as_json:
        calibration = {"temperature": temperature, **errors.to_json()}
        click.echo(json.dumps({**scores, "calibration": calibration, "confusion": mistakes.to_json()}, indent=2))
    else:
        _echo_scores(scores, mistakes)
        click.echo(f"expected calibration error: {errors.describe()} (temperature {temperature:.3f})")


Tag = Callable[[list[tuple[str, ...]]], "list[Tagged]"]


def _asked(run: str, context: Run) -> tuple[Labels, float, Tag]:
    """The labels, the temperature and what tags words of the model in ``run``, or of the exported tagger."""
    from nlptrain_runtime.folder import DESCRIPTION

    if (Path(run) / DESCRIPTION).is_file():
        from nlptrain.labels import Labels
        from nlptrain_runtime import FolderError, Tagger

        try:
            tagger = Tagger(run)
        except FolderError as error:
            raise InputError(str(error)) from error
        return Labels.named(tagger.labels, tagger.scheme), tagger.temperature, tagger.predict_words
    from nlptrain.models import load_token_model
    from nlptrain.models.confidence import tag_surely

    model = load_token_model(run)
    model.to(context.device)
    return model.labels, model.temperature, lambda sentences: tag_surely(model, sentences)


def _measured(
    labels: Labels, answers: list[Tagged], sentences: list[Sentence]
) -> tuple[dict[str, Any], CalibrationErrors, Confusion]:
    from nlptrain.training import score
    from nlptrain.training.calibration import calibration_errors
    from nlptrain.training.confusion import confusion

    scheme = labels.scheme
    gold = [list(sentence.tags or ()) for sentence in sentences]
    predicted = [answer.tags for answer in answers]
    errors = calibration_errors(gold, answers, scheme)
    return score(gold, predicted, scheme).to_json(), errors, confusion(gold, predicted, scheme)


def _echo_scores(scores: dict[str, Any], mistakes: Confusion) -> None:
    click.echo(
        f"{scores['metric']} {scores[scores['metric']]:.4f} "
        f"on {scores['sentences']:,} sentences, {scores['words']:,} words"
    )
    for name, row in scores["types"].items():
        click.echo(
            f"  {name:20} precision {row['precision']:.4f}  recall {row['recall']:.4f}  "
            f"f1 {row['f1']:.4f}  support {row['support']:,}"
        )
    if mistakes.kinds:
        click.echo("entities: " + ", ".join(f"{count:,} {kind}" for kind, count in mistakes.kinds.items()))
    if wrong := mistakes.mistakes():
        click.echo("most frequent mistakes (gold -> predicted; - stands for none):")
        for gold, predicted, count in wrong[:_MISTAKES]:
            click.echo(f"  {count:6,}  {gold} -> {predicted}")


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
