"""The paired bootstrap: how far a difference of two scores is one of the sentences that happened to be in the test set.

A new test set is drawn from the old one, as many sentences, each with replacement, and all systems are scored on it;
many times over (Efron and Tibshirani 1993; for paired systems Koehn 2004, section 3; Berg-Kirkpatrick, Burkett and
Klein 2012, section 2). What is drawn are sentences, not seeds: of several seeds the statistic is the mean of their
scores on the drawn sentences.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_CELLS = 4_000_000  # of a block of resamples by sentences: 32 MB
_NOTHING = 1e-12  # the mean of three equal scores may differ from them in its last bit


def score_of(sums: Array) -> Array:
    """F1 from summed counts; of plain tags, whose predicted and gold are all words, it is the accuracy.

    F1 = 2 * correct / (predicted + gold) (van Rijsbergen 1979, as 1 - E with alpha 1/2), and 0 where there is nothing.

    Args:
        sums: [..., 3]: correct, predicted, gold.

    Returns:
        [...], from 0 to 1.
    """
    found = sums[..., 1] + sums[..., 2]
    return 2 * sums[..., 0] / np.where(found == 0, 1, found)


def resampled_scores(systems: Sequence[Array], resamples: int, *, seed: int = 0) -> Array:
    """The score of each system on each resample, the same sentences for all of them.

    Args:
        systems: for each, [K, S, 3]: K seeds, S sentences, and of each sentence what is correct, predicted and gold.
        resamples: N, how many test sets are drawn.
        seed: of the drawing.

    Returns:
        [M, N] for M systems: the mean over a system's seeds.

    Raises:
        ValueError: the systems have not the same sentences, or none.
    """
    sentences = systems[0].shape[1]
    if not sentences or any(system.shape[1:] != (sentences, 3) for system in systems):
        raise ValueError(f"systems have the shapes {[system.shape for system in systems]}; must be [K, {sentences}, 3]")
    random = np.random.default_rng(seed)
    table = np.concatenate(systems).transpose(1, 0, 2).reshape(sentences, -1).astype(np.float64)
    block = max(1, _CELLS // sentences)
    parts = []
    for begin in range(0, resamples, block):
        drawn = random.integers(sentences, size=(min(block, resamples - begin), sentences))
        parts.append(score_of((_times(drawn) @ table).reshape(len(drawn), -1, 3)))
    scores = np.concatenate(parts).T
    ends = np.cumsum([len(system) for system in systems])
    return np.stack([part.mean(axis=0) for part in np.split(scores, ends[:-1])])


def _times(drawn: NDArray[np.int64]) -> Array:
    """How often each sentence was drawn: [N, S] numbers of sentences to [N, S] counts."""
    rows, sentences = drawn.shape
    flat = (drawn + np.arange(rows)[:, None] * sentences).ravel()
    return np.bincount(flat, minlength=rows * sentences).reshape(rows, sentences).astype(np.float64)


def interval(values: Array) -> tuple[float, float]:
    """The 95 % percentile interval of resampled ``values``, [N] (Efron and Tibshirani 1993, section 13.3)."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def p_value(differences: Array) -> float:
    """The two-sided p-value of "there is no difference", from resampled ``differences``, [N].

    Twice the smaller of two shares: of the resamples whose difference is at most 0, and of those where it is at least
    0. One is added to both counts and to N, as the test set itself is one more resample (Davison and Hinkley 1997,
    section 4.2), so that p is never 0: it goes from 2 / (N + 1) to 1.
    """
    below, above = int((differences <= _NOTHING).sum()), int((differences >= -_NOTHING).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (len(differences) + 1))
