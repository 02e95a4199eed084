"""Words to put in the place of others: those of the train sentences, and those of the teacher's vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptrain.models.token_model import TokenModel

_NEIGHBOURS = 24
_COMMON = 200.0  # so many of the first pieces are about as frequent as each other
_ZIPF = 0.7  # flatter than the 1 of running text: rare words are what a student has to learn


class WordBank:
    """Words with their neighbours in a teacher's embedding space.

    Attributes:
        words: the teacher's words of one piece, letters only, in the order of its vocabulary (tokenizers number
            frequent pieces first); of a teacher without pieces, the words that it is asked about.
    """

    def __init__(self, teacher: TokenModel, known: Iterable[str]) -> None:
        """Look up the neighbours of the ``known`` words among the input embeddings of ``teacher``."""
        known = sorted({word for word in known if any(map(str.isalnum, word))})
        self.whole = [word for word in known if word.isalpha() and len(word) > 2]
        pieces, table = _pieces(teacher), _embeddings(teacher)
        self.words = list(pieces) or self.whole or known
        weights = 1.0 / (np.arange(len(self.words)) + _COMMON) ** _ZIPF
        self._upto = np.cumsum(weights / weights.sum())
        self._near: dict[str, NDArray[np.int64]] = {}
        if pieces and table is not None:
            rows = torch.tensor(list(pieces.values()))
            read = teacher.reader(known)
            for word, near in zip(known, _nearest(table, rows, read), strict=True):
                self._near[word] = near

    def drawn(self, draw: np.random.Generator) -> str:
        """A word of the vocabulary, frequent ones more often."""
        return self.words[min(len(self.words) - 1, int(np.searchsorted(self._upto, draw.random())))]

    def neighbour(self, word: str, draw: np.random.Generator) -> str:
        """A word whose input embedding is near that of ``word``; any word, if nothing is known of it."""
        near = self._near.get(word)
        return self.drawn(draw) if near is None else self.words[near[draw.integers(len(near))]]

    def compound(self, draw: np.random.Generator) -> str:
        """The beginning of one known word and the end of another: a word that nobody has seen."""
        if not self.whole:
            return self.drawn(draw)
        one, other = (self.whole[draw.integers(len(self.whole))] for _ in range(2))
        return one[: draw.integers(1, len(one))] + other[draw.integers(1, len(other)) :]


def _pieces(teacher: TokenModel) -> dict[str, int]:
    """The words that are one piece of the teacher's tokenizer, with the piece, in the order of the vocabulary."""
    tokenizer = teacher.reader.tokenizer
    if tokenizer is None:
        return {}
    texts = [str(tokenizer.decode([piece])).strip() for piece in range(len(tokenizer))]
    words = list(dict.fromkeys(text for text in texts if len(text) > 1 and text.isalpha()))
    read = teacher.reader(words)
    return {word: pieces[0] for word, pieces in zip(words, read, strict=True) if len(pieces) == 1}


def _embeddings(teacher: TokenModel) -> Tensor | None:
    """The input embeddings, one a piece, centred and of length 1; None if they are not one a piece."""
    tokenizer = teacher.reader.tokenizer
    weight = getattr(teacher.model.get_input_embeddings(), "weight", None)
    if tokenizer is None or not isinstance(weight, Tensor) or len(weight) < len(tokenizer):
        return None
    table = weight.detach().to("cpu", torch.float32)
    return torch.nn.functional.normalize(table - table.mean(dim=0), dim=1)


def _nearest(table: Tensor, rows: Tensor, read: Sequence[Sequence[int]]) -> list[NDArray[np.int64]]:
    """For each word, given by its pieces, the numbers of the nearest of ``rows``."""
    found: list[NDArray[np.int64]] = []
    candidates = table[rows].T
    for start in range(0, len(read), 512):
        block = torch.stack([table[list(pieces)].mean(dim=0) for pieces in read[start : start + 512]])
        best = torch.topk(block @ candidates, min(_NEIGHBOURS, len(rows)), dim=1).indices
        found.extend(best.numpy())
    return found
