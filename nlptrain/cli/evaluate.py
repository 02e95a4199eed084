"""Commands that measure models: scores on gold files, and the comparison of runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nlptrain.cli.options import data_config, gold_options
from nlptrain.cli.output import echo_json, echo_line, print_comparison, print_differences

if TYPE_CHECKING:
    from nlptrain.procedures.inference import Evaluation

_MAX_MISTAKES = 10  # that are printed


@click.command()
@click.argument("run")
@click.argument("data", nargs=-1, required=True)
@gold_options("DATA")
@click.option("--device", default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(
    run: str,
    data: tuple[str, ...],
    device: str,
    as_json: bool,
    **options: object,
) -> None:
    """Score a model on gold files.

    \b
    Reads   RUN: a run's folder, a model's or an exported one; DATA: gold files,
            globs or URLs; -: standard input.
    Writes  the scores, overall and per type (seqeval's entity F1, or accuracy for
            plain tags), the most frequent mistakes, and the expected calibration
            error (15 bins) by word and by predicted entity, to standard output.

    Example: nlptrain evaluate runs/demo/tagger_kd runs/demo/data/test.conll
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import evaluate_files

    evaluation = evaluate_files(
        run, data, data_config(options), device=device, log=lambda text: echo_line(f"note: {text}", err=True)
    )
    if as_json:
        echo_json(evaluation.to_json())
    else:
        _print_evaluation(evaluation)


def _print_evaluation(evaluation: Evaluation) -> None:
    scores = evaluation.scores.to_json()
    echo_line(
        f"{scores['metric']} {scores[scores['metric']]:.4f} "
        f"on {scores['sentences']:,} sentences, {scores['words']:,} words"
    )
    for name, row in scores["types"].items():
        echo_line(
            f"  {name:20} precision {row['precision']:.4f}  recall {row['recall']:.4f}  "
            f"f1 {row['f1']:.4f}  support {row['support']:,}"
        )
    if kinds := evaluation.confusion.to_json().get("spans"):
        echo_line("entities: " + ", ".join(f"{count:,} {kind}" for kind, count in kinds.items()))
    if mistakes := evaluation.confusion.mistakes():
        echo_line("most frequent mistakes (gold -> predicted; - is no entity):")
        for gold, predicted, count in mistakes[:_MAX_MISTAKES]:
            echo_line(f"  {count:6,}  {gold} -> {predicted}")
    echo_line(f"calibration: {evaluation.calibration.describe()} (temperature {evaluation.temperature:.2f})")


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--no-speed", is_flag=True, help="Do not measure words per second.")
@click.option(
    "--bootstrap",
    "resamples",
    type=click.IntRange(100, 1_000_000),
    metavar="N",
    help="Add confidence intervals of the differences, from N resamples of the scored sentences, e.g. 1000.",
)
@click.option(
    "--require",
    "requirements",
    multiple=True,
    metavar="REQUIREMENT",
    help="What every student must reach, e.g. 'share >= 0.95' or 'type.person.f1 >= 0.4'; exit code 1 if one does not.",
)
def compare(
    runs: tuple[Path, ...], as_json: bool, no_speed: bool, resamples: int | None, requirements: tuple[str, ...]
) -> None:
    """Compare finished runs: scores, sizes, speed.

    \b
    Reads   RUNS: folders of finished runs on one data set. A folder of several seeds
            is one row: the mean of their scores, with the smallest and the largest;
            size and speed of the first seed.
    Writes  a table to standard output, with the share of the teacher's score. Words per
            second are from words to tags on one CPU thread; the models take turns, and
            the table has medians of three rounds. Notes name the types for which a
            student is at least 10 points of F1 below its teacher.

    --bootstrap adds a table of differences: each student minus the teacher and minus
    each control, with a 95 % interval and a two-sided p-value of "no difference". It
    resamples the scored sentences N times with replacement, the same ones for all runs
    (Koehn 2004), and so estimates what another test set of this kind would show; for
    several seeds it takes the mean of the seeds. p is never below 2 / (N + 1).

    --require may be repeated. Metrics: share (of the teacher's score), gain (over the
    best run without a teacher), speed (times the teacher's), f1 or accuracy, precision,
    recall, type.NAME.f1 (precision, recall, support), words_per_second, parameters,
    bytes, steps. A requirement applies to the runs with a teacher or, if there are none,
    to all runs except teachers; for several seeds, to their mean.

    Example: nlptrain compare runs/demo/transformer_token runs/demo/tagger runs/demo/tagger_kd
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import compare_runs

    comparison = compare_runs(runs, requirements=requirements, resamples=resamples, measure_speed=not no_speed)
    if as_json:
        echo_json(comparison.to_json())
    else:
        rows = comparison.rows
        print_comparison(rows, comparison.teacher)
        if comparison.bootstrap:
            print_differences(comparison.bootstrap, f"{rows[0].split} {rows[0].scores[rows[0].split]['metric']}")
    for note in comparison.notes:
        echo_line(f"note: {note}", err=True)
    for failure in comparison.failures:
        echo_line(f"failed: {failure}", err=True)
    if comparison.failures:
        raise click.exceptions.Exit(1)
