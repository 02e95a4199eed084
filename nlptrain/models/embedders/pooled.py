"""The embedder that reads a transformer's pieces and answers words."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlptrain.models.embedders.subword import PieceTable

MOST_PIECES = 16  # of a word that are read: of a web address, what begins it


class PooledEmbedder(PieceTable):
    """Each word as one vector: the weighed sum of its first pieces' rows, over the root of their number.

    The weights of the places (Sukhbaatar et al. 2015, section 4.1, learnt here) tell what stands first from what
    follows. The encoder's steps are words, which are fewer than pieces by a third and more.
    """

    def __init__(self, **sizes: Any) -> None:  # noqa: ANN401 - as for PieceTable
        """Sizes as for ``PieceTable``; the weights of all places are 1 at first."""
        super().__init__(**sizes)
        self.weights = nn.Embedding.from_pretrained(torch.ones(MOST_PIECES, self.width), freeze=False)

    def forward(self, pieces: Tensor, words: Tensor) -> Tensor:
        """Vectors [B, T, dim] of words.

        Args:
            pieces: of the batch's U distinct words, [U, L], -1 behind the end of each; what passes ``MOST_PIECES`` is
                not read.
            words: which of them stands where, [B, T].
        """
        return self.of_distinct(pieces)[words]

    def of_distinct(self, pieces: Tensor) -> Tensor:
        """Vectors [U, dim] of the distinct words whose ``pieces`` [U, L] are given as for ``forward``."""
        pieces = pieces[:, :MOST_PIECES]
        real = pieces >= 0
        rows = self.vectors(pieces.clamp(min=0)) * self.weights.weight[: pieces.shape[1]]
        pooled: Tensor = (rows * real.unsqueeze(-1)).sum(dim=1)
        return pooled / real.sum(dim=1, keepdim=True).clamp(min=1).to(pooled.dtype).sqrt()
