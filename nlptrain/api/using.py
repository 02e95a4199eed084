"""The commands that use a model, as functions: load, predict, export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from nlptrain.api.output import log_of
from nlptrain.api.paths import model_of, text_of, texts_of
from nlptrain.api.process import restoring
from nlptrain.data.text_files import expand_paths
from nlptrain.errors import InputError
from nlptrain.models import TokenModel, load_token_model
from nlptrain.procedures import export_run, predict_files


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
