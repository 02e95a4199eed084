"""A finished run: its scores, read with their types checked, and its files, verified by their checksums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from nlptrain.atomic_files import move_aside, to_json, write_json, write_text
from nlptrain.run.checksums import (
    CHECKPOINT,
    OVERWRITE,
    PREVIOUS,
    DamagedFile,
    read_json,
    read_sums,
    verify_files,
    write_sums,
)

_NAME = "scores.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Type(_Part):
    precision: float
    recall: float
    f1: float
    support: float


class _Scored(_Part):
    metric: str
    sentences: int
    words: int
    types: dict[str, _Type]

    @model_validator(mode="after")
    def _has_its_metric(self) -> _Scored:
        rates = [self.metric, *(["precision", "recall"] if self.metric == "f1" else [])]
        if not all(isinstance((self.model_extra or {}).get(rate), int | float) for rate in rates):
            raise ValueError(f"{', '.join(rates)} must be numbers")
        return self


class _Teacher(_Part):
    name: str
    parameters: int
    dev: _Scored
    test: _Scored | None = None


class _Errors(_Part):
    word: float
    entity: float | None


class _Calibration(_Part):
    dev: _Errors
    test: _Errors | None = None


class _ScoreFile(_Part):
    dev: _Scored
    test: _Scored | None = None
    parameters: int
    bytes: int
    steps: int
    best_step: int
    calibration: _Calibration | None = None
    teacher: _Teacher | None = None

    @model_validator(mode="after")
    def _has_the_teachers_scores(self) -> _ScoreFile:
        if self.test is not None and self.teacher is not None and self.teacher.test is None:
            raise ValueError("teacher.test is missing")
        return self


class _Files(_Part):
    dev: list[str]
    test: list[str]


class _Provenance(_ScoreFile):
    command: Literal["transformer_token", "tagger", "tagger_kd", "pseudo_label"]
    seed: int
    inputs: dict[str, str]
    versions: dict[str, str]
    scored_files: _Files
    sample: list[list[str]]


def finished_scores(folder: Path, *, provenance: bool = False) -> dict[str, Any] | None:
    """Read ``scores.json`` of a finished run; None if there is none.

    Args:
        folder: of the run.
        provenance: whether the file must have the origin of the scores, as each command writes it.

    Raises:
        DamagedFile: the file is damaged or lacks entries.
    """
    path = folder / _NAME
    if not path.is_file():
        return None
    values = read_json(path)
    try:
        (_Provenance if provenance else _ScoreFile).model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise DamagedFile(path, f"{key and key + ': '}{first['msg']}", OVERWRITE) from error
    scores: dict[str, Any] = values
    return scores


def resume_finished(folder: Path, log: Callable[[str], None]) -> dict[str, Any] | None:
    """Return the scores of the finished run in ``folder`` after verifying its files; None if it has to be trained.

    Damaged scores are moved aside: training goes on from the last checkpoint, or starts again.

    Raises:
        InputError: another file of the finished run is damaged.
    """
    try:
        read_sums(folder)
    except DamagedFile as error:
        moved = move_aside(error.path).name
        log(f"{error.path}: is damaged ({error.reason}); moved to {moved}; files are not verified")
    try:
        scores = finished_scores(folder)
    except DamagedFile as error:
        log(f"{error.path}: is damaged ({error.reason}); moved to {move_aside(error.path).name}; training again")
        return None
    if scores is not None:
        verify_files(folder)
        remove_checkpoints(folder)  # in case the run was killed before it did
    return scores


def finish_run(folder: Path, scores: Mapping[str, Any], counts: Mapping[str, Any]) -> None:
    """Write the scores and the checksums of the run in ``folder``, which marks it as finished; remove its checkpoints.

    Args:
        folder: with the trained model in it.
        scores: of ``scores.json``, written last.
        counts: of ``counts.json``.
    """
    write_json(folder / "counts.json", counts)
    written = to_json(scores)
    model = (path.relative_to(folder).as_posix() for path in (folder / "model").rglob("*"))
    names = ("run.json", "counts.json", "metrics.jsonl", "pseudo_labels.jsonl", "dev_sample.jsonl", *model)
    write_sums(folder, names, {_NAME: written})
    write_text(folder / _NAME, written)
    remove_checkpoints(folder)


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of the run in ``folder``."""
    for name in (CHECKPOINT, PREVIOUS):
        (folder / name).unlink(missing_ok=True)
