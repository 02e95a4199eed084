"""The command that runs a folder of experiments: run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nlptrain.cli.completion import set_option
from nlptrain.cli.output import add_row, echo_json, echo_line, echo_lines, print_table
from nlptrain_runtime.errors import printable

if TYPE_CHECKING:
    from nlptrain.procedures.experiments import Experiment


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR_OR_FILES...")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Experiments side by side.")
@set_option("Set a key of every file; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Say what would be run, in which order, and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def run(files: tuple[Path, ...], jobs: int, settings: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Run a folder of experiments: each with its command, behind those that it needs.

    \b
    Reads   YAML files, or folders of them (but for bases, whose names begin with _).
            A file is for the command that it is named after, up to a dash
            (tagger_kd-mse.yaml), or else that its keys are of.
    Writes  what each command writes; to standard output a table of all. Finished
            runs are found again, interrupted ones go on; one that fails leaves
            out those that need what it makes, and stops no other. The exit
            code is 1 if any failed or was left out.

    Example: nlptrain run configs/demo --jobs 2
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures.experiments import experiment_files, plan, run_all

    experiments = plan(experiment_files(files), settings)
    if dry_run:
        for one in experiments:
            _echo_plan(one)
        raise click.exceptions.Exit(int(any(one.state == "failed" for one in experiments)))
    for one in experiments:
        if one.state == "failed":
            echo_lines(f"{printable(str(one.path))}: failed: {one.fault}", err=True)
    given = [part for setting in settings for part in ("--set", setting)]
    run_all(experiments, given, jobs=jobs, log=lambda text: echo_line(text, err=True))
    if as_json:
        echo_json([_shown(one) for one in experiments])
    else:
        _print(experiments)
    raise click.exceptions.Exit(int(any(one.state != "done" for one in experiments)))


def _echo_plan(one: Experiment) -> None:
    if one.state == "failed":
        echo_lines(f"{printable(str(one.path))}: cannot be run: {one.fault}")
        return
    behind = f", behind {', '.join(map(str, one.needs))}" if one.needs else ""
    echo_line(f"{one.path}: nlptrain {one.command} -> {one.output}{behind}")


def _shown(one: Experiment) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "file": str(one.path),
        "command": one.command,
        "output_dir": None if one.output is None else str(one.output),
        "state": one.state,
        "seconds": round(one.seconds, 1),
    }
    return {**shown, **({"fault": one.fault} if one.fault else {}), **_scores(one)}


def _scores(one: Experiment) -> dict[str, float]:
    """The dev and test scores of a finished one, and its share of its teacher's."""
    if one.state != "done" or one.output is None:
        return {}
    from nlptrain.analysis.run_scores import read_run_scores

    finished = read_run_scores(one.output)
    found: dict[str, float] = {}
    for split in ("dev", "test"):
        if split in finished.scores[0]:
            mean = finished.mean(split)[split]
            found[split] = mean[mean["metric"]]
            theirs = finished.scores[0].get("teacher", {}).get(split)
            if theirs and theirs[theirs["metric"]]:
                found["share"] = found[split] / theirs[theirs["metric"]]
    return found


def _print(experiments: list[Experiment]) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(box=SIMPLE)
    table.add_column("experiment", overflow="fold")
    table.add_column("state", overflow="fold")
    for name in ("dev", "test", "of teacher's", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in experiments:
        scores = _scores(one)
        told = f"{one.state}: {one.fault.splitlines()[0]}" if one.fault else one.state
        figures = [f"{scores[split]:.4f}" if split in scores else "" for split in ("dev", "test")]
        share = f"{scores['share']:.1%}" if "share" in scores else ""
        add_row(table, str(one.path), told, *figures, share, f"{one.seconds:,.0f}" if one.seconds else "")
    print_table(table)
