"""Whether rows of a comparison differ: the bootstrap over the sentences that their runs were scored on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nlptrain.analysis.bootstrap import Array, interval, p_value, resampled_scores
from nlptrain.analysis.comparison import Row, teacher_score
from nlptrain.errors import InputError
from nlptrain.run.checksums import DamagedFile, read_json

_COLUMNS = ("correct", "predicted", "gold")


@dataclass(frozen=True)
class Difference:
    """How one row differs from another.

    Attributes:
        run: the one.
        against: the other: a control's run, or the teacher.
        difference: its score less the other's.
        interval: of the difference, 95 %, over resampled sentences.
        p: two-sided, of no difference.
        share: of the teacher's score, if the other is the teacher and scores anything.
        share_interval: of this share, 95 %.
    """

    run: str
    against: str
    difference: float
    interval: tuple[float, float]
    p: float
    share: float | None = None
    share_interval: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """What ``compare --json`` prints of it."""
        return asdict(self)


@dataclass(frozen=True)
class Bootstrap:
    """All differences of a comparison, found on the same resamples.

    Attributes:
        resamples: how many test sets were drawn.
        sentences: of each.
        differences: of each student to the teacher and to each control.
    """

    resamples: int
    sentences: int
    differences: list[Difference]

    def to_json(self) -> dict[str, Any]:
        """What ``compare --json`` prints of it."""
        return {**asdict(self), "differences": [one.to_json() for one in self.differences]}


@dataclass(frozen=True)
class _System:
    name: str
    command: str
    score: float
    counts: Array  # [K, S, 3]


def bootstrap(rows: Sequence[Row], resamples: int) -> Bootstrap:
    """How far the students among ``rows`` differ from the teacher and from the controls, and how sure that is.

    The teacher is a row, or what the run of a student counted of it. Of two controls, the later is compared with the
    earlier.

    Raises:
        InputError: a run has no counts, or of other gold tags; or there is nothing to compare with.
    """
    teacher = _teacher(rows)
    others = [_system(row) for row in rows if teacher is None or row.run != teacher.name]
    systems = [*([teacher] if teacher else []), *others]
    _check_same_gold(systems)
    pairs = list(_pairs(systems))
    if not pairs:
        raise InputError("--bootstrap: there is neither a teacher nor a control to compare with; name its run, too")
    resampled = resampled_scores([system.counts for system in systems], resamples)
    differences = [_difference(systems[one], systems[other], resampled[[one, other]]) for one, other in pairs]
    return Bootstrap(resamples, systems[0].counts.shape[1], differences)


def _pairs(systems: Sequence[_System]) -> Iterator[tuple[int, int]]:
    """The numbers of those that are compared."""
    others = [number for number, one in enumerate(systems) if one.command in ("transformer_token", "tagger")]
    for number, system in enumerate(systems):
        for other in others:
            if other < number or (system.command not in ("transformer_token", "tagger") and other != number):
                yield number, other


def _difference(one: _System, other: _System, resampled: Array) -> Difference:
    differences = resampled[0] - resampled[1]
    compared = Difference(one.name, other.name, one.score - other.score, interval(differences), p_value(differences))
    if other.command != "transformer_token" or not other.score or not resampled[1].all():
        return compared
    return Difference(
        **{
            **asdict(compared),
            "share": one.score / other.score,
            "share_interval": interval(resampled[0] / resampled[1]),
        }
    )


def _teacher(rows: Sequence[Row]) -> _System | None:
    """The one whose score is the teacher's in the comparison."""
    for row in rows:
        if row.command == "transformer_token":
            return _system(row)
    for row in rows:
        if about := row.scores.get("teacher"):
            counts = _counts(row.folders[0], row.split, "teacher")[None]
            return _System(about["name"], "transformer_token", teacher_score(rows) or 0.0, counts)
    return None


def _system(row: Row) -> _System:
    counts = np.stack([_counts(folder, row.split) for folder in row.folders])
    return _System(row.run, row.command, row.score, counts)


def _counts(folder: Path, split: str, whose: str | None = None) -> Array:
    """What each sentence adds to the scores: [S, 3]."""
    path = folder / "counts.json"
    if not path.is_file():
        raise InputError(
            f"{folder}: no counts.json, which --bootstrap reads and runs of older versions lack; train it again with "
            "--overwrite"
        )
    values = read_json(path)
    try:
        of_split = (values[whose] if whose else values)[split]
        counts = np.array([of_split[name] for name in _COLUMNS], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    if counts.ndim != 2 or not counts.size:
        raise _damaged(path)
    return counts.T


def _damaged(path: Path) -> DamagedFile:
    return DamagedFile(path, "not the counts of each sentence", "train the run again with --overwrite")


def _check_same_gold(systems: Sequence[_System]) -> None:
    first = systems[0].counts[0, :, 2]
    for system in systems:
        for counts in system.counts:
            if not np.array_equal(counts[:, 2], first):
                raise InputError(
                    f"{system.name}: was scored on other gold tags than {systems[0].name}; compare runs that read the "
                    "same sentences with the same labels"
                )
