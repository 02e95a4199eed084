"""Tokenization: words to a model's inputs."""

from nlptrain.models.tokenization.featurizers import PooledFeaturizer, SubwordFeaturizer, WordFeaturizer
from nlptrain.models.tokenization.inputs import Featurizer, Inputs, SequenceLengths, whole_sentences
from nlptrain.models.tokenization.tokenizer import load_tokenizer

__all__ = [
    "Featurizer",
    "Inputs",
    "PooledFeaturizer",
    "SequenceLengths",
    "SubwordFeaturizer",
    "WordFeaturizer",
    "load_tokenizer",
    "whole_sentences",
]
