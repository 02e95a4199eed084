"""The command that exports a model to run without PyTorch."""

from __future__ import annotations

from pathlib import Path

import click

from nlptrain.cli.options import Choice, key_option
from nlptrain.cli.output import echo_line


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
    help="Of the weights; may be repeated, for one network each.",
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
    help="Omit entities of a lower confidence, unless the tagger is run with another limit.",
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
    """Export a model to run without PyTorch.

    \b
    Reads   RUN: the folder of a run or of a model, teacher or student; its dev files
            or, if they are missing, dev_sample.jsonl in the run's folder.
    Writes  OUT, for nlptrain-runtime, ONNX Runtime or a browser: onnx/model.onnx
            (fp32), model_fp16.onnx, model_quantized.onnx (int8), tokenizer.json,
            config.json, nlptrain.json. A failed export writes nothing.

    Each exported network is compared with the model before OUT is written, on dev
    sentences and on difficult ones. fp32 must give the same tags, and logits that differ
    by at most 1e-4. For fp16 and int8 the changed tags and the loss on dev are printed.

    Example: nlptrain export runs/demo/tagger_kd exported --precision int8
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import export_run

    size = export_run(
        run,
        out,
        precisions=precisions,
        dev_files=dev_files,
        max_loss=max_f1_loss,
        min_confidence=min_confidence,
        overwrite=overwrite,
        log=echo_line,
        note=lambda text: echo_line(f"note: {text}", err=True),
    )
    echo_line(f"{out}: {size / 1e6:.2f} MB")
