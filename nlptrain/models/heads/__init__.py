"""Heads: hidden states to logits, and logits to labels."""

from nlptrain.models.heads.crf import CRFHead
from nlptrain.models.heads.decoding import (
    ConstrainedDecoder,
    IndependentDecoder,
    LabelDecoder,
    Prediction,
    constrained_decoder,
)
from nlptrain.models.heads.head import Head, SoftmaxHead
from nlptrain.models.heads.softmax import MarginalWordOutput, RejectedSpan, WordOutput, nll_loss

__all__ = [
    "CRFHead",
    "ConstrainedDecoder",
    "Head",
    "IndependentDecoder",
    "LabelDecoder",
    "MarginalWordOutput",
    "Prediction",
    "RejectedSpan",
    "SoftmaxHead",
    "WordOutput",
    "constrained_decoder",
    "nll_loss",
]
