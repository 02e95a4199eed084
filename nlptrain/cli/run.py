"""The command that runs a folder of experiments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nlptrain.cli.options import option_names, set_option
from nlptrain.cli.output import add_row, echo_json, echo_line, echo_lines, new_table, print_table
from nlptrain_runtime.errors import printable

if TYPE_CHECKING:
    from nlptrain.procedures.experiments import Experiment


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR_OR_FILES...")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Experiments that run at a time."
)
@set_option("Set a key of every file; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Print what would be run, in which order, and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def run(paths: tuple[Path, ...], jobs: int, settings: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Run a folder of experiments.

    \b
    Reads   YAML files, or folders of them (except bases, whose names begin with _).
            A file is for the command that its name begins with, up to a dash
            (tagger_kd-mse.yaml), or else for the command that has its keys.
    Writes  what each command writes, and a table of all to standard output.
            Each runs after those that it needs. Finished runs are not run again, and
            interrupted ones continue. A run that fails stops only those that need its
            model or text. The exit code is 1 if any run failed or was skipped.

    Example: nlptrain run configs/demo --jobs 2
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import plan_experiments, run_experiments

    experiments = plan_experiments(paths, settings)
    if dry_run:
        for experiment in experiments:
            _echo_plan(experiment)
        raise click.exceptions.Exit(int(any(experiment.state == "failed" for experiment in experiments)))
    for experiment in experiments:
        if experiment.state == "failed":
            echo_lines(f"{printable(str(experiment.path))}: failed: {_reason(experiment)}", err=True)
    run_experiments(experiments, settings, jobs=jobs, log=lambda text: echo_line(text, err=True), name_of=_name_of)
    if as_json:
        echo_json([_to_json(experiment) for experiment in experiments])
    else:
        _print_experiments(experiments)
    raise click.exceptions.Exit(int(any(experiment.state != "done" for experiment in experiments)))


def _name_of(key: str) -> str:
    return option_names(click.get_current_context().command).get(key, key)


def _reason(experiment: Experiment) -> str:
    return experiment.reason(_name_of)


def _echo_plan(experiment: Experiment) -> None:
    if experiment.state == "failed":
        echo_lines(f"{printable(str(experiment.path))}: cannot be run: {_reason(experiment)}")
        return
    after = f", after {', '.join(map(str, experiment.needs))}" if experiment.needs else ""
    echo_line(f"{experiment.path}: nlptrain {experiment.command} -> {experiment.output}{after}")


def _to_json(experiment: Experiment) -> dict[str, Any]:
    from nlptrain.procedures import experiment_scores

    return {
        "file": str(experiment.path),
        "command": experiment.command,
        "output_dir": None if experiment.output is None else str(experiment.output),
        "state": experiment.state,
        "seconds": round(experiment.seconds, 1),
        **({"fault": _reason(experiment)} if experiment.problems else {}),
        **experiment_scores(experiment),
    }


def _print_experiments(experiments: list[Experiment]) -> None:
    from nlptrain.procedures import experiment_scores

    table = new_table()
    table.add_column("experiment", overflow="fold")
    table.add_column("state", overflow="fold")
    for name in ("dev", "test", "of teacher's", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for experiment in experiments:
        scores = experiment_scores(experiment)
        reason = f": {_reason(experiment).splitlines()[0]}" if experiment.problems else ""
        figures = [f"{scores[split]:.4f}" if split in scores else "" for split in ("dev", "test")]
        share = f"{scores['share']:.1%}" if "share" in scores else ""
        seconds = f"{experiment.seconds:,.0f}" if experiment.seconds else ""
        add_row(table, str(experiment.path), f"{experiment.state}{reason}", *figures, share, seconds)
    print_table(table)
