"""Decoding: the labels and the log-probabilities of words from the emissions of a model.

``TokenModel.decoder`` is one of three: a ``CRFHead`` (see ``crf``), a ``ConstrainedDecoder`` (a tagger with a softmax
head), or an ``IndependentDecoder`` (a transformer). ``nlptrain.models.prediction`` computes confidences from the
logits of a ``Prediction``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptrain.data.labels import Labels
from nlptrain.models.heads.softmax import IndependentWords, WordOutput
from nlptrain.models.tokenization.inputs import SequenceLengths
from nlptrain_runtime.decoding import Decoder, scheme_tables
from nlptrain_runtime.transition_tables import FORBIDDEN, TransitionTables


class Prediction(NamedTuple):
    """The prediction for one sentence.

    Attributes:
        logits: of each word, [words, C]; their softmax is the model's distribution over the word's labels.
        label_ids: the label of each word, [words]; the best sequence if labels depend on each other.
    """

    logits: NDArray[np.float32]
    label_ids: NDArray[np.int64]


def join_sentences(
    emissions: Sequence[NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Return the emissions of all sentences as one array [W, C], the words per sentence, and the split indices."""
    counts = np.array([len(values) for values in emissions], dtype=np.int64)
    if len(emissions) == 1:  # it may be a whole document, and is not copied
        return emissions[0], counts, counts[:0]
    flat = np.concatenate(emissions) if len(emissions) else np.empty((0, 1), dtype=np.float32)
    return flat, counts, np.cumsum(counts)[:-1]


class LabelDecoder(Protocol):
    """Turns emissions into labels; a ``CRFHead`` is one.

    Attributes:
        is_constrained: sequences that violate the tag scheme are impossible, and cannot be learned.
    """

    is_constrained: bool

    @property
    def runtime_decoder(self) -> Decoder:
        """The same decoder without torch; built from the current scores if they are learned."""
        ...

    def output(self, emissions: Tensor, lengths: SequenceLengths) -> WordOutput:
        """Return what the losses need of the words of a batch, whose ``emissions`` are [W, C]."""
        ...

    def predict(self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0) -> list[Prediction]:
        """Predict each sentence from its ``emissions`` [words, C]; the temperature does not change labels."""
        ...

    def log_probabilities(
        self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0
    ) -> list[NDArray[np.float64]]:
        """Return the log-probability of each label of each word at a temperature, [words, C] per sentence."""
        ...


class IndependentDecoder:
    """Chooses each word's label independently, as transformers does; the decoder of every transformer."""

    is_constrained = False

    @property
    def runtime_decoder(self) -> Decoder:
        """Each word's best label."""
        return Decoder("independent")

    def output(self, emissions: Tensor, lengths: SequenceLengths) -> IndependentWords:
        """Return the words of a batch."""
        return IndependentWords(emissions)

    def predict(self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0) -> list[Prediction]:
        """Return the logits, divided by the temperature, and each word's best label."""
        return [Prediction(values / temperature, values.argmax(axis=1)) for values in emissions]

    def log_probabilities(
        self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0
    ) -> list[NDArray[np.float64]]:
        """Return log softmax(logits / T) of each word, sentence by sentence."""
        sentences: list[NDArray[np.float64]] = []
        for values in emissions:
            shifted = values.astype(np.float64) / temperature
            shifted -= shifted.max(axis=1, keepdims=True)
            sentences.append(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
        return sentences


class ConstrainedDecoder(IndependentDecoder):
    """Logits as with ``IndependentDecoder``; the labels are the best sequence that the tag scheme allows.

    That is Viterbi's path over the logits without transition scores: each word's best label, unless these together
    violate the scheme. An ``I-`` after ``O``, which would count as an entity of its own, gets the label that its
    neighbors make likely.
    """

    def __init__(self, labels: Labels) -> None:
        """Allow what the scheme of ``labels`` allows; everything if the scheme is only guessed."""
        tables = _tables(labels)
        scheme_allows_all = not any((scores < 0).any() for scores in (tables.transitions, tables.start, tables.end))
        self._decoder = Decoder("independent") if scheme_allows_all else Decoder("scheme", tables)

    @property
    def runtime_decoder(self) -> Decoder:
        """Each word's best label, corrected if the sequence violates the scheme."""
        return self._decoder

    def predict(self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0) -> list[Prediction]:
        """Return the logits, divided by the temperature, and the best allowed sequence of each sentence."""
        flat, counts, ends = join_sentences(emissions)
        paths = np.split(self._decoder.decode(flat, counts), ends)
        return [Prediction(values / temperature, path) for values, path in zip(emissions, paths, strict=False)]


@lru_cache(maxsize=16)
def constrained_decoder(labels: Labels) -> ConstrainedDecoder:
    """Return the decoder for ``labels``, built once."""
    return ConstrainedDecoder(labels)


def allowed_transitions(labels: Labels) -> tuple[Tensor, Tensor, Tensor]:
    """Return which label may follow which, [C, C] from row to column, which may come first and which last, [C].

    Everything is allowed if the scheme is only guessed from a teacher's names: an IOB1 classifier can have the names of
    IOB2, and the labels that open its entities would be forbidden.
    """
    tables = _tables(labels)
    allowed, first, last = (
        torch.from_numpy(scores > FORBIDDEN) for scores in (tables.transitions, tables.start, tables.end)
    )
    return allowed, first, last


def _tables(labels: Labels) -> TransitionTables:
    return scheme_tables(labels.names, "plain" if labels.is_guessed else labels.scheme)
