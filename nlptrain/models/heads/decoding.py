"""What a head makes of emissions: the losses' view of a batch in training, and answers in use."""

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
    """What a model says of one sentence.

    Attributes:
        logits: of each word, [words, C]; their softmax is what the model thinks of the word.
        best: the label of each word, [words]; the best path where labels depend on each other.
    """

    logits: NDArray[np.float32]
    label_ids: NDArray[np.int64]


def join_sentences(
    emissions: Sequence[NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """The emissions of all sentences as one array [W, C], the words of each, and where the sentences part."""
    counts = np.array([len(values) for values in emissions], dtype=np.int64)
    if len(emissions) == 1:  # which may be a whole document, and is not copied
        return emissions[0], counts, counts[:0]
    flat = np.concatenate(emissions) if len(emissions) else np.empty((0, 1), dtype=np.float32)
    return flat, counts, np.cumsum(counts)[:-1]


class LabelDecoder(Protocol):
    """How emissions become labels; a head is one.

    Attributes:
        constrained: label sequences that break the scheme are impossible, and cannot be learned.
    """

    constrained: bool

    @property
    def runtime_decoder(self) -> Decoder:
        """How they do so, without torch; made anew where scores are learned."""
        ...

    def output(self, emissions: Tensor, lengths: SequenceLengths) -> WordOutput:
        """The words of a batch, whose ``emissions`` are [W, C]."""
        ...

    def predict(self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0) -> list[Prediction]:
        """The answer to each sentence, whose ``emissions`` are [words, C]; no temperature changes a label."""
        ...

    def log_probabilities(
        self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0
    ) -> list[NDArray[np.float64]]:
        """The log-probability of each label of each word of each sentence at a temperature, [words, C]."""
        ...


class IndependentDecoder:
    """How logits are read when each word's label is chosen by itself; the rule of every transformer."""

    constrained = False

    @property
    def runtime_decoder(self) -> Decoder:
        """Each word's best label."""
        return Decoder("independent")

    def output(self, emissions: Tensor, lengths: SequenceLengths) -> IndependentWords:
        """The words of a batch."""
        return IndependentWords(emissions)

    def predict(self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0) -> list[Prediction]:
        """Logits, divided by the temperature, and the best label of each word, sentence by sentence."""
        return [Prediction(values / temperature, values.argmax(axis=1)) for values in emissions]

    def log_probabilities(
        self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0
    ) -> list[NDArray[np.float64]]:
        """Log softmax(logits / T) of each word, sentence by sentence."""
        found: list[NDArray[np.float64]] = []
        for values in emissions:
            exact = values.astype(np.float64) / temperature
            exact -= exact.max(axis=1, keepdims=True)
            found.append(exact - np.log(np.exp(exact).sum(axis=1, keepdims=True)))
        return found


def allowed_transitions(labels: Labels) -> tuple[Tensor, Tensor, Tensor]:
    """Which label may follow which, [C, C] from the row's to the column's, which may open and which may close, [C].

    All may where the scheme is only guessed from a teacher's names: a classifier of IOB1 can have those of IOB2, and
    what opens its entities would be forbidden.
    """
    tables = _tables(labels)
    allowed, opens, closes = (
        torch.from_numpy(scores > FORBIDDEN) for scores in (tables.transitions, tables.start, tables.end)
    )
    return allowed, opens, closes


def _tables(labels: Labels) -> TransitionTables:
    return scheme_tables(labels.names, "plain" if labels.guessed else labels.scheme)


class ConstrainedDecoder(IndependentDecoder):
    """Logits as with ``IndependentRule``; the labels are the best sequence that the scheme allows.

    That is Viterbi's path over the words' logits without transition scores: each word's best label, unless these
    together break the scheme. An ``I-`` behind O, which would count as an entity of its own, is then read as what its
    neighbors make likely.
    """

    def __init__(self, labels: Labels) -> None:
        """Keep to the scheme of ``labels``; where that is only guessed, to none."""
        tables = _tables(labels)
        free = not any((scores < 0).any() for scores in (tables.transitions, tables.start, tables.end))
        self._decoder = Decoder("independent") if free else Decoder("scheme", tables)

    @property
    def runtime_decoder(self) -> Decoder:
        """Each word's best label, put right where these break the scheme."""
        return self._decoder

    def predict(self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0) -> list[Prediction]:
        """Logits, divided by the temperature, and the label of each word, sentence by sentence."""
        flat, counts, ends = join_sentences(emissions)
        paths = np.split(self._decoder.decode(flat, counts), ends)
        return [Prediction(values / temperature, path) for values, path in zip(emissions, paths, strict=False)]


@lru_cache(maxsize=16)
def constrained_decoder(labels: Labels) -> ConstrainedDecoder:
    """The rule of ``labels``, made once."""
    return ConstrainedDecoder(labels)
