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

    \b
    Example: nlptrain tagger_kd configs/demo/tagger_kd.yaml --set objective.temperature=2
    Without a file: nlptrain tagger_kd --teacher runs/teacher --unlabeled 'text/*.txt' --output-dir runs/student
    """,
    "pseudo_label": """Train a small tagger on gold tags and on raw text tagged by the teacher.

    \b
    Reads   CONFIG (teacher, student, data, objective, train), gold files, raw text, the teacher.
    Writes  as tagger_kd, and output_dir/pseudo_labels.jsonl: raw and made text with the
            teacher's tags and confidences (its own probabilities, not calibrated).

    Example: nlptrain pseudo_label configs/demo/pseudo_label.yaml
    """,
}


_WORKERS = key_option(
    "--workers",
    key="workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that label text side by side, on a CPU; they share the threads.",
)


# The keys that a flag may say, for runs without a file; what else there is, --set says.
_MODELS = {
    "transformer_token": {"model": ("model", "The pretrained transformer: a folder or a Hub name.")},
    "tagger": {"tokenizer": ("student.tokenizer", "The pretrained transformer that the student's table is from.")},
    "tagger_kd": {"teacher": ("teacher", "The fine-tuned classifier: a run's folder, a model's, or a Hub name.")},
}
_MODELS["pseudo_label"] = _MODELS["tagger_kd"]
_FILES = {
    "train": ("data.train", "Gold sentences to train on: a file or a glob in quotes; may be repeated."),
    "dev": ("data.dev", "Gold sentences that choose the best step."),
    "test": ("data.test", "Gold sentences that are scored once, at the end."),
    "unlabeled": ("data.unlabeled", "Raw text for the teacher to label."),
}
_TEXT = (".txt", ".gz", ".conll", ".conllu", ".tsv", ".csv", ".jsonl", ".parquet", ".arrow")  # no YAML, surely


def _keys(name: str) -> dict[str, tuple[str, str]]:
    """The flags of a command that say a key, with the key and what it means."""
    return {**_MODELS[name], **{flag: said for flag, said in _FILES.items() if flag != "unlabeled" or _taught(name)}}


def _taught(name: str) -> bool:
    return name in ("tagger_kd", "pseudo_label")


def _options(function: Callable[..., None], name: str) -> Callable[..., None]:
    path = click.Path(path_type=Path)
    for decorate in reversed(
        (
            click.argument("files", nargs=-1, type=path, metavar="[CONFIG]"),
            *(
                click.option(
                    f"--{flag}", metavar="FILES" if flag in _FILES else None, multiple=flag in _FILES, help=told
                )
                for flag, (_, told) in _keys(name).items()
            ),
            set_option("Set a key, e.g. --set train.steps=500; may be repeated."),
            click.option("--device", help="auto, cpu, cuda, cuda:N or mps."),
            key_option("--output-dir", key="output_dir", help="Folder of the run."),
            click.option("--seed", type=int, help="Seed of all that is random; one run, in the place of `seeds`."),
            *([_WORKERS] if _taught(name) else []),
            key_option("--overwrite", key="overwrite", is_flag=True, help="Clear a run that is in the output folder."),
            click.option(
                "--dry-run",
                is_flag=True,
                help="Say what would be read, found and computed, and, after half a minute's trial, how long it takes.",
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
    """What the flags of a command say, by dotted key."""
    known = _keys(name)
    given: dict[str, Any] = {}
    for flag, value in flags.items():
        if value not in (None, ()):
            key = known[flag][0] if flag in known else flag
            given[key] = value if not isinstance(value, tuple) else value[0] if len(value) == 1 else list(value)
    return given


def _one_file(name: str, files: Sequence[Path], given: Mapping[str, Any], settings: Sequence[str]) -> Path | None:
    """The YAML file that was given, if one was.

    Raises:
        InputError: there is neither a file nor a flag, or more than one file, as a shell makes of a glob.
    """
    if not files and not given and not settings:
        flags = " ".join(f"--{flag} ..." for flag in _MODELS[name])
        raise InputError(
            f"found no CONFIG; give a YAML file (nlptrain config init {name} prints one), or say what it must say: "
            f"{flags} --{'unlabeled' if _taught(name) else 'train'} 'FILES' --output-dir FOLDER"
        )
    others = [one for one in files if one.suffix.lower() in _TEXT]
    if others and any(key.startswith("data.") for key in given):
        raise InputError(
            f"{others[0]}: found where only a YAML file may stand; a flag takes one value: put a glob in quotes, as in "
            "--unlabeled 'text/*.txt', or repeat the flag"
        )
    if len(files) > 1:
        raise InputError(
            f"found {len(files)} files ({files[0]}, {files[1]}, ...); give one; nlptrain run takes several"
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
            theirs = teacher[split][metric]
            line += f"  teacher {theirs:.4f}" + (f"  share {scored[metric] / theirs:.1%}" if theirs else "")
        echo_line(line)
    echo_line(
        f"{scores['parameters']:,} parameters, {scores['bytes'] / 1e6:.1f} MB; "
        f"best step {scores['best_step']:,} of {scores['steps']:,}"
    )


def _print_spread(scores: Sequence[dict[str, Any]]) -> None:
    """Print mean, minimum and maximum of the scores of several seeds."""
    if is_secondary_rank():
        return
    for split in ("dev", "test"):
        if split not in scores[0]:
            continue
        metric = scores[0][split]["metric"]
        values = [one[split][metric] for one in scores]
        mean = statistics.fmean(values)
        line = f"{split:5} {metric} {mean:.4f}  smallest {min(values):.4f}  largest {max(values):.4f}"
        if teacher := scores[0].get("teacher"):
            theirs = teacher[split][metric]
            line += f"  teacher {theirs:.4f}" + (f"  share {mean / theirs:.1%}" if theirs else "")
        echo_line(f"{line}  (mean of {len(values)} seeds)")


transformer_token = _command("transformer_token")
tagger = _command("tagger")
tagger_kd = _command("tagger_kd")
pseudo_label = _command("pseudo_label")
