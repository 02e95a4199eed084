"""Training on a CPU takes another way through recurrent nets, to the same numbers."""

import pytest
import torch
from torch import nn

from nlptrain.models.encoders import Dropout, GRUEncoder, LSTMEncoder


@pytest.mark.parametrize("kind", [LSTMEncoder, GRUEncoder])
@pytest.mark.parametrize("side", ["right", "left"])
def test_states_and_gradients_are_those_of_the_packed_net(kind: type[nn.Module], side: str) -> None:
    torch.manual_seed(0)
    encoder = kind(5, hidden=4, layers=2, dropout=0.0).double()
    lengths = torch.tensor([7, 3, 1, 6])
    mask = (torch.arange(7) < lengths[:, None]).long()
    mask = mask if side == "right" else mask.flip(1)
    states = torch.randn(4, 7, 5, dtype=torch.float64)
    found = []
    for training in (True, False):
        encoder.train(training)
        encoder.zero_grad()
        read = states.clone().requires_grad_()
        answer = encoder(read, mask)
        (answer * torch.arange(8.0, dtype=torch.float64)).square().sum().backward()
        found.append([answer, read.grad, *(parameter.grad.clone() for parameter in encoder.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)
    assert not found[0][0][mask == 0].any()


def test_dropout_stands_between_the_layers_and_only_there() -> None:
    torch.manual_seed(0)
    states, mask = torch.randn(3, 6, 5), torch.ones(3, 6, dtype=torch.long)
    two = LSTMEncoder(5, hidden=4, layers=2, dropout=0.5).train()
    assert not torch.equal(two(states, mask), two(states, mask))
    one = LSTMEncoder(5, hidden=4, layers=1, dropout=0.5).train()
    assert torch.equal(one(states, mask), one(states, mask))


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.9])
def test_a_share_is_dropped_and_the_rest_scaled(rate: float) -> None:
    layer = Dropout(rate)
    states = torch.ones(997, 301, requires_grad=True)  # no multiple of what is drawn at once
    torch.manual_seed(0)
    found = layer(states)
    count = states.numel()
    assert sorted(found.unique().tolist()) == pytest.approx([0.0, 1 / (1 - rate)])
    spread = (rate * (1 - rate) / count) ** 0.5
    assert abs(float((found == 0).float().mean()) - rate) < 4 * spread
    columns, rows = (found == 0).float().mean(0), (found == 0).float().mean(1)
    assert float((columns - rate).abs().max()) < 6 * (rate * (1 - rate) / 997) ** 0.5
    assert float((rows - rate).abs().max()) < 6 * (rate * (1 - rate) / 301) ** 0.5
    found.sum().backward()
    assert states.grad is not None
    assert torch.equal(states.grad, found.detach())
    torch.manual_seed(0)
    assert torch.equal(layer(states), found)
    assert not torch.equal(layer(states), found)


def test_where_nothing_is_dropped_states_stay_as_they_are() -> None:
    states = torch.randn(3, 4)
    assert torch.equal(Dropout(0.5).eval()(states), states)
    assert torch.equal(Dropout(0.0)(states), states)
    assert not Dropout(1.0)(states).any()
    assert not Dropout(0.9999999)(states).any()
    assert Dropout(0.5)(states[:0]).shape == (0, 4)
    assert isinstance(Dropout(0.5), nn.Dropout)  # what looks for dropout finds it


def test_half_precision_keeps_its_type() -> None:
    found = Dropout(0.25)(torch.ones(64, 64, dtype=torch.bfloat16))
    assert found.dtype == torch.bfloat16
    assert 0.15 < float((found == 0).float().mean()) < 0.35
