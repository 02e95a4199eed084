"""The embedder that reads a transformer's pieces."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class SubwordEmbedder(nn.Module):
    """A table with a row for each piece of the tokenizer, or for those that are kept.

    Where only some pieces are kept, a map from ids to rows stands in front, so that the tokenizer stays whole: a piece
    that is not kept shares another one's row.
    """

    rows: Tensor

    def __init__(self, vocab_size: int, dim: int, kept: int | None = None) -> None:
        """A table of ``dim`` columns, drawn from N(0, 1).

        Args:
            vocab_size: pieces of the tokenizer.
            dim: columns.
            kept: rows of the table; None: one for each piece.
        """
        super().__init__()
        self.table = nn.Embedding(vocab_size if kept is None else kept, dim)
        self.cut = kept is not None
        if self.cut:
            self.register_buffer("rows", torch.zeros(vocab_size, dtype=torch.int32))
        self.width = dim

    def keep(self, pieces: Sequence[int], unknown: int) -> None:
        """Give row n to the n-th of ``pieces``, and the row of ``unknown``, one of them, to all others."""
        self.share(pieces, torch.full_like(self.rows, list(pieces).index(unknown)))

    def share(self, pieces: Sequence[int], rows: Tensor) -> None:
        """Give row n to the n-th of ``pieces``, and to all others their row in ``rows``, one of each piece."""
        self.rows.copy_(rows)
        self.rows[torch.tensor(pieces)] = torch.arange(len(pieces), dtype=torch.int32)

    def forward(self, input_ids: Tensor) -> Tensor:
        """Vectors [B, T, dim] of ``input_ids`` [B, T]."""
        vectors: Tensor = self.table(self.rows[input_ids] if self.cut else input_ids)
        return vectors
