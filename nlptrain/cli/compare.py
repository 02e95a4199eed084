"""The command that compares finished runs."""

from __future__ import annotations

from pathlib import Path

import click

from nlptrain.cli.output import echo_json, echo_line, print_comparison, print_differences


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

    comparison = compare_runs(runs, requirements=requirements, resamples=resamples, timed=not no_speed)
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
