"""The command ``label``: a teacher's predictions for raw text, computed on this machine or on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nlptrain.cli.options import Choice, key_option, set_option
from nlptrain.cli.output import echo_line
from nlptrain.config.formats import writable_formats

_FLAGS = ("engine", "address", "actors", "gpus_per_actor", "max_failed")  # keys of labeling with an option


@click.command()
@click.argument("teacher")
@click.argument("sources", nargs=-1, required=True, metavar="TEXT...")
@click.argument("out", type=click.Path(path_type=Path))
@key_option(
    "--to",
    "target",
    key="target",
    default="auto",
    type=Choice(["auto", *writable_formats()]),
    help="Format of OUT (default: by suffix; .jsonl: entities, or for plain tags jsonl).",
)
@key_option(
    "--engine",
    key="labeling.engine",
    type=Choice(["local", "ray"]),
    help="local: this machine (default). ray: a Ray cluster.",
)
@key_option(
    "--address",
    key="labeling.address",
    help="Of the Ray cluster: HOST:PORT, auto (default: the one that this machine is part of), or local (a new one "
    "on this machine).",
)
@key_option(
    "--actors",
    key="labeling.actors",
    metavar="N|MIN:MAX",
    help="Most Ray actors, or MIN:MAX: labeling starts when there are MIN (default: as many as there is room for).",
)
@key_option("--gpus-per-actor", key="labeling.gpus_per_actor", type=float, help="GPUs of each actor, e.g. 0.5.")
@key_option(
    "--max-failed",
    key="labeling.max_failed",
    type=float,
    help="Share of sentences that the teacher may fail on (default: 0.001).",
)
@key_option("--workers", key="workers", type=click.IntRange(min=1), default=1, help="Processes, with --engine local.")
@key_option("--threads", key="threads", type=click.IntRange(1, 1024), help="CPU threads; with Ray, of each actor (1).")
@key_option("--device", key="device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@key_option(
    "--precision",
    key="teacher_precision",
    default="fp32",
    show_default=True,
    type=Choice(["fp32", "bf16", "int8"]),
    help="Arithmetic of the teacher.",
)
@key_option(
    "--transfer-dir", key="transfer_dir", help="Folder or URL of the stored logits (default: transfer, next to OUT)."
)
@set_option("Set a key of data for TEXT, e.g. --set data.max_words=200; may be repeated.")
@key_option("--overwrite", key="overwrite", is_flag=True, help="Replace OUT.")
def label(
    teacher: str,
    sources: tuple[str, ...],
    out: Path,
    target: str,
    workers: int,
    threads: int | None,
    device: str,
    precision: str,
    transfer_dir: str | None,
    settings: tuple[str, ...],
    overwrite: bool,
    **flags: Any,  # noqa: ANN401
) -> None:
    """Label raw text with a teacher.

    \b
    Reads   TEACHER: a run's folder, a model's, or a Hub name; TEXT: files, globs or
            URLs of raw text, a sentence or a paragraph per line, or of rows.
    Writes  OUT: the sentences with the teacher's tags or spans, with scores where
            the format has them, each with its file and line as id;
            transfer_dir: the teacher's logits, which training reuses;
            OUT.dead.jsonl: the sentences that the teacher failed on, if any.

    An interrupted command goes on where it was when it is given again. With --engine ray, each
    actor labels a part of the text; all machines need this version of nlptrain, TEXT under the
    same path, and a transfer_dir that they share.

    \b
    Example: nlptrain label runs/teacher 'text/*.txt' labeled.jsonl
    On a cluster: nlptrain label runs/teacher 'text/*.txt' labeled.parquet \\
                    --engine ray --actors 8 --transfer-dir /shared/transfer
    """  # noqa: D301 - click reads the character
    from nlptrain.config.loading import load_data_config, load_labeling_config
    from nlptrain.procedures import label_files

    given = {key: value for key in _FLAGS if (value := flags[key]) is not None}
    data = load_data_config(None, ("data.min_words=1", *settings), {"data.unlabeled": list(sources)})
    result = label_files(
        teacher,
        data,
        out,
        None if target == "auto" else target,
        labeling=load_labeling_config(given),
        transfer_dir=transfer_dir,
        precision=precision,  # type: ignore[arg-type]  # one of them: the option is a choice
        device=device,
        threads=threads,
        workers=workers,
        overwrite=overwrite,
    )
    echo_line(f"{out}: {result.describe()}")
