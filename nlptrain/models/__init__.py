"""Teacher and student: ``import nlptrain.models`` registers NeuralTagger with transformers' Auto classes."""

from nlptrain.models.neural_tagger import NeuralTagger, NeuralTaggerConfig
from nlptrain.models.students import build_student, build_tagger
from nlptrain.models.token_model import TokenModel
from nlptrain.models.transformer import TransformerTokenClassifier, load_token_model

__all__ = [
    "NeuralTagger",
    "NeuralTaggerConfig",
    "TokenModel",
    "TransformerTokenClassifier",
    "build_student",
    "build_tagger",
    "load_token_model",
]
