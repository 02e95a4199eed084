"""Encoders: recurrent networks in training and inference, and dropout."""

import pytest
import torch
from torch import nn

from nlptrain.models.encoders import Dropout, GRUEncoder, LSTMEncoder


@pytest.mark.parametrize("kind", [LSTMEncoder, GRUEncoder])
@pytest.mark.parametrize("side", ["right", "left"])
def test_training_and_inference_give_the_same_states_and_gradients(kind: type[nn.Module], side: str) -> None:
    torch.manual_seed(0)
    encoder = kind(5, hidden=4, layers=2, dropout=0.0).double()
    lengths = torch.tensor([7, 3, 1, 6])
    mask = (torch.arange(7) < lengths[:, None]).long()
    mask = mask if side == "right" else mask.flip(1)
    states = torch.randn(4, 7, 5, dtype=torch.float64)
    results = []
    for training in (True, False):
        encoder.train(training)
        encoder.zero_grad()
        read = states.clone().requires_grad_()
        output = encoder(read, mask)
        (output * torch.arange(8.0, dtype=torch.float64)).square().sum().backward()
        results.append([output, read.grad, *(parameter.grad.clone() for parameter in encoder.parameters())])
    for actual, expected in zip(*results, strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-10)
    assert not results[0][0][mask == 0].any()


def test_dropout_is_applied_between_layers_only() -> None:
    torch.manual_seed(0)
    states, mask = torch.randn(3, 6, 5), torch.ones(3, 6, dtype=torch.long)
    two = LSTMEncoder(5, hidden=4, layers=2, dropout=0.5).train()
    assert not torch.equal(two(states, mask), two(states, mask))
    single = LSTMEncoder(5, hidden=4, layers=1, dropout=0.5).train()
    assert torch.equal(single(states, mask), single(states, mask))


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.9])
def test_dropout_scales_the_remaining_values(rate: float) -> None:
    layer = Dropout(rate)
    states = torch.ones(997, 301, requires_grad=True)  # not a multiple of the values that are sampled at once
    torch.manual_seed(0)
    results = layer(states)
    count = states.numel()
    assert sorted(results.unique().tolist()) == pytest.approx([0.0, 1 / (1 - rate)])
    spread = (rate * (1 - rate) / count) ** 0.5
    assert abs(float((results == 0).float().mean()) - rate) < 4 * spread
    columns, rows = (results == 0).float().mean(0), (results == 0).float().mean(1)
    assert float((columns - rate).abs().max()) < 6 * (rate * (1 - rate) / 997) ** 0.5
    assert float((rows - rate).abs().max()) < 6 * (rate * (1 - rate) / 301) ** 0.5
    results.sum().backward()
    assert states.grad is not None
    assert torch.equal(states.grad, results.detach())
    torch.manual_seed(0)
    assert torch.equal(layer(states), results)
    assert not torch.equal(layer(states), results)


def test_without_dropout_states_are_unchanged() -> None:
    states = torch.randn(3, 4)
    assert torch.equal(Dropout(0.5).eval()(states), states)
    assert torch.equal(Dropout(0.0)(states), states)
    assert not Dropout(1.0)(states).any()
    assert not Dropout(0.9999999)(states).any()
    assert Dropout(0.5)(states[:0]).shape == (0, 4)
    assert isinstance(Dropout(0.5), nn.Dropout)  # what looks for dropout finds it


def test_dropout_keeps_half_precision() -> None:
    results = Dropout(0.25)(torch.ones(64, 64, dtype=torch.bfloat16))
    assert results.dtype == torch.bfloat16
    assert 0.15 < float((results == 0).float().mean()) < 0.35
