"""The embedder that reads a transformer's pieces and answers words."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from nlptrain.models.embedders.subword import PieceTable

MOST_PIECES = 16  # of a word that are read: of a web address, what begins it


class PooledEmbedder(PieceTable):
    """Each word as one vector: the weighed sum of its first pieces' rows, over the root of their number.

    The weights of the places (Sukhbaatar et al. 2015, section 4.1, learned here) tell what stands first from what
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
        return F.embedding(words, self.of_distinct(pieces))  # unlike indexing, its gradients are the same on every run

    def of_distinct(self, pieces: Tensor) -> Tensor:
        """Vectors [U, dim] of the distinct words whose ``pieces`` [U, L] are given as for ``forward``."""
        pieces = pieces[:, :MOST_PIECES]
        real = pieces >= 0
        if pieces.device.type == "cpu" and not torch.onnx.is_in_onnx_export():
            # Most words have one piece or two, the longest many: what is not there is not computed.
            owners, places = real.nonzero(as_tuple=True)
            rows = self.vectors(pieces[real]) * self.weights(places)
            to = owners.unsqueeze(1).expand_as(rows)
            pooled: Tensor = rows.new_zeros(len(pieces), rows.shape[1]).scatter_add(0, to, rows)
            return pooled / _root(real, pooled)
        rows = self.vectors(pieces.clamp(min=0)) * self.weights.weight[: pieces.shape[1]]
        pooled = (rows * real.unsqueeze(-1)).sum(dim=1)
        return pooled / _root(real, pooled)


def _root(real: Tensor, like: Tensor) -> Tensor:
    """The root of the number of pieces of each word, [U, 1]."""
    return real.sum(dim=1, keepdim=True).clamp(min=1).to(like.dtype).sqrt()
