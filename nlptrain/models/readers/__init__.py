"""Readers: what turns words into a model's inputs. A new one is a file; a student's embedder says which it needs."""

from nlptrain.models.readers.pieces import PieceReader
from nlptrain.models.readers.pooled import PooledReader
from nlptrain.models.readers.reader import Reader
from nlptrain.models.readers.words import WordReader

__all__ = ["PieceReader", "PooledReader", "Reader", "WordReader"]
