"""Calibration: the temperature that makes a model's confidences match its accuracy, and the errors that remain."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nlptrain.data.labels import Labels
from nlptrain.data.partial_annotation import Masks, PossibleLabels, is_partial
from nlptrain.data.tag_schemes import Scheme, Span, tags_to_spans
from nlptrain.models.heads import LabelDecoder
from nlptrain.models.heads.forward_backward import FORBIDDEN
from nlptrain_runtime.predictions import TaggedSentence

BINS = 15
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
FEWEST_MISTAKES = 20  # words; too few show nothing about a confident model
_TOLERANCE = 1e-3  # of the logarithm of the temperature
_GOLDEN = (math.sqrt(5) - 1) / 2

Emissions = Sequence[NDArray[np.float32]]
Asked = frozenset[str] | None


@dataclass(frozen=True)
class CalibrationErrors:
    """The expected calibration errors (ECE) of a model on gold sentences, from 0 to 1.

    Attributes:
        word: over the words.
        entity: over the predicted entities, which are correct if gold has the same words with the same type; None if
            there are none, and for plain tags.
    """

    word: float
    entity: float | None

    def to_json(self) -> dict[str, float | None]:
        """Return a map."""
        return {"word": self.word, "entity": self.entity}

    def describe(self, before: CalibrationErrors | None = None) -> str:
        """Return a part of a line for the log, with the errors ``before`` the temperature in front if given."""

        def change(old: float | None, new: float) -> str:
            return f"{new:.3f}" if old is None else f"{old:.3f} -> {new:.3f}"

        entities = ""
        if self.entity is not None:
            entities = f", entities {change(before.entity if before else None, self.entity)}"
        return f"ECE words {change(before.word if before else None, self.word)}{entities}"


def expected_calibration_error(confidences: ArrayLike, correct: ArrayLike, *, bins: int = BINS) -> float:
    """Return the mean gap between confidence and accuracy over ``bins``, weighted by their size; 0 for no values.

    sum over bins b of |b| / n * |accuracy(b) - mean confidence(b)|, the bins being (0, 1/bins], (1/bins, 2/bins], ...
    (Naeini, Cooper, Hauskrecht 2015; the bins of Guo et al. 2017).

    Args:
        confidences: from 0 to 1.
        correct: whether each prediction is correct.
        bins: their number.

    Example:
        >>> round(expected_calibration_error([0.9, 0.9, 0.6], [True, False, True]), 4)
        0.4
    """
    tally = _Bins(bins)
    tally.add(confidences, correct)
    return tally.error()


class _Bins:
    """The sum of (correct - confidence) in each bin: the expected calibration error of values that come in parts."""

    def __init__(self, bins: int = BINS) -> None:
        self._gaps = np.zeros(bins)
        self.count = 0

    def add(self, confidences: ArrayLike, correct: ArrayLike) -> None:
        values = np.asarray(confidences, dtype=np.float64)
        hits = np.asarray(correct, dtype=np.float64)
        indices = np.clip(np.ceil(values * len(self._gaps)).astype(np.int64) - 1, 0, len(self._gaps) - 1)
        np.add.at(self._gaps, indices, hits - values)  # one by one, so that the sum does not depend on the parts
        self.count += len(values)

    def error(self) -> float:
        return float(np.abs(self._gaps).sum() / self.count) if self.count else 0.0


class CalibrationTally:
    """Sums calibration errors block by block, for more sentences than fit in memory; see ``calibration_errors``."""

    def __init__(self, scheme: Scheme) -> None:
        """Start at zero; the tags are in ``scheme``."""
        self._scheme = scheme
        self._words, self._entities = _Bins(), _Bins()

    def add(
        self, gold: Sequence[Sequence[str]], predicted: Sequence[TaggedSentence], asked: Sequence[Asked] | None = None
    ) -> None:
        """Count ``predicted`` against the ``gold`` tags, sentence by sentence.

        Args:
            gold: the tags of each sentence.
            predicted: for the same sentences.
            asked: the types that each sentence was checked for; None: all. Unmarked words of other sentences do not
                count, nor do predicted entities of other types.
        """
        asked = [None] * len(gold) if asked is None or self._scheme == "plain" else asked
        rows = list(zip(gold, predicted, asked, strict=True))
        correct = [
            gold_tag == tag
            for tags, sentence, types in rows
            for gold_tag, tag in zip(tags, sentence.tags, strict=True)
            if types is None or gold_tag != "O"
        ]
        known = [
            sentence.confidences if types is None else sentence.confidences[np.array(tags) != "O"]
            for tags, sentence, types in rows
        ]
        self._words.add(np.concatenate([np.empty(0), *known]), correct)
        if self._scheme != "plain":
            matches = [
                match for tags, sentence, types in rows for match in match_entities(sentence, tags, self._scheme, types)
            ]
            self._entities.add([match[1] for match in matches], [match[2] for match in matches])

    def errors(self) -> CalibrationErrors:
        """Return the errors of all sentences so far."""
        return CalibrationErrors(self._words.error(), self._entities.error() if self._entities.count else None)


def calibration_errors(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[TaggedSentence],
    scheme: Scheme,
    asked: Sequence[Asked] | None = None,
) -> CalibrationErrors:
    """Return the calibration errors of ``predicted`` against the ``gold`` tags; see ``CalibrationTally.add``."""
    tally = CalibrationTally(scheme)
    tally.add(gold, predicted, asked)
    return tally.errors()


def match_entities(
    predicted: TaggedSentence, gold: Sequence[str], scheme: Scheme, asked: Asked = None
) -> list[tuple[Span, float, bool]]:
    """Return each predicted entity (plain tags: word), its confidence, and whether ``gold`` has the same one.

    Entities of types that are not in ``asked`` are omitted; None: none are.
    """
    if scheme == "plain":
        gold_spans = {Span(tag, index, index + 1) for index, tag in enumerate(gold)}
    else:
        gold_spans = set(tags_to_spans(gold))
    return [
        (span, confidence, span in gold_spans)
        for span, confidence in predicted.spans(scheme)
        if asked is None or scheme == "plain" or span.label in asked
    ]


def fit_temperature(
    decoder: LabelDecoder,
    emissions: Emissions,
    gold: Sequence[Sequence[str]],
    labels: Labels,
    asked: Sequence[Asked] | None = None,
) -> float:
    """Return the temperature T that maximizes the likelihood of the ``gold`` tags (Guo, Pleiss, Sun, Weinberger 2017).

    It minimizes the mean of -log p(gold tag of a word; T), where p is softmax(logits / T), or the marginals of a CRF
    all of whose scores are divided by T. Words whose gold tag the model cannot give, because it has no such label or
    its scheme forbids it, are ignored; p of a word with several possible labels is their sum. T is 1 if the model makes
    fewer than 20 mistakes (a model that is never wrong would become arbitrarily confident), and if no temperature
    within the bounds is the best.

    Args:
        decoder: of the model.
        emissions: of the model, from ``TokenModel.read``.
        gold: the tags of the same words.
        labels: names of the columns.
        asked: the types that each sentence was checked for; None: all.
    """
    flat, partial, masks = _known_labels(gold, labels, [None] * len(gold) if asked is None else asked)
    known = np.flatnonzero(flat >= 0)
    if not len(known) + len(partial):
        return 1.0
    best_labels = np.concatenate(decoder.log_probabilities(emissions, 1.0)).argmax(axis=1)
    mistakes = (best_labels[known] != flat[known]).sum() + (~masks[np.arange(len(partial)), best_labels[partial]]).sum()
    if mistakes < FEWEST_MISTAKES:
        return 1.0

    def log_likelihoods(temperature: float) -> NDArray[np.float64]:
        log_probabilities = np.concatenate(decoder.log_probabilities(emissions, temperature))
        gold_values: NDArray[np.float64] = log_probabilities[known, flat[known]]
        if not len(partial):
            return gold_values
        sums = np.logaddexp.reduce(np.where(masks, log_probabilities[partial], -np.inf), axis=1)
        return np.concatenate([gold_values, sums])

    uncalibrated = log_likelihoods(1.0)
    possible = np.isfinite(uncalibrated) & (uncalibrated > FORBIDDEN / 2)
    if not possible.any():
        return 1.0

    def loss(log_temperature: float) -> float:
        return -float(log_likelihoods(math.exp(log_temperature))[possible].mean())

    low, high = math.log(MIN_TEMPERATURE), math.log(MAX_TEMPERATURE)
    best = golden_section_minimum(loss, low, high, tolerance=_TOLERANCE)
    # The likelihood of marginals may have more than one peak; no temperature is then better than a worse one.
    inside = min(best - low, high - best) > 2 * _TOLERANCE
    return math.exp(best) if inside and loss(best) < -float(uncalibrated[possible].mean()) else 1.0


def _known_labels(
    gold: Sequence[Sequence[str]], labels: Labels, asked: Sequence[Asked]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Masks]:
    """Return what is known of the labels of all words.

    Returns:
        The label of each word, [W], -1 if the model does not have it or if the sentence is partial; the indices of the
        words of partial sentences of which anything is known, [P]; and the labels that each of these may have, [P, C].
    """
    possible = PossibleLabels(labels)
    ids, partial, masks = (
        [np.empty(0, dtype=np.int64)],
        [np.empty(0, dtype=np.int64)],
        [np.empty((0, len(labels)), dtype=bool)],
    )
    start = 0
    for tags, types in zip(gold, asked, strict=True):
        if is_partial(types, labels):
            allowed = possible.of_words(tags, types)
            words = np.flatnonzero(~allowed.all(axis=1))
            partial.append(start + words)
            masks.append(allowed[words])
            ids.append(np.full(len(tags), -1))
        else:
            ids.append(np.array([labels.ids.get(tag, -1) for tag in tags], dtype=np.int64))
        start += len(tags)
    return np.concatenate(ids), np.concatenate(partial), np.concatenate(masks)


def golden_section_minimum(function: Callable[[float], float], low: float, high: float, *, tolerance: float) -> float:
    """Return where a unimodal ``function`` is minimal in ``low``..``high``: golden-section search (Kiefer 1953).

    Args:
        function: of one number; it falls, then rises.
        low: lower bound.
        high: upper bound.
        tolerance: length of the interval at which the search stops.
    """
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > tolerance:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = function(right)
    return (low + high) / 2
