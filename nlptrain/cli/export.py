"""Commands for finished runs: export without PyTorch, speed, model card."""

from __future__ import annotations

from pathlib import Path

import click

from nlptrain.cli.options import Choice, key_option
from nlptrain.cli.output import echo_data, echo_json, echo_line, print_speeds
from nlptrain.errors import check_local


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
    key="max_f1_loss",
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

    if out is not None:
        check_local(out)
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
    if out is None:
        echo_data(text, nl=False)
    else:
        write_text(out, text)


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="RUN_OR_FOLDER...")
@key_option(
    "--text",
    "text_files",
    key="text",
    multiple=True,
    help="Raw text, a line a text (default: the run's own, or its dev sample).",
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads of each model.")
@click.option(
    "--batch-size", type=click.IntRange(min=1), help="Subwords per batch (default: the fastest for each model)."
)
@key_option(
    "--rounds", key="rounds", type=click.IntRange(min=1), default=5, show_default=True, help="In which they take turns."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def benchmark(
    models: tuple[str, ...],
    text_files: tuple[str, ...],
    threads: int,
    batch_size: int | None,
    rounds: int,
    as_json: bool,
) -> None:
    """Measure how fast models go from raw text to entities.

    \b
    Reads   RUNS of teachers and students, measured in PyTorch and, exported, in
            ONNX Runtime (fp32 and int8); exported FOLDERS; raw text.
    Writes  a table to standard output: words per second, milliseconds for one
            sentence of 20 words (median and 95th percentile), seconds from the start
            of a process to its first prediction, peak memory, size of the files.

    The models take turns, and each round reads text that no earlier round has read; the
    table has the medians over the rounds. A word is what spaces separate. All models are
    compared with the first one. Start time and memory are measured in new processes.

    Example: nlptrain benchmark runs/demo/transformer_token runs/demo/tagger_kd
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import benchmark_models

    speeds, texts = benchmark_models(models, text_files, threads=threads, batch_size=batch_size, rounds=rounds)
    if as_json:
        rows = [speed.to_json() for speed in speeds]
        echo_json({"threads": threads, "rounds": rounds, "texts": texts, "models": rows})
    else:
        print_speeds(speeds, threads)
