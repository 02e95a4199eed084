"""Embedders: what is read to vectors. A new one is a file and a line in the table."""

from torch import nn

from nlptrain.models.embedders.components import principal_components
from nlptrain.models.embedders.pooled import PooledEmbedder
from nlptrain.models.embedders.subword import PieceTable, SubwordEmbedder
from nlptrain.models.embedders.word import WordEmbedder

EMBEDDERS: dict[str, type[nn.Module]] = {
    "subword": SubwordEmbedder,
    "pooled": PooledEmbedder,
    "word": WordEmbedder,
}

__all__ = ["EMBEDDERS", "PieceTable", "PooledEmbedder", "SubwordEmbedder", "WordEmbedder", "principal_components"]
