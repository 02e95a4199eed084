"""The command that measures speed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from nlptrain.cli.options import key_option
from nlptrain.cli.output import echo_json
from nlptrain.errors import InputError
from nlptrain_runtime.errors import quoted


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
@click.option("--batch-size", type=click.IntRange(min=1), help="Pieces of a batch (default: what suits each best).")
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
    Reads   RUNS: a teacher's or a student's, measured in torch, in ONNX fp32 and in int8;
            exported FOLDERS, as they are; raw text.
    Writes  a table to standard output: words per second, the milliseconds of one
            sentence of 20 words (median, and 19 of 20), the seconds from the start of a
            process to its first answer, peak memory, bytes of the files.

    The models take turns; figures are medians over the rounds, each of which reads text
    that none before has read. Words are what a space separates. The first model is what
    the others are compared with. Cold start and memory are those of fresh processes.

    Example: nlptrain benchmark runs/demo/transformer_token runs/demo/tagger_kd
    """  # noqa: D301 - click reads the character
    from nlptrain.cli.tables import print_speeds
    from nlptrain.export.benchmark import benchmark as measure
    from nlptrain.export.benchmark_candidates import open_candidates
    from nlptrain.run.run import Run

    run = Run(None, device="cpu")
    texts = list(_texts(models, text_files))
    with open_candidates(models, threads=threads, batch=batch_size) as found:
        speeds = measure(found, texts, rounds=rounds, log=run.log)
    if as_json:
        shown = {"threads": threads, "rounds": rounds, "texts": len(texts), "models": [one.to_json() for one in speeds]}
        echo_json(shown)
    else:
        print_speeds(speeds, threads)


def _texts(models: tuple[str, ...], files: tuple[str, ...]) -> Iterator[str]:
    from nlptrain.data.raw_text import read_raw_texts
    from nlptrain.data.splits import DEV_SAMPLE_FILE, read_dev_sample
    from nlptrain.data.text_files import expand_paths

    patterns = files or next(filter(None, map(_own_text, models)), ())
    if patterns:
        for path in expand_paths(list(patterns), key="--text"):
            yield from read_raw_texts(path)
        return
    sample = next(filter(None, (read_dev_sample(Path(model)) for model in models)), None)
    if sample is None:
        raise InputError(
            f"--text: missing; {', '.join(models)} has neither raw text, seen from here, nor {DEV_SAMPLE_FILE}: name "
            "files to read"
        )
    yield from (" ".join(sentence.words) for sentence in sample)


def _own_text(model: str) -> tuple[str, ...]:
    """The unlabeled text that a run has learned from, if it is still there."""
    import glob

    from pydantic import ValidationError

    from nlptrain.config.data import DataConfig
    from nlptrain.config.yaml_files import read_yaml

    said = Path(model) / "config.yaml"
    if not said.is_file():
        return ()
    data = read_yaml(said).get("data")
    named = data.get("unlabeled") if isinstance(data, dict) else None
    try:
        data = DataConfig.model_validate({"unlabeled": named})  # other keys may be of another version
    except ValidationError as error:
        raise InputError(f"{said}: data.unlabeled: found {quoted(named)}; must be files") from error
    return tuple(pattern for pattern in data.paths_of("unlabeled") if glob.glob(pattern, recursive=True))
