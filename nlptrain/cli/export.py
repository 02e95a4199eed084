"""The command that writes a tagger that runs without torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nlptrain.cli.slips import Choice

if TYPE_CHECKING:
    from nlptrain.data.sentence import Sentence
    from nlptrain.models import TokenModel


@click.command()
@click.argument("run")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--format", "out_format", default="onnx", show_default=True, type=Choice(["onnx"]))
@click.option(
    "--precision",
    "precisions",
    multiple=True,
    default=["fp32"],
    show_default=True,
    type=Choice(["fp32", "fp16", "int8"]),
    help="Of the net's weights; may be repeated, one net each.",
)
@click.option("--dev", "dev_files", multiple=True, help="Gold files to compare on (default: the run's own dev).")
@click.option(
    "--max-f1-loss",
    type=click.FloatRange(min=0),
    default=0.3,
    show_default=True,
    help="Points of the dev score that fp16 or int8 may lose.",
)
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Entities of a lower confidence are left out, unless who runs the tagger says otherwise.",
)
@click.option("--overwrite", is_flag=True, help="Replace an exported tagger that is in OUT.")
def export(
    run: str,
    out: Path,
    out_format: str,
    precisions: tuple[str, ...],
    dev_files: tuple[str, ...],
    max_f1_loss: float,
    min_confidence: float,
    overwrite: bool,
) -> None:
    """Write a model as a folder that runs without torch: nlptrain-runtime, ONNX Runtime, a browser.

    \b
    Reads   RUN: a run's folder or a model's, teacher or student; its dev files.
    Writes  OUT: onnx/model.onnx (fp32), model_fp16.onnx, model_quantized.onnx (int8),
            tokenizer.json, config.json, nlptrain.json; all of it, or nothing.

    Each net is compared with the model before OUT is written: on dev sentences, and on
    some that have broken exports before. fp32 must give the same tags, and logits to
    1e-4; of fp16 and int8 it is said how many tags change, and what that costs on dev.

    Example: nlptrain export runs/demo/tagger_kd exported --precision int8
    """  # noqa: D301 - click reads the character
    from nlptrain.deploy.export import export_onnx
    from nlptrain.models import load_token_model
    from nlptrain.run import Run

    Run(None, device="cpu")
    model = load_token_model(run)
    dev = _dev(run, dev_files, model)
    export_onnx(
        model,
        out,
        list(dict.fromkeys(precisions)),
        dev=dev,
        max_loss=max_f1_loss,
        min_confidence=min_confidence,
        overwrite=overwrite,
        say=click.echo,
    )
    total = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    click.echo(f"{out}: {total / 1e6:.2f} MB")


def _dev(run: str, files: tuple[str, ...], model: TokenModel) -> list[Sentence]:
    """The gold sentences to compare on: those of ``files``, else the run's own dev, else none."""
    from nlptrain.checksums import DamagedFile
    from nlptrain.config.data import DataConfig
    from nlptrain.config.yaml_files import read_yaml
    from nlptrain.data.splits import read_splits

    said = Path(run) / "config.yaml"
    if files:
        data = DataConfig(dev=list(files))
    elif said.is_file():
        try:
            data = DataConfig.model_validate(read_yaml(said)["data"])
        except (KeyError, ValueError) as error:
            raise DamagedFile(said, "it does not name the data", "name gold files: --dev FILE") from error
        kept = {"test": None, "unlabeled": None} | ({"train": None} if data.dev is not None else {})
        data = data.model_copy(update=kept)
    else:
        return []
    return list(read_splits(data, model.labels, say=lambda _: None).dev)
