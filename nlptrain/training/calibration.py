"""Calibration: the temperature that makes a model's probabilities honest, and how far they are from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nlptrain.data.labels import Labels
from nlptrain.data.tag_schemes import Scheme, Span, tags_to_spans
from nlptrain.models.confidence import TaggedSentence
from nlptrain.models.heads import LabelDecoder
from nlptrain.models.heads.forward_backward import FORBIDDEN

BINS = 15
LEAST, MOST = 0.05, 20.0  # temperatures that are tried
FEWEST_MISTAKES = 20  # words; fewer say little of how often a model is wrong where it is sure
_CLOSE = 1e-3  # of the logarithm of the temperature: a thousandth of it
_GOLDEN = (math.sqrt(5) - 1) / 2

Emissions = Sequence[NDArray[np.float32]]


@dataclass(frozen=True)
class CalibrationErrors:
    """The expected calibration errors of a model on gold sentences, from 0 to 1.

    Attributes:
        word: over the words.
        entity: over the predicted entities, which are right if gold has the same words with the same type; None if
            there are none, and for plain tags.
    """

    word: float
    entity: float | None

    def to_json(self) -> dict[str, float | None]:
        """A map."""
        return {"word": self.word, "entity": self.entity}

    def describe(self) -> str:
        """What stands in the log."""
        return f"{self.word:.4f} by word" + ("" if self.entity is None else f", {self.entity:.4f} by entity")


def expected_calibration_error(confidences: ArrayLike, right: ArrayLike, *, bins: int = BINS) -> float:
    """How far confidences are from the share that is right: the mean over ``bins``, weighted by what they hold.

    sum over bins b of |b| / n * |accuracy(b) - mean confidence(b)|, the bins being (0, 1/bins], (1/bins, 2/bins], ...
    (Naeini, Cooper, Hauskrecht 2015; the bins of Guo et al. 2017). 0 for nothing.

    Args:
        confidences: from 0 to 1.
        right: whether what they belong to is so.
        bins: their number.

    Example:
        >>> round(expected_calibration_error([0.9, 0.9, 0.6], [True, False, True]), 4)
        0.4
    """
    found = _Bins(bins)
    found.add(confidences, right)
    return found.error()


class _Bins:
    """What the expected calibration error is made of: for each bin, how much more was right than it was sure of."""

    def __init__(self, bins: int = BINS) -> None:
        self._gaps = np.zeros(bins)
        self.count = 0

    def add(self, confidences: ArrayLike, right: ArrayLike) -> None:
        sure = np.asarray(confidences, dtype=np.float64)
        true = np.asarray(right, dtype=np.float64)
        places = np.clip(np.ceil(sure * len(self._gaps)).astype(np.int64) - 1, 0, len(self._gaps) - 1)
        np.add.at(self._gaps, places, true - sure)  # one by one: in whatever parts they come, the sum is the same
        self.count += len(sure)

    def error(self) -> float:
        return float(np.abs(self._gaps).sum() / self.count) if self.count else 0.0


class CalibrationTally:
    """Calibration errors that add up, for more sentences than memory holds: those of ``calibration_errors``."""

    def __init__(self, scheme: Scheme) -> None:
        """Nothing yet; the tags that come are in ``scheme``."""
        self._scheme = scheme
        self._words, self._entities = _Bins(), _Bins()

    def add(self, gold: Sequence[Sequence[str]], answers: Sequence[TaggedSentence]) -> None:
        """Count ``answers`` against the ``gold`` tags, sentence by sentence."""
        pairs = list(zip(gold, answers, strict=True))
        right = [one == other for tags, answer in pairs for one, other in zip(tags, answer.tags, strict=True)]
        self._words.add(np.concatenate([np.empty(0), *(answer.confidences for answer in answers)]), right)
        if self._scheme != "plain":
            found = [row for tags, answer in pairs for row in judged(answer, tags, self._scheme)]
            self._entities.add([row[1] for row in found], [row[2] for row in found])

    def errors(self) -> CalibrationErrors:
        """The errors of all that was counted."""
        return CalibrationErrors(self._words.error(), self._entities.error() if self._entities.count else None)


def calibration_errors(
    gold: Sequence[Sequence[str]], answers: Sequence[TaggedSentence], scheme: Scheme
) -> CalibrationErrors:
    """The errors of ``answers`` against the ``gold`` tags, sentence by sentence."""
    tally = CalibrationTally(scheme)
    tally.add(gold, answers)
    return tally.errors()


def judged(answer: TaggedSentence, gold: Sequence[str], scheme: Scheme) -> list[tuple[Span, float, bool]]:
    """Each entity of ``answer`` (plain tags: each word), its confidence, and whether ``gold`` has the very same."""
    if scheme == "plain":
        wanted = {Span(tag, index, index + 1) for index, tag in enumerate(gold)}
    else:
        wanted = set(tags_to_spans(gold))
    return [(span, confidence, span in wanted) for span, confidence in answer.spans(scheme)]


def fit_temperature(rule: LabelDecoder, emissions: Emissions, gold: Sequence[Sequence[str]], labels: Labels) -> float:
    """The temperature T at which the ``gold`` tags are likeliest, word by word (Guo, Pleiss, Sun, Weinberger 2017).

    It makes small the mean of -log p(gold tag of a word; T), where p is softmax(logits / T), or the marginals of a CRF
    all of whose scores are divided by T. Words whose gold tag the model cannot give, because it has no such label or
    its scheme forbids it there, say nothing of T and are left out. Too few mistakes say nothing, either: who is never
    wrong could be surer without end. T is then 1, and where no temperature within the bounds is the best.

    Args:
        rule: the model's.
        emissions: what its net says of each word, from ``TokenModel.read``.
        gold: the tags of the same words.
        labels: names of the columns.
    """
    ids = [np.array([labels.ids.get(tag, -1) for tag in tags], dtype=np.int64) for tags in gold]
    flat = np.concatenate([np.empty(0, dtype=np.int64), *ids])
    known = np.flatnonzero(flat >= 0)
    if not len(known):
        return 1.0
    best_labels = np.concatenate(rule.log_probabilities(emissions, 1.0)).argmax(axis=1)
    if (best_labels[known] != flat[known]).sum() < FEWEST_MISTAKES:
        return 1.0

    def likelihoods(temperature: float) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.concatenate(rule.log_probabilities(emissions, temperature))[known, flat[known]]
        return found

    plain = likelihoods(1.0)
    possible = np.isfinite(plain) & (plain > FORBIDDEN / 2)
    if not possible.any():
        return 1.0

    def loss(log_temperature: float) -> float:
        return -float(likelihoods(math.exp(log_temperature))[possible].mean())

    best = least_argument(loss, math.log(LEAST), math.log(MOST), close=_CLOSE)
    # The likelihood of marginals may have more than one peak; no temperature is then better than a worse one.
    inside = min(best - math.log(LEAST), math.log(MOST) - best) > 2 * _CLOSE
    return math.exp(best) if inside and loss(best) < -float(plain[possible].mean()) else 1.0


def least_argument(function: Callable[[float], float], low: float, high: float, *, close: float) -> float:
    """Where ``function``, which falls and then rises, is least between ``low`` and ``high`` (Kiefer 1953).

    Golden section: each value that is worked out is used again, and the same function gives the same answer.

    Args:
        function: of one number.
        low: where the search begins.
        high: where it ends.
        close: the search stops when it is this near.
    """
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > close:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = function(right)
    return (low + high) / 2
