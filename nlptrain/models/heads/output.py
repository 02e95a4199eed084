"""What a head makes of emissions: the losses' view of a batch in training, and answers in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nlptrain.models.inputs import Chains
from nlptrain_runtime.decoding import Decoder


class Answer(NamedTuple):
    """What a model says of one sentence.

    Attributes:
        logits: of each word, [words, C]; their softmax is what the model thinks of the word.
        best: the label of each word, [words]; the best path where labels depend on each other.
    """

    logits: NDArray[np.float32]
    best: NDArray[np.int64]


class WordOutput(Protocol):
    """The words of a batch as an objective sees them.

    Attributes:
        logits: what the head got from the net, [W, C].
        possible: false where no label sequence in the scheme has this label on this word, [W, C]; None: all are.
    """

    logits: Tensor
    possible: Tensor | None

    def gold_loss(self, gold: Tensor) -> Tensor:
        """The negative log-likelihood of the ``gold`` labels [W] (-100: none), summed over the words."""
        ...

    def log_probabilities(self, temperature: float = 1.0) -> Tensor:
        """The log-probability of each label of each word at a temperature, [W, C]."""
        ...


def by_sentence(
    emissions: Sequence[NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """The emissions of all sentences as one array [W, C], the words of each, and where the sentences part."""
    counts = np.array([len(values) for values in emissions], dtype=np.int64)
    if len(emissions) == 1:  # which may be a whole document, and is not copied
        return emissions[0], counts, counts[:0]
    flat = np.concatenate(emissions) if len(emissions) else np.empty((0, 1), dtype=np.float32)
    return flat, counts, np.cumsum(counts)[:-1]


class Rule(Protocol):
    """How emissions become labels; a head is one.

    Attributes:
        constrained: label sequences that break the scheme are impossible, and cannot be learned.
    """

    constrained: bool

    @property
    def decoder(self) -> Decoder:
        """How they do so, without torch; made anew where scores are learned."""
        ...

    def output(self, emissions: Tensor, chains: Chains) -> WordOutput:
        """The words of a batch, whose ``emissions`` are [W, C]."""
        ...

    def answers(self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0) -> list[Answer]:
        """The answer to each sentence, whose ``emissions`` are [words, C]; no temperature changes a label."""
        ...

    def log_probabilities(
        self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0
    ) -> list[NDArray[np.float64]]:
        """The log-probability of each label of each word of each sentence at a temperature, [words, C]."""
        ...
