"""The command that writes a model card."""

from __future__ import annotations

from pathlib import Path

import click

from nlptrain.cli.output import echo_data
from nlptrain_runtime.errors import printable


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--name", help="Of the model, e.g. OWNER/NAME on the Hub (default: the run's folder).")
@click.option("--dataset", help="Name of the data set that it is scored on (default: its folder's).")
@click.option("--control", type=click.Path(path_type=Path), help="A finished run of such a net without a teacher.")
@click.option("--speed", "speeds", type=click.Path(path_type=Path), help="What nlptrain benchmark --json printed.")
@click.option("--license", "licence", help="The Hub's word for it, e.g. apache-2.0.")
@click.option("--language", multiple=True, help="Of the text, e.g. en; may be repeated.")
@click.option("--base-model", multiple=True, help="On the Hub, what it was made from; may be repeated.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write, e.g. README.md (default: standard output)."
)
def card(
    run: Path,
    name: str | None,
    dataset: str | None,
    control: Path | None,
    speeds: Path | None,
    licence: str | None,
    language: tuple[str, ...],
    base_model: tuple[str, ...],
    out: Path | None,
) -> None:
    """Write the model card of a finished run, with the Hub's metadata.

    \b
    Reads   RUN: a finished run's folder, or that of several seeds; its scores.json.
    Writes  Markdown: scores beside the teacher's and the control's, by type; the data
            with hashes; size and speed; limits; how to load it.

    `hf upload OWNER/NAME FOLDER` publishes a folder with the card as its README.md.

    Example: nlptrain card runs/demo/tagger_kd --control runs/demo/tagger
    """  # noqa: D301 - click reads the character
    from nlptrain.analysis.run_scores import read_run_scores
    from nlptrain.atomic_files import write_text
    from nlptrain.export.card import ModelInfo, model_card

    found = read_run_scores(run)
    known = dataset or _folder_of(found.scores[0]["inputs"])
    info = ModelInfo(name or run.resolve().name, known, licence, language, base_model)
    text = "\n".join(map(printable, model_card(run, info, control=control, speeds=speeds).split("\n")))
    if out is None:
        echo_data(text, nl=False)
    else:
        write_text(out, text)


def _folder_of(inputs: dict[str, str]) -> str:
    """The folder of the first file that was read, by the name that it was given then."""
    first = Path(next(iter(inputs), ""))
    return first.parent.name or (first.resolve().parent.name if first.exists() else first.stem)
