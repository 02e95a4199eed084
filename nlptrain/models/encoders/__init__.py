"""Encoders: vectors to vectors that know their neighbours. A new one is a file and a line in the table."""

from torch import nn

from nlptrain.models.encoders.idcnn import IDCNNEncoder
from nlptrain.models.encoders.recurrent import GRUEncoder, LSTMEncoder

ENCODERS: dict[str, type[nn.Module]] = {"lstm": LSTMEncoder, "gru": GRUEncoder, "idcnn": IDCNNEncoder}

__all__ = ["ENCODERS", "GRUEncoder", "IDCNNEncoder", "LSTMEncoder"]
