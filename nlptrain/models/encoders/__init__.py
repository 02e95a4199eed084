"""Encoders: vectors to vectors that know their neighbors. A new one is a file and a line in the table."""

from typing import Any

from nlptrain.models.encoders.idcnn import IDCNNEncoder
from nlptrain.models.encoders.recurrent import GRUEncoder, LSTMEncoder

ENCODERS: dict[str, Any] = {"lstm": LSTMEncoder, "gru": GRUEncoder, "idcnn": IDCNNEncoder}

__all__ = ["ENCODERS", "GRUEncoder", "IDCNNEncoder", "LSTMEncoder"]
