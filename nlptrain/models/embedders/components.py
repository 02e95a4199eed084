"""Principal components: how a wide table of vectors becomes a narrow one."""

from __future__ import annotations

import torch
from torch import Tensor


def principal_components(table: Tensor, dim: int) -> Tensor:
    """``table`` [V, D] as its first ``dim`` principal components [V, dim], scaled to a variance of 1 overall.

    Exact and the same on every run: an eigenvalue decomposition in float64, each component's sign set so that its
    largest loading is positive.

    Raises:
        ValueError: ``dim`` is larger than D.
    """
    if dim > table.shape[1]:
        raise ValueError(f"embedder.dim is {dim}, and the model's input embeddings have only {table.shape[1]} columns")
    exact = table.detach().to("cpu", torch.float64, copy=True)
    exact -= exact.mean(dim=0)  # in place: the table of a multilingual teacher is 1.5 GB
    _, vectors = torch.linalg.eigh(exact.T @ exact)
    loadings = vectors[:, -dim:].flip(1)
    loadings = loadings * loadings.gather(0, loadings.abs().argmax(dim=0, keepdim=True)).sign()
    cut = exact @ loadings
    spread = cut.std()
    scaled: Tensor = (cut / spread if spread > 0.0 else torch.zeros_like(cut)).float()  # equal rows differ in nothing
    return scaled
