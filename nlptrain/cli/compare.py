"""The command that puts runs beside each other: compare."""

from __future__ import annotations

import json
from pathlib import Path

import click


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
