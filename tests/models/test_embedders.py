"""Pooled subwords: the computation without padding gives the same as the traced one with padding."""

import torch
from torch import nn

from nlptrain.models.embedders import MAX_SUBWORDS_PER_WORD, PooledEmbedder


def test_gradients_are_deterministic() -> None:
    """Sums in random order over several threads would change the result of a resumed run."""
    torch.manual_seed(0)
    embedder = PooledEmbedder(vocab_size=40, dim=128)
    subwords, words = torch.randint(0, 40, (600, 4)), torch.randint(0, 600, (40, 60))
    gradient = torch.randn(40, 60, 128)
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        runs = [
            torch.autograd.grad((embedder(subwords, words) * gradient).sum(), list(embedder.parameters()))
            for _ in range(8)
        ]
    finally:
        torch.set_num_threads(threads)
    for run in runs[1:]:
        assert all(torch.equal(actual, expected) for actual, expected in zip(runs[0], run, strict=True))


def test_training_and_export_give_the_same_vectors_and_gradients(monkeypatch) -> None:
    torch.manual_seed(0)
    embedder = PooledEmbedder(vocab_size=50, dim=6)
    nn.init.normal_(embedder.weights.weight)
    sizes = torch.tensor([1, 3, 0, MAX_SUBWORDS_PER_WORD + 5, 2])
    subwords = torch.randint(0, 50, (5, MAX_SUBWORDS_PER_WORD + 5)).masked_fill(
        torch.arange(MAX_SUBWORDS_PER_WORD + 5) >= sizes[:, None], -1
    )
    gradient = torch.randn(5, 6)
    results = []
    for traced in (False, True):
        monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda traced=traced: traced)
        vectors = embedder.of_distinct(subwords)
        results.append([vectors, *torch.autograd.grad((vectors * gradient).sum(), list(embedder.parameters()))])
    for actual, expected in zip(*results, strict=True):
        assert torch.allclose(actual, expected, atol=1e-5)
    rows = embedder.table.weight[subwords[1, :3]] * embedder.weights.weight[:3]
    assert torch.allclose(results[0][0][1], rows.sum(0) / 3**0.5, atol=1e-5)
    assert not results[0][0][2].any()
