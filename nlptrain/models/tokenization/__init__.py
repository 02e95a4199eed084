"""Tokenization: what turns words into a model's inputs."""

from nlptrain.models.tokenization.featurizers import PieceReader, PooledReader, WordReader
from nlptrain.models.tokenization.inputs import Chains, Inputs, Reader, whole_sentences
from nlptrain.models.tokenization.tokenizer import load_tokenizer

__all__ = [
    "Chains",
    "Inputs",
    "PieceReader",
    "PooledReader",
    "Reader",
    "WordReader",
    "load_tokenizer",
    "whole_sentences",
]
