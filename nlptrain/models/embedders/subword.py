"""The table of a transformer's pieces, and the embedder that reads them one by one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class PieceTable(nn.Module):
    """A table with a row for each piece of the tokenizer, or for fewer.

    With fewer, a map from ids to rows stands in front, so that the tokenizer stays whole: a piece without a row of its
    own shares another one's. Pieces that differ in case share one, too, and a row for their form is added to it.
    """

    rows: Tensor
    form: Tensor

    def __init__(self, vocab_size: int, dim: int, kept: int | None = None, forms: int | None = None) -> None:
        """A table of ``dim`` columns, drawn from N(0, 1); the forms' rows are 0.

        Args:
            vocab_size: pieces of the tokenizer.
            dim: columns.
            kept: rows of the table; None: one for each piece.
            forms: forms that pieces can have; None: pieces have none, and so no rows for them.
        """
        super().__init__()
        self.table = nn.Embedding(vocab_size if kept is None else kept, dim)
        self.cut = kept is not None
        if self.cut:
            self.register_buffer("rows", torch.zeros(vocab_size, dtype=torch.int32))
        self.forms = None if forms is None else nn.Embedding.from_pretrained(torch.zeros(forms, dim), freeze=False)
        if forms is not None:
            self.register_buffer("form", torch.zeros(vocab_size, dtype=torch.uint8))
        self.width = dim

    def share(self, rows: Tensor, forms: Sequence[int] | None = None) -> None:
        """Give each piece its row, ``rows`` [vocab_size], and its form."""
        self.rows.copy_(rows)
        if forms is not None:
            self.form.copy_(torch.tensor(forms, dtype=torch.uint8))

    def vectors(self, input_ids: Tensor) -> Tensor:
        """What each piece is read as, [..., dim] of ``input_ids`` [...]."""
        vectors: Tensor = self.table(self.rows[input_ids] if self.cut else input_ids)
        return vectors if self.forms is None else vectors + self.forms(self.form[input_ids].int())


class SubwordEmbedder(PieceTable):
    """Each piece as its row."""

    def forward(self, input_ids: Tensor) -> Tensor:
        """Vectors [B, T, dim] of ``input_ids`` [B, T]."""
        return self.vectors(input_ids)
