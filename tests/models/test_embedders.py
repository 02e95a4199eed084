"""Pieces added up to words: computing those that are there gives what is traced for rows of equal length."""

import torch
from torch import nn

from nlptrain.models.embedders import MAX_SUBWORDS_PER_WORD, PooledEmbedder


def test_gradients_are_the_same_on_every_run() -> None:
    """Several threads that add up in no order would give other bytes to a run that is resumed."""
    torch.manual_seed(0)
    embedder = PooledEmbedder(vocab_size=40, dim=128)
    pieces, words = torch.randint(0, 40, (600, 4)), torch.randint(0, 600, (40, 60))
    wanted = torch.randn(40, 60, 128)
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        runs = [
            torch.autograd.grad((embedder(pieces, words) * wanted).sum(), list(embedder.parameters())) for _ in range(8)
        ]
    finally:
        torch.set_num_threads(threads)
    for run in runs[1:]:
        assert all(torch.equal(one, other) for one, other in zip(runs[0], run, strict=True))


def test_both_ways_give_the_same_vectors_and_gradients(monkeypatch) -> None:
    torch.manual_seed(0)
    embedder = PooledEmbedder(vocab_size=50, dim=6)
    nn.init.normal_(embedder.weights.weight)
    sizes = torch.tensor([1, 3, 0, MAX_SUBWORDS_PER_WORD + 5, 2])
    pieces = torch.randint(0, 50, (5, MAX_SUBWORDS_PER_WORD + 5)).masked_fill(
        torch.arange(MAX_SUBWORDS_PER_WORD + 5) >= sizes[:, None], -1
    )
    wanted = torch.randn(5, 6)
    found = []
    for traced in (False, True):
        monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda traced=traced: traced)
        vectors = embedder.of_distinct(pieces)
        found.append([vectors, *torch.autograd.grad((vectors * wanted).sum(), list(embedder.parameters()))])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    rows = embedder.table.weight[pieces[1, :3]] * embedder.weights.weight[:3]
    assert torch.allclose(found[0][0][1], rows.sum(0) / 3**0.5, atol=1e-5)
    assert not found[0][0][2].any()
