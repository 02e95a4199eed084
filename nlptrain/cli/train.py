"""The four training commands."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from nlptrain.cli.errors import is_secondary_rank
from nlptrain.cli.options import key_option, set_option
from nlptrain.cli.output import echo_line
from nlptrain.errors import InputError

_HELP = {
    "transformer_token": """Fine-tune a transformer: the teacher.

    \b
    Reads   CONFIG (model, data, train), gold files, the pretrained transformer.
    Writes  output_dir: model/ (a plain Hugging Face folder), config.yaml,
            metrics.jsonl, scores.json, counts.json, log.txt.

    Example: nlptrain transformer_token configs/demo/transformer_token.yaml
    """,
    "tagger": """Train a small tagger without a teacher.

    \b
    Reads   CONFIG (student, data, train), gold files, the tokenizer of a
            pretrained transformer.
    Writes  output_dir: model/, config.yaml, metrics.jsonl, scores.json,
            counts.json, log.txt.

    It is the control: what the same student reaches on the gold tags alone.

    Example: nlptrain tagger configs/demo/tagger.yaml
    """,
    "tagger_kd": """Distill a teacher into a small tagger.

    \b
    loss = loss_w * loss_student
           + dist_w * T^2 * KL(softmax(teacher / T) || softmax(student / T))

    \b
    Reads   CONFIG (teacher, student, data, objective, train), gold files, raw
            text, the teacher.
    Writes  output_dir: model/, config.yaml, metrics.jsonl, scores.json,
            counts.json, log.txt; transfer_dir: the teacher's logits, which
            later runs reuse.

    \b
    Example: nlptrain tagger_kd configs/demo/tagger_kd.yaml
    Without a file: nlptrain tagger_kd --teacher runs/teacher \\
                      --unlabeled 'text/*.txt' --output-dir runs/student
    """,
    "pseudo_label": """Train a small tagger on tags that a teacher predicts.

    \b
    Reads   CONFIG (teacher, student, data, objective, train), gold files, raw
            text, the teacher.
    Writes  as tagger_kd, and output_dir/pseudo_labels.jsonl: raw and synthetic
            sentences with the teacher's tags and confidences (its own
            probabilities, not calibrated).

    Example: nlptrain pseudo_label configs/demo/pseudo_label.yaml
    """,
}


_WORKERS = key_option(
    "--workers",
    key="workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that label text at a time, on a CPU.",
)


# Keys with an option of their own, for runs without a file; --set reaches all others.
_MODELS = {
    "transformer_token": {"model": ("model", "Pretrained transformer: folder or Hub name.")},
    "tagger": {"tokenizer": ("student.tokenizer", "Pretrained transformer, for tokenizer and embeddings.")},
    "tagger_kd": {"teacher": ("teacher", "Fine-tuned classifier: folder of a run or a model, or Hub name.")},
}
_MODELS["pseudo_label"] = _MODELS["tagger_kd"]
_FILES = {
    "train": ("data.train", "Gold sentences to train on: file, or glob in quotes; may be repeated."),
    "dev": ("data.dev", "Gold sentences that select the best step."),
    "test": ("data.test", "Gold sentences that are scored once, after training."),
    "unlabeled": ("data.unlabeled", "Raw text for the teacher to label."),
}
_TEXT = (".txt", ".gz", ".conll", ".conllu", ".tsv", ".csv", ".jsonl", ".parquet", ".arrow")  # certainly not YAML


def _keys(name: str) -> dict[str, tuple[str, str]]:
    """Return the key and the help of each option that sets a key."""
    return {
        **_MODELS[name],
        **{flag: entry for flag, entry in _FILES.items() if flag != "unlabeled" or _has_teacher(name)},
    }


def _has_teacher(name: str) -> bool:
    return name in ("tagger_kd", "pseudo_label")


def _options(function: Callable[..., None], name: str) -> Callable[..., None]:
    path = click.Path(path_type=Path)
    for decorate in reversed(
        (
            click.argument("files", nargs=-1, type=path, metavar="[CONFIG]"),
            *(
                key_option(
                    f"--{flag}",
                    key=key if key == "model" else f"flags.{key}",
                    metavar="FILES" if flag in _FILES else None,
                    multiple=flag in _FILES,
                    help=text,
                )
                for flag, (key, text) in _keys(name).items()
            ),
            set_option("Set a key, e.g. --set train.steps=500; may be repeated."),
            key_option("--device", key="flags.device", help="auto, cpu, cuda, cuda:N or mps."),
            key_option("--output-dir", key="output_dir", help="Folder that the run is written to."),
            key_option("--seed", key="flags.seed", type=int, help="Random seed of a single run (instead of `seeds`)."),
            *([_WORKERS] if _has_teacher(name) else []),
            key_option(
                "--overwrite", key="overwrite", is_flag=True, help="Remove the run that is in the output folder."
            ),
            click.option(
                "--dry-run",
                is_flag=True,
                help="Estimate what is read, labeled and trained, and how long it takes; write nothing.",
            ),
        )
    ):
        function = decorate(function)
    return function


def _command(name: str) -> click.Command:
    def command(
        files: tuple[Path, ...],
        settings: tuple[str, ...],
        overwrite: bool,
        dry_run: bool,
        workers: int = 1,
        **flags: Any,  # noqa: ANN401
    ) -> None:
        from nlptrain.config import COMMANDS, load_config
        from nlptrain.config.commands import StudentCommandConfig

        given = _given(name, flags)
        config = _one_file(name, files, given, settings)
        loaded = load_config(COMMANDS[name], config, settings, given)

        arguments: dict[str, Any] = {"overwrite": overwrite, "workers": workers}
        if dry_run:
            from nlptrain.procedures import estimate_training

            estimate_training(name, loaded.config, **arguments, report=echo_line)
        elif isinstance(loaded.config, StudentCommandConfig) and loaded.config.seeds:
            from nlptrain.procedures import run_seeds

            each = run_seeds(name, loaded.config, **arguments, report=_print_seed, log=partial(echo_line, err=True))
            _print_spread(each)
        else:
            from nlptrain.procedures import run_training

            _print_scores(run_training(name, loaded.config, **arguments))

    return click.command(name, help=_HELP[name])(_options(command, name))


def _given(name: str, flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the options that set keys, by dotted key."""
    known = _keys(name)
    given: dict[str, Any] = {}
    for flag, value in flags.items():
        if value not in (None, ()):
            key = known[flag][0] if flag in known else flag
            given[key] = value if not isinstance(value, tuple) else value[0] if len(value) == 1 else list(value)
    return given


