"""Significance of score differences: the paired bootstrap over the sentences that runs were scored on.

Each resample has as many sentences as the test set, sampled with replacement, and all systems are scored on it
(Efron and Tibshirani 1993; for paired systems Koehn 2004, section 3; Berg-Kirkpatrick, Burkett and Klein 2012, section
2). Sentences are resampled, seeds are not: the score of several seeds is the mean of their scores on the same
sentences.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptrain.analysis.comparison import Row, teacher_score
from nlptrain.errors import InputError, Setting
from nlptrain.run.checksums import DamagedFile, read_json

Array = NDArray[np.float64]

_CELLS = 4_000_000  # resamples times sentences in one batch: 32 MB
_ROUNDING = 1e-12  # the mean of three equal scores may differ from them in its last bit
_COLUMNS = ("correct", "predicted", "gold")
_SETTING = Setting("bootstrap")
_TRAIN_AGAIN = ("train the run again with ", Setting("overwrite"))


@dataclass(frozen=True)
class Difference:
    """The score of one run minus that of another.

    Attributes:
        run: the run.
        against: the other run: a control or the teacher.
        difference: of the scores.
        interval: 95 % confidence interval of the difference.
        p: two-sided p-value of "there is no difference".
        share: of the teacher's score, if the other is the teacher and its score is not 0.
        share_interval: 95 % confidence interval of the share.
    """

    run: str
    against: str
    difference: float
    interval: tuple[float, float]
    p: float
    share: float | None = None
    share_interval: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the difference as ``nlptrain compare`` prints it."""
        return asdict(self)


@dataclass(frozen=True)
class Bootstrap:
    """All differences of a comparison, computed on the same resamples.

    Attributes:
        resamples: number of resamples.
        sentences: number of sentences in each.
        differences: of each student to the teacher and to each control.
    """

    resamples: int
    sentences: int
    differences: list[Difference]

    def to_json(self) -> dict[str, Any]:
        """Return the differences as ``nlptrain compare`` prints them."""
        return {**asdict(self), "differences": [difference.to_json() for difference in self.differences]}


@dataclass(frozen=True)
class _System:
    name: str
    command: str
    score: float
    counts: Array  # [K, S, 3]


def bootstrap(rows: Sequence[Row], resamples: int) -> Bootstrap:
    """Compare the students among ``rows`` with the teacher and with the controls.

    The teacher is a row, or else the teacher's counts in the run of a student. Of two controls, the later is compared
    with the earlier.

    Raises:
        InputError: a run has no counts or other gold tags, there is nothing to compare with, or only one sentence.
    """
    teacher = _teacher(rows)
    others = [_system(row) for row in rows if teacher is None or row.run != teacher.name]
    systems = [*([teacher] if teacher else []), *others]
    _check_same_gold(systems)
    pairs = list(_pairs(systems))
    if not pairs:
        hint = "name the run of a teacher or of a control, too"
        raise InputError("neither a teacher nor a control to compare with", location=_SETTING, hint=hint)
    sentences = systems[0].counts.shape[1]
    if sentences < 2:
        raise InputError("found 1 scored sentence", location=_SETTING, expected="2 or more")
    scores = resample_scores([system.counts for system in systems], resamples)
    differences = [_difference(systems[i], systems[j], scores[[i, j]]) for i, j in pairs]
    return Bootstrap(resamples, sentences, differences)


def f1_score(counts: Array) -> Array:
    """Compute F1 from summed counts; for plain tags, where all words are predicted and gold, it is the accuracy.

    F1 = 2 * correct / (predicted + gold) (van Rijsbergen 1979, as 1 - E with alpha 1/2), and 0 if both are 0.

    Args:
        counts: [..., 3]: correct, predicted, gold.

    Returns:
        [...], from 0 to 1.
    """
    predicted_and_gold = counts[..., 1] + counts[..., 2]
    return 2 * counts[..., 0] / np.where(predicted_and_gold == 0, 1, predicted_and_gold)


