"""The head of a tagger: a linear layer from states to logits, and how these become labels; the softmax head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from nlptrain.data.labels import Labels
from nlptrain.models.heads.decoding import LabelDecoder, constrained_decoder
from nlptrain.models.heads.softmax import IndependentWords, WordOutput
from nlptrain.models.tokenization.inputs import SequenceLengths
from nlptrain_runtime.decoding import Decoder


class Head(nn.Linear):
    """A linear layer from states [..., width] to logits [..., C], whose words are independent of each other.

    A subclass with scores of its own overrides the methods; if these score sequences of words, ``is_structured`` is
    true, and the words of ``output`` also have ``best_scores``.
    """

    is_structured: ClassVar[bool] = False

    def __init__(self, width: int, labels: int) -> None:
        """Create a layer from ``width`` to ``labels`` columns, C."""
        super().__init__(width, labels)

    def constrain(self, labels: Labels) -> None:
        """Forbid what the scheme of ``labels`` forbids in the scores; here, the decoder does."""

    def decoder(self, labels: Labels) -> LabelDecoder:
        """Return what turns the logits into ``labels``."""
        return constrained_decoder(labels)

    @property
    def runtime_decoder(self) -> Decoder:
        """The decoder for logits whose labels have no names."""
        return Decoder("independent")

    def output(self, emissions: Tensor, lengths: SequenceLengths) -> WordOutput:
        """Return the words of a batch, whose ``emissions`` are [W, C]."""
        return IndependentWords(emissions)

    @torch.no_grad()
    def reorder(self, columns: Sequence[int]) -> None:
        """Replace the columns by those with the indices ``columns``."""
        order = torch.tensor(columns)
        self.weight = nn.Parameter(self.weight[order].clone())
        self.bias = nn.Parameter(self.bias[order].clone())
        self.out_features = len(columns)


class SoftmaxHead(Head):
    """A linear layer and a softmax per word; the labels are the best sequence that the tag scheme allows."""
