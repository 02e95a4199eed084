"""The command that puts runs beside each other: compare."""

from __future__ import annotations

from pathlib import Path

import click

from nlptrain.cli.output import echo_json, echo_line


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
    """Put finished runs beside each other: scores, share of the teacher's, sizes, speed.

    \b
    Reads   RUNS: folders of finished runs on one data set. A folder of several seeds is
            one row: the mean of their scores, from the smallest to the largest; sizes
            and speed of the first.
    Writes  a table to standard output. Words per second: words to tags on one CPU
            thread, the models taking turns, medians of three rounds. Types of which a
            student has 10 points of F1 less than its teacher are named.

    With --bootstrap, a second table: each student less the teacher and less each
    control, with a 95 % interval and a two-sided p-value of "no difference". The scored
    sentences are drawn anew N times, with replacement, the same ones for all runs
    (Koehn 2004). It says what another test set of this kind might have shown; of several
    seeds it takes the mean, and does not draw other seeds. p is never below 2 / (N + 1).

    --require may be given several times. Figures: share (of the teacher's score), gain (over
    the best run without a teacher), speed (times the teacher's), f1 or accuracy, precision,
    recall, type.NAME.f1 (precision, recall, support), words_per_second, parameters, bytes,
    steps. It holds for the runs that learned from a teacher or, where none did, for all but
    teachers; of several seeds, for their mean.

    Example: nlptrain compare runs/demo/transformer_token runs/demo/tagger runs/demo/tagger_kd
    """  # noqa: D301 - click reads the character
    from nlptrain.analysis.comparison import compare as compare_runs
    from nlptrain.analysis.comparison import other_teachers, teacher_score
    from nlptrain.analysis.requirements import Requirement, weak_types
    from nlptrain.analysis.significance import bootstrap
    from nlptrain.cli.tables import print_comparison, print_differences
    from nlptrain.run.run import Run

    required = [Requirement.parse(text) for text in requirements]
    Run(None, device="cpu")
    rows = compare_runs(runs, timed=not no_speed)
    teacher = teacher_score(rows)
    failed = [failure for requirement in required for failure in requirement.failures(rows)]
    found = bootstrap(rows, resamples) if resamples else None
    for sentence in other_teachers(rows):
        echo_line(f"note: {sentence}", err=True)
    if as_json:
        each = [{**row.to_json(teacher), "far_behind": [name for name, *_ in weak_types(row)]} for row in rows]
        shown = {"teacher": teacher, "runs": each, "failed": failed}
        echo_json({**shown, **({"bootstrap": found.to_json()} if found else {})})
    else:
        print_comparison(rows, teacher)
        if found:
            print_differences(found, f"{rows[0].split} {rows[0].scores[rows[0].split]['metric']}")
    for row in rows:
        for name, own, theirs in weak_types(row):
            points = f"{100 * (theirs - own):.1f} points behind its teacher: F1 {own:.4f}, the teacher's {theirs:.4f}"
            echo_line(f"note: {row.run}: {name} is {points}", err=True)
    for failure in failed:
        echo_line(f"failed: {failure}", err=True)
    if failed:
        raise click.exceptions.Exit(1)
