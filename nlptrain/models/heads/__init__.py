"""Heads: hidden states to logits, and logits to labels."""

from torch import nn

from nlptrain.models.heads.crf import CRFHead
from nlptrain.models.heads.decoding import (
    ConstrainedDecoder,
    IndependentDecoder,
    LabelDecoder,
    Prediction,
    constrained_decoder,
)
from nlptrain.models.heads.softmax import SoftmaxHead, WordOutput, nll_loss

HEADS: dict[str, type[nn.Linear]] = {"softmax": SoftmaxHead, "crf": CRFHead}

__all__ = [
    "HEADS",
    "CRFHead",
    "ConstrainedDecoder",
    "IndependentDecoder",
    "LabelDecoder",
    "Prediction",
    "SoftmaxHead",
    "WordOutput",
    "constrained_decoder",
    "nll_loss",
]
