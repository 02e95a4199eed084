"""The command that writes a model card."""

from __future__ import annotations

from pathlib import Path

import click

from nlptrain.cli.output import echo_data
from nlptrain_runtime.errors import printable


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the model, e.g. OWNER/NAME (default: the run's folder).")
@click.option("--dataset", help="Name of the data set of the scores (default: its folder).")
@click.option(
    "--control", type=click.Path(path_type=Path), help="A finished run of the same student without a teacher."
)
@click.option("--speed", "speeds", type=click.Path(path_type=Path), help="The output of nlptrain benchmark --json.")
@click.option("--license", "license_id", help="Identifier on the Hub, e.g. apache-2.0.")
@click.option("--language", multiple=True, help="Language of the text, e.g. en; may be repeated.")
@click.option("--base-model", multiple=True, help="Model on the Hub that it was made from; may be repeated.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write, e.g. README.md (default: standard output)."
)
def card(
    run: Path,
    name: str | None,
    dataset: str | None,
    control: Path | None,
    speeds: Path | None,
    license_id: str | None,
    language: tuple[str, ...],
    base_model: tuple[str, ...],
    out: Path | None,
) -> None:
    """Write a model card for the Hugging Face Hub.

    \b
    Reads   RUN: a finished run's folder, or that of several seeds; its scores.json.
    Writes  Markdown: scores, by type, with the teacher's and the control's; the data
            with hashes; size and speed; limits; how to load it.

    `hf upload OWNER/NAME FOLDER` publishes a folder with the card as its README.md.

    Example: nlptrain card runs/demo/tagger_kd --control runs/demo/tagger
    """  # noqa: D301 - click reads the character
    from nlptrain.atomic_files import write_text
    from nlptrain.procedures import write_card

    text = write_card(
        run,
        name=name,
        dataset=dataset,
        license_id=license_id,
        languages=language,
        base_models=base_model,
        control=control,
        speeds=speeds,
    )
    text = "\n".join(map(printable, text.split("\n")))
    if out is None:
        echo_data(text, nl=False)
    else:
        write_text(out, text)
