"""What the commands do, as functions: each takes the keys or options of its command, and returns typed results."""

from nlptrain.api.batches import LabelBatch
from nlptrain.api.measuring import benchmark, compare, evaluate
from nlptrain.api.training import distill, pseudo_label, train_tagger, train_transformer
from nlptrain.api.using import export, label, load, predict

__all__ = [
    "LabelBatch",
    "benchmark",
    "compare",
    "distill",
    "evaluate",
    "export",
    "label",
    "load",
    "predict",
    "pseudo_label",
    "train_tagger",
    "train_transformer",
]