def _one_file(name: str, files: Sequence[Path], given: Mapping[str, Any], settings: Sequence[str]) -> Path | None:
    """Return the YAML file among the arguments, or None if there is none.

    Raises:
        InputError: there is neither a file nor an option, or more than one file, as a shell makes of a glob.
    """
    if not files and not given and not settings:
        options = " ".join(f"--{option} ..." for option in _MODELS[name])
        source = "unlabeled" if _has_teacher(name) else "train"
        raise InputError(
            "found no CONFIG",
            hint=f"give a YAML file (nlptrain config init {name} prints one), or options: {options} "
            f"--{source} 'FILES' --output-dir FOLDER",
        )
    texts = [path for path in files if path.suffix.lower() in _TEXT]
    if texts and any(key.startswith("data.") for key in given):
        raise InputError(
            "found instead of CONFIG",
            location=str(texts[0]),
            expected="a YAML file",
            hint="an option takes one value: quote a glob, as in --unlabeled 'text/*.txt', or repeat the option",
        )
    if len(files) > 1:
        raise InputError(
            f"found {len(files)} files ({files[0]}, {files[1]}, ...)",
            expected="one",
            hint="nlptrain run takes several",
        )
    return files[0] if files else None


def _print_seed(seed: int, scores: dict[str, Any]) -> None:
    if not is_secondary_rank():
        echo_line(f"seed {seed}:")
    _print_scores(scores)


def _print_scores(scores: dict[str, Any]) -> None:
    """Print the dev and test scores of a run with its teacher's, and its size."""
    if is_secondary_rank():
        return
    for split in ("dev", "test"):
        if split not in scores:
            continue
        scored = scores[split]
        metric = scored["metric"]
        line = f"{split:5} {metric} {scored[metric]:.4f}"
        if metric == "f1":
            line += f"  precision {scored['precision']:.4f}  recall {scored['recall']:.4f}"
        if teacher := scores.get("teacher"):
            line += _describe_ratio(scored[metric], teacher[split][metric])
        echo_line(line)
    echo_line(
        f"model: {scores['parameters']:,} parameters, {scores['bytes'] / 1e6:.1f} MB, "
        f"weights of step {scores['best_step']:,}/{scores['steps']:,} (best on dev)"
    )


def _describe_ratio(score: float, teacher: float) -> str:
    return f"  {score / teacher:.1%} of teacher's {teacher:.4f}" if teacher else f"  teacher {teacher:.4f}"


def _print_spread(scores: Sequence[dict[str, Any]]) -> None:
    """Print mean, minimum and maximum of the scores of several seeds."""
    if is_secondary_rank():
        return
    for split in ("dev", "test"):
        if split not in scores[0]:
            continue
        metric = scores[0][split]["metric"]
        values = [run[split][metric] for run in scores]
        mean = statistics.fmean(values)
        line = f"{split:5} {metric} {mean:.4f}  smallest {min(values):.4f}  largest {max(values):.4f}"
        if teacher := scores[0].get("teacher"):
            line += _describe_ratio(mean, teacher[split][metric])
        echo_line(f"{line}  (mean of {len(values)} seeds)")


transformer_token = _command("transformer_token")
tagger = _command("tagger")
tagger_kd = _command("tagger_kd")
pseudo_label = _command("pseudo_label")