def resample_scores(systems: Sequence[Array], resamples: int, *, seed: int = 0) -> Array:
    """Score each system on the same resamples of the sentences (``scipy.stats.bootstrap``).

    Args:
        systems: for each, [K, S, 3]: K seeds, S sentences; correct, predicted and gold of each sentence.
        resamples: N.
        seed: of the resampling.

    Returns:
        [M, N] for M systems: the mean over a system's seeds.

    Raises:
        ValueError: the systems do not have the same sentences, or fewer than 2.
    """
    from scipy import stats

    sentences = systems[0].shape[1]
    if any(system.shape[1:] != (sentences, 3) for system in systems):
        raise ValueError(f"systems have the shapes {[system.shape for system in systems]}; must be [K, {sentences}, 3]")
    table = np.concatenate(systems).transpose(1, 0, 2).reshape(sentences, -1).astype(np.float64)
    ends = np.cumsum([len(system) for system in systems])

    def scores(sample: NDArray[np.int64], axis: int) -> Array:
        """Return the scores [M, N] on samples of sentence numbers [N, S]."""
        sample = np.atleast_2d(sample)
        seeds = f1_score((_frequencies(sample) @ table).reshape(len(sample), -1, 3)).T
        return np.stack([part.mean(axis=0) for part in np.split(seeds, ends[:-1])])

    result = stats.bootstrap(
        (np.arange(sentences),),
        scores,
        n_resamples=resamples,
        batch=max(1, _CELLS // sentences),
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    distribution: Array = result.bootstrap_distribution
    return distribution


def _frequencies(sample: NDArray[np.int64]) -> Array:
    """Count how often each sentence occurs in each sample: [N, S] sentence numbers to [N, S] counts."""
    rows, sentences = sample.shape
    flat = (sample + np.arange(rows)[:, None] * sentences).ravel()
    return np.bincount(flat, minlength=rows * sentences).reshape(rows, sentences).astype(np.float64)


def percentile_interval(values: Array) -> tuple[float, float]:
    """Return the 95 % percentile interval of resampled ``values``, [N] (Efron and Tibshirani 1993, section 13.3)."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def p_value(differences: Array) -> float:
    """Return the two-sided p-value of "there is no difference", from resampled ``differences``, [N].

    Twice the smaller of two shares: the resamples whose difference is at most 0, and those where it is at least 0. Both
    counts and N are increased by 1, as the test set itself is one more resample (Davison and Hinkley 1997, section
    4.2), so that p is never 0: its range is 2 / (N + 1) to 1.
    """
    below, above = int((differences <= _ROUNDING).sum()), int((differences >= -_ROUNDING).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (len(differences) + 1))


def _pairs(systems: Sequence[_System]) -> Iterator[tuple[int, int]]:
    """Yield the indices of the systems that are compared."""
    baselines = [index for index, system in enumerate(systems) if system.command in ("transformer_token", "tagger")]
    for index, system in enumerate(systems):
        for baseline in baselines:
            if baseline < index or (system.command not in ("transformer_token", "tagger") and baseline != index):
                yield index, baseline


def _difference(system: _System, other: _System, scores: Array) -> Difference:
    differences = scores[0] - scores[1]
    difference = Difference(
        system.name, other.name, system.score - other.score, percentile_interval(differences), p_value(differences)
    )
    if other.command != "transformer_token" or not other.score or not scores[1].all():
        return difference
    interval = percentile_interval(scores[0] / scores[1])
    return Difference(**{**asdict(difference), "share": system.score / other.score, "share_interval": interval})


def _teacher(rows: Sequence[Row]) -> _System | None:
    """Return the system whose score is ``teacher_score``."""
    for row in rows:
        if row.command == "transformer_token":
            return _system(row)
    for row in rows:
        if teacher := row.scores.get("teacher"):
            counts = _read_counts(row.folders[0], row.split, "teacher")[None]
            return _System(teacher["name"], "transformer_token", teacher_score(rows) or 0.0, counts)
    return None


def _system(row: Row) -> _System:
    counts = np.stack([_read_counts(folder, row.split) for folder in row.folders])
    return _System(row.run, row.command, row.score, counts)


def _read_counts(folder: Path, split: str, key: str | None = None) -> Array:
    """Read the counts of each sentence, [S, 3], of the run in ``folder`` or, with ``key``, of its teacher."""
    path = folder / "counts.json"
    if not path.is_file():
        raise InputError(
            "no counts.json, as in runs of older versions",
            location=str(folder),
            expected=("the counts of each sentence for ", _SETTING),
            hint=_TRAIN_AGAIN,
        )
    values = read_json(path)
    try:
        split_counts = (values[key] if key else values)[split]
        counts = np.array([split_counts[name] for name in _COLUMNS], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    if counts.ndim != 2 or not counts.size:
        raise _damaged(path)
    return counts.T


def _damaged(path: Path) -> DamagedFile:
    return DamagedFile(path, "not the counts of each sentence", _TRAIN_AGAIN)


def _check_same_gold(systems: Sequence[_System]) -> None:
    first = systems[0].counts[0, :, 2]
    for system in systems:
        for counts in system.counts:
            if not np.array_equal(counts[:, 2], first):
                raise InputError(
                    f"scored on other gold tags than {systems[0].name}",
                    location=system.name,
                    expected="runs on the same sentences with the same labels",
                )
