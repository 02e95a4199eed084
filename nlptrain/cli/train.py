"""The four training commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_HELP = {
    "transformer_token": """Fine-tune a transformer token classifier: the teacher.

    \b
    Reads   CONFIG (model, data, train), the gold files, the pretrained model.
    Writes  output_dir: model/ (a plain Hugging Face folder), config.yaml,
            metrics.jsonl, scores.json, counts.json, log.txt.

    Example: nlptrain transformer_token configs/demo/transformer_token.yaml
    """,
    "tagger": """Train a small tagger on the gold tags alone: the control.

    \b
    Reads   CONFIG (student, data, train), the gold files, the tokenizer of a pretrained model.
    Writes  output_dir: model/, config.yaml, metrics.jsonl, scores.json, counts.json, log.txt.

    Example: nlptrain tagger configs/demo/tagger.yaml
    """,
    "tagger_kd": """Train a small tagger by knowledge distillation: the student.

    \b
    loss = loss_w * gold + dist_w * T^2 * KL(softmax(teacher / T) || softmax(student / T))

    \b
    Reads   CONFIG (teacher, student, data, objective, train), gold files, raw text, the teacher.
    Writes  output_dir: model/, config.yaml, metrics.jsonl, scores.json, counts.json, log.txt;
            transfer_dir: the teacher's logits, found again by the next run.

    Example: nlptrain tagger_kd configs/demo/tagger_kd.yaml --set objective.temperature=2
    """,
    "pseudo_label": """Train a small tagger on gold tags and on raw text tagged by the teacher.

    \b
    Reads   CONFIG (teacher, student, data, objective, train), gold files, raw text, the teacher.
    Writes  as tagger_kd, and output_dir/pseudo_labels.jsonl: raw and made text with the
            teacher's tags and confidences (its own probabilities, not calibrated).

    Example: nlptrain pseudo_label configs/demo/pseudo_label.yaml
    """,
}


_WORKERS = click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that label text side by side, on a CPU; they share the threads.",
)


def _options(function: Callable[..., None], *, taught: bool) -> Callable[..., None]:
    path = click.Path(path_type=Path)
    for decorate in reversed(
        (
            click.argument("config", type=path),
            click.option(
                "--set",
                "settings",
                metavar="KEY=VALUE",
                multiple=True,
                help="Set a key, e.g. --set train.steps=500; may be repeated.",
            ),
            click.option("--device", help="auto, cpu, cuda, cuda:N or mps."),
            click.option("--output-dir", help="Folder of the run."),
            click.option("--seed", type=int, help="Seed of all that is random; one run, in the place of `seeds`."),
            *([_WORKERS] if taught else []),
            click.option("--overwrite", is_flag=True, help="Clear a run that is in the output folder."),
        )
    ):
        function = decorate(function)
    return function


def _command(name: str) -> click.Command:
    def command(
        config: Path,
        settings: tuple[str, ...],
        overwrite: bool,
        workers: int = 1,
        **flags: Any,  # noqa: ANN401
    ) -> None:
        from nlptrain.config import COMMANDS, load_config
        from nlptrain.config.commands import StudentCommandConfig

        given = {key: value for key, value in flags.items() if value is not None}
        loaded = load_config(COMMANDS[name], config, settings, given)

        if isinstance(loaded.config, StudentCommandConfig) and loaded.config.seeds:
            from nlptrain.cli.seeds import run_seeds

            run_seeds(name, loaded.config, overwrite=overwrite, workers=workers)
        else:
            from nlptrain.cli.stories import run_story

            run_story(name, loaded.config, overwrite=overwrite, workers=workers)

    return click.command(name, help=_HELP[name])(_options(command, taught=name in ("tagger_kd", "pseudo_label")))


transformer_token = _command("transformer_token")
tagger = _command("tagger")
tagger_kd = _command("tagger_kd")
pseudo_label = _command("pseudo_label")
