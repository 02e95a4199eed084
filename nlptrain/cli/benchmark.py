"""The command that measures speed."""

from __future__ import annotations

import click

from nlptrain.cli.options import key_option
from nlptrain.cli.output import echo_json, print_speeds


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
