"""Heads: states to logits, and logits to labels. A new one is a file and a line in the table."""

from torch import nn

from nlptrain.models.heads.crf import CRFHead
from nlptrain.models.heads.decoding import Answer, IndependentRule, Rule, SchemeRule, scheme_rule
from nlptrain.models.heads.softmax import SoftmaxHead, WordOutput, gold_loss

HEADS: dict[str, type[nn.Linear]] = {"softmax": SoftmaxHead, "crf": CRFHead}

__all__ = [
    "HEADS",
    "Answer",
    "CRFHead",
    "IndependentRule",
    "Rule",
    "SchemeRule",
    "SoftmaxHead",
    "WordOutput",
    "gold_loss",
    "scheme_rule",
]
