"""The command that writes a tagger that runs without torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from nlptrain.cli.options import Choice, key_option
from nlptrain.cli.output import echo_line
from nlptrain.errors import InputError

if TYPE_CHECKING:
    from nlptrain.config.data import DataConfig
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
@key_option(
    "--dev",
    "dev_files",
    key="dev",
    multiple=True,
    help="Gold files to compare on (default: the run's own dev, or its sample of it).",
)
@key_option(
    "--max-f1-loss",
    key="max_loss",
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
@key_option("--overwrite", key="overwrite", is_flag=True, help="Replace an exported tagger that is in OUT.")
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
    Reads   RUN: a run's folder or a model's, teacher or student; its dev files or,
            where these are elsewhere, dev_sample.jsonl in the run's folder.
    Writes  OUT: onnx/model.onnx (fp32), model_fp16.onnx, model_quantized.onnx (int8),
            tokenizer.json, config.json, nlptrain.json; all of it, or nothing.

    Each net is compared with the model before OUT is written: on dev sentences, and on
    some that have broken exports before. fp32 must give the same tags, and logits to
    1e-4; of fp16 and int8 it is said how many tags change, and what that costs on dev.

    Example: nlptrain export runs/demo/tagger_kd exported --precision int8
    """  # noqa: D301 - click reads the character
    from nlptrain.export.export import export_onnx
    from nlptrain.models import load_token_model
    from nlptrain.run.run import Run

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
        log=echo_line,
    )
    total = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    echo_line(f"{out}: {total / 1e6:.2f} MB")


def _dev(run: str, files: tuple[str, ...], model: TokenModel) -> list[Sentence]:
    """The gold sentences to compare on: those of ``files``, else the run's dev files or its sample of them, else none.

    Raises:
        InputError: the run has no sample, and its files are missing or other ones by now.
    """
    from nlptrain.config.data import DataConfig
    from nlptrain.data.splits import DEV_SAMPLE_FILE, read_dev_sample, read_splits

    folder = Path(run)
    if files:
        return list(read_splits(DataConfig(dev=list(files)), model.labels, log=lambda _: None).dev)
    if not (folder / "config.yaml").is_file():
        return []
    data = _data_of(folder)
    if data is not None:
        return list(read_splits(data, model.labels, log=lambda _: None).dev)
    if sample := read_dev_sample(folder):
        echo_line(f"note: compared on the {len(sample):,} sentences of {folder / DEV_SAMPLE_FILE}", err=True)
        return sample
    raise InputError(
        f"{run}: its dev files are not where its config.yaml says, seen from here, and it holds no {DEV_SAMPLE_FILE}; "
        f"name gold files: --dev FILE, give the command where the run was trained, or export {folder / 'model'}, "
        "which is compared on no dev sentences"
    )


def _data_of(folder: Path) -> DataConfig | None:
    """The dev files of the run in ``folder``, or None unless all of them are still the files that it read."""
    from nlptrain.config import COMMANDS
    from nlptrain.config.loading import load_data_config
    from nlptrain.data.text_files import expand_paths
    from nlptrain.run.checksums import DamagedFile, file_hash
    from nlptrain.run.finished_run import finished_scores

    scores = finished_scores(folder) or {}
    if scores.get("command") not in COMMANDS:
        return None
    path = folder / "config.yaml"
    try:
        data = load_data_config(path)
    except InputError as error:
        raise DamagedFile(path, str(error), "name gold files: --dev FILE") from error
    split: Literal["train", "dev"] = "train" if data.dev is None else "dev"
    if not data.paths_of(split):
        return None
    known = scores.get("inputs", {})
    try:
        if any(
            known.get(str(path)) != file_hash(path) for path in expand_paths(data.paths_of(split), key=f"data.{split}")
        ):
            return None
    except (InputError, OSError):
        return None
    others = {"train", "test", "unlabeled"} - {split}
    return data.model_copy(update=dict.fromkeys(others))
