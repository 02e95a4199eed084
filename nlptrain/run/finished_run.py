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

_SCORES = "scores.json"


class _ScoreSection(BaseModel):
    """A map of ``scores.json``; other keys are allowed."""

    model_config = ConfigDict(extra="allow", strict=True)


class _TypeScores(_ScoreSection):
    precision: float
    recall: float
    f1: float
    support: float


class _SplitScores(_ScoreSection):
    metric: str
    sentences: int
    words: int
    types: dict[str, _TypeScores]

    @model_validator(mode="after")
    def _has_its_metric(self) -> _SplitScores:
        rates = [self.metric, *(["precision", "recall"] if self.metric == "f1" else [])]
        if not all(isinstance((self.model_extra or {}).get(rate), int | float) for rate in rates):
            raise ValueError(f"{', '.join(rates)} must be numbers")
        return self


class _TeacherScores(_ScoreSection):
    name: str
    parameters: int
    dev: _SplitScores
    test: _SplitScores | None = None


class _CalibrationErrors(_ScoreSection):
    """Expected calibration errors (ECE)."""

    word: float
    entity: float | None


class _Calibration(_ScoreSection):
    dev: _CalibrationErrors
    test: _CalibrationErrors | None = None


class _ScoreFile(_ScoreSection):
    dev: _SplitScores
    test: _SplitScores | None = None
    parameters: int
    bytes: int
    steps: int
    best_step: int
    calibration: _Calibration | None = None
    teacher: _TeacherScores | None = None

    @model_validator(mode="after")
    def _has_the_teachers_scores(self) -> _ScoreFile:
        if self.test is not None and self.teacher is not None and self.teacher.test is None:
            raise ValueError("teacher.test is missing")
        return self


class _ScoredFiles(_ScoreSection):
    dev: list[str]
    test: list[str]


class _Provenance(_ScoreFile):
    command: Literal["transformer_token", "tagger", "tagger_kd", "pseudo_label"]
    seed: int
    inputs: dict[str, str]
    versions: dict[str, str]
    scored_files: _ScoredFiles
    sample: list[list[str]]


def read_scores(folder: Path, *, needs_provenance: bool = False) -> dict[str, Any] | None:
    """Read ``scores.json`` of the run in ``folder``; None if it has not finished.

    Args:
        folder: of the run.
        needs_provenance: whether the file must have the origin of the scores, as each command writes it.

    Raises:
        DamagedFile: the file is damaged or lacks entries.
    """
    path = folder / _SCORES
    if not path.is_file():
        return None
    values = read_json(path)
    try:
        (_Provenance if needs_provenance else _ScoreFile).model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise DamagedFile(path, f"{key and key + ': '}{first['msg']}", OVERWRITE) from error
    scores: dict[str, Any] = values
    return scores


def read_verified_scores(folder: Path, log: Callable[[str], None]) -> dict[str, Any] | None:
    """Return the scores of the finished run in ``folder`` after verifying its files; None if it has to be trained.

    Damaged scores are moved aside; the run then resumes from its last checkpoint, or starts again.

    Raises:
        InputError: another file of the finished run is damaged.
    """
    try:
        read_sums(folder)
    except DamagedFile as error:
        moved = move_aside(error.path).name
        log(f"{error.path}: is damaged ({error.reason}); moved to {moved}; files are not verified")
    try:
        scores = read_scores(folder)
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
    write_sums(folder, names, {_SCORES: written})
    write_text(folder / _SCORES, written)
    remove_checkpoints(folder)


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of the run in ``folder``."""
    for name in (CHECKPOINT, PREVIOUS):
        (folder / name).unlink(missing_ok=True)
