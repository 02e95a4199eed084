"""The commands that use a model, as functions: load, predict, export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from nlptrain.api.output import console_of, log_of
from nlptrain.api.paths import model_of, text_of, texts_of
from nlptrain.api.process import check_not_imported_by_worker, restoring
from nlptrain.config.labeling import LabelingConfig
from nlptrain.config.loading import load_labeling_config, validate_data
from nlptrain.data.text_files import expand_paths
from nlptrain.distillation.teachers import Precision
from nlptrain.errors import InputError
from nlptrain.models import TokenModel, load_token_model
from nlptrain.procedures import export_run, label_files, predict_files
from nlptrain.procedures.labeling import LabeledFile


def load(model: str | Path) -> TokenModel:
    """Load a teacher or a student.

    Args:
        model: the folder of a run or of a model, a Hub name, or ``package:NAME/folder``.

    Raises:
        InputError: there is no such model, or it is not a token classifier.

    Example:
        ``load("runs/student").predict("Ada Lovelace lived in London.").entities``
    """
    return load_token_model(text_of(model, "model", "a folder or a Hub name"))


@restoring()
def predict(
    model: str | Path | TokenModel,
    files: str | Path | Sequence[str | Path],
    *,
    output_format: Literal["jsonl", "conll"] = "jsonl",
    pretokenized: bool = False,
    min_confidence: float | Mapping[str, float] = 0.0,
    device: str = "auto",
) -> Iterator[str]:
    """Tag files, as ``nlptrain predict`` does: yield its lines, in bounded memory. ``TokenModel.predict`` tags texts.

    Args:
        model: the folder of a run or of a model, a Hub name; or a model, which stays where it is.
        files: files and globs of raw text or of rows.
        output_format: ``jsonl``: a JSON object per line or row; ``conll``: a word, a tab and a tag per line.
        pretokenized: whether spaces separate the words.
        min_confidence: the lowest confidence of the entities that are kept; a mapping has one value per type, and a
            default under "".
        device: where the model computes.

    Raises:
        InputError: the model or a file cannot be read, or ``min_confidence`` names other types.

    Example:
        ``for line in predict("runs/student", "raw.txt"): entities = json.loads(line)["entities"]``
    """
    limits = min_confidence if isinstance(min_confidence, Mapping) else {"": min_confidence}
    return predict_files(
        model_of(model),
        _existing_files(files),
        output_format=output_format,
        pretokenized=pretokenized,
        min_confidence=limits,
        device=device,
    ).lines


@restoring()
def label(
    teacher: str | Path,
    files: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    output_format: str | None = None,
    data: Mapping[str, object] | None = None,
    labeling: Mapping[str, object] | LabelingConfig | None = None,
    transfer_dir: str | Path | None = None,
    precision: Precision = "fp32",
    device: str = "auto",
    threads: int | None = None,
    workers: int = 1,
    overwrite: bool = False,
    progress: bool = False,
) -> LabeledFile:
    """Label raw text with a teacher on this machine or on a Ray cluster, as ``nlptrain label`` does.

    Args:
        teacher: the folder of a run or of a model, or a Hub name.
        files: files and globs of raw text or of rows.
        out: the new file.
        output_format: that of ``nlptrain convert``; None: by the suffix of ``out``.
        data: further keys of ``data``, e.g. ``{"max_words": 200}``.
        labeling: where the teacher runs, e.g. ``{"engine": "ray", "actors": 8}``.
        transfer_dir: folder or URL of the teacher's logits; None: the folder ``transfer`` next to ``out``.
        precision: that the teacher computes in.
        device: that it computes on, unless it runs on a cluster.
        threads: of the CPU; of each actor on a cluster.
        workers: processes that label text.
        overwrite: replace ``out``.
        progress: print the lines of the log to standard error.

    Raises:
        InputError: the teacher or a file cannot be read, ``out`` exists, the cluster cannot be reached, or the teacher
            fails on too many sentences.

    Example:
        ``label("runs/teacher", "text/*.txt", "labeled.jsonl").failed``
    """
    check_not_imported_by_worker()
    config = labeling if isinstance(labeling, LabelingConfig) else load_labeling_config(labeling or {})
    values = {"min_words": 1, **(data or {}), "unlabeled": texts_of(files, "files")}
    return label_files(
        text_of(teacher, "teacher", "a folder or a Hub name"),
        validate_data(values, "label"),
        Path(out),
        output_format,
        labeling=config,
        transfer_dir=None if transfer_dir is None else str(transfer_dir),
        precision=precision,
        device=device,
        threads=threads,
        workers=workers,
        overwrite=overwrite,
        console=console_of(progress),
    )


def _existing_files(files: str | Path | Sequence[str | Path]) -> list[str]:
    try:
        return [str(path) for path in expand_paths(texts_of(files, "files"), key="files")]
    except InputError as error:
        hint = "texts are tagged by nlptrain.load(MODEL).predict(TEXTS)"
        problems = [replace(problem, hint=problem.hint or hint) for problem in error.problems]
        raise InputError(*problems) from error


@restoring()
def export(
    model: str | Path | TokenModel,
    out: str | Path,
    *,
    precision: str | Sequence[str] = "fp32",
    dev: str | Path | Sequence[str | Path] = (),
    max_f1_loss: float = 0.3,
    min_confidence: float = 0.0,
    overwrite: bool = False,
    progress: bool = False,
) -> Path:
    """Export a model to run without PyTorch, as ``nlptrain export`` does.

    Args:
        model: the folder of a run or of a model, a Hub name; or a model.
        out: the new folder.
        precision: ``fp32``, ``fp16`` or ``int8``, or several of them.
        dev: gold files to compare on; none: the run's own dev, or its sample of it.
        max_f1_loss: points of the dev score that fp16 or int8 may lose.
        min_confidence: entities of a lower confidence are omitted.
        overwrite: replace an exported tagger in ``out``.
        progress: print the results of the comparison to standard error.

    Returns:
        ``out``, which ``nlptrain_runtime.Tagger`` loads.

    Raises:
        InputError: the model or the dev files are missing, or the exported model differs from the original.
    """
    export_run(
        model_of(model),
        Path(out),
        precisions=[precision] if isinstance(precision, str) else precision,
        dev_files=texts_of(dev, "dev"),
        max_loss=max_f1_loss,
        min_confidence=min_confidence,
        overwrite=overwrite,
        log=log_of(progress),
        note=log_of(progress),
    )
    return Path(out)
