"""nlptrain turns an accurate, slow transformer token classifier into a small, fast tagger."""

from importlib import import_module

TYPE_CHECKING = False  # importing typing takes milliseconds, in which a signal would end in a traceback
__version__ = "0.1.0"

# Imported on first use (PEP 562), so that the command line starts without importing torch.
_HOMES = {
    "load_config": "nlptrain.config",
    "COMMANDS": "nlptrain.config",
    "Labels": "nlptrain.data.labels",
    "Corpus": "nlptrain.data.corpus",
    "Run": "nlptrain.run.run",
    "read_splits": "nlptrain.data.splits",
    "held_out_hashes": "nlptrain.data.splits",
    "WordSplitter": "nlptrain.data.word_splitter",
    "TokenModel": "nlptrain.models",
    "TransformerTokenClassifier": "nlptrain.models",
    "NeuralTagger": "nlptrain.models",
    "build_student": "nlptrain.models",
    "build_tagger": "nlptrain.models",
    "load_token_model": "nlptrain.models",
    "evaluate": "nlptrain.training",
    "TeacherStudentDistill": "nlptrain.distillation",
    "train_transformer": "nlptrain.procedures",
    "train_tagger": "nlptrain.procedures",
    "distill": "nlptrain.procedures",
    "pseudo_label": "nlptrain.procedures",
    "compare": "nlptrain.analysis",
}

__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from nlptrain.analysis import compare as compare
    from nlptrain.config import COMMANDS as COMMANDS
    from nlptrain.config import load_config as load_config
    from nlptrain.data.corpus import Corpus as Corpus
    from nlptrain.data.labels import Labels as Labels
    from nlptrain.data.splits import held_out_hashes as held_out_hashes
    from nlptrain.data.splits import read_splits as read_splits
    from nlptrain.data.word_splitter import WordSplitter as WordSplitter
    from nlptrain.distillation import TeacherStudentDistill as TeacherStudentDistill
    from nlptrain.models import NeuralTagger as NeuralTagger
    from nlptrain.models import TokenModel as TokenModel
    from nlptrain.models import TransformerTokenClassifier as TransformerTokenClassifier
    from nlptrain.models import build_student as build_student
    from nlptrain.models import build_tagger as build_tagger
    from nlptrain.models import load_token_model as load_token_model
    from nlptrain.procedures import distill as distill
    from nlptrain.procedures import pseudo_label as pseudo_label
    from nlptrain.procedures import train_tagger as train_tagger
    from nlptrain.procedures import train_transformer as train_transformer
    from nlptrain.run.run import Run as Run
    from nlptrain.training import evaluate as evaluate


def __getattr__(name: str) -> object:
    """Return the public ``name`` from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'nlptrain' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
