"""Embedders: piece ids to vectors. A new one is a class and a line in the table."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SubwordEmbedder(nn.Module):
    """A table with a row for each piece of the tokenizer."""

    def __init__(self, vocab_size: int, dim: int) -> None:
        """A table of ``vocab_size`` rows and ``dim`` columns, drawn from N(0, 1)."""
        super().__init__()
        self.table = nn.Embedding(vocab_size, dim)
        self.width = dim

    def forward(self, input_ids: Tensor) -> Tensor:
        """Vectors [B, T, dim] of ``input_ids`` [B, T]."""
        vectors: Tensor = self.table(input_ids)
        return vectors


def principal_components(table: Tensor, dim: int) -> Tensor:
    """``table`` [V, D] as its first ``dim`` principal components [V, dim], scaled to a variance of 1 overall.

    Exact and the same on every run: an eigenvalue decomposition in float64, each component's sign set so that its
    largest loading is positive.

    Raises:
        ValueError: ``dim`` is larger than D.
    """
    if dim > table.shape[1]:
        raise ValueError(f"embedder.dim is {dim}, and the model's input embeddings have only {table.shape[1]} columns")
    exact = table.detach().to("cpu", torch.float64)
    exact = exact - exact.mean(dim=0)
    _, vectors = torch.linalg.eigh(exact.T @ exact)
    loadings = vectors[:, -dim:].flip(1)
    loadings = loadings * loadings.gather(0, loadings.abs().argmax(dim=0, keepdim=True)).sign()
    cut = exact @ loadings
    scaled: Tensor = (cut / cut.std()).float()
    return scaled


EMBEDDERS = {"subword": SubwordEmbedder}
