"""Dropout by 16 bits a value: as many zeros as are asked for, the rest scaled, the same for the same seed."""

import pytest
import torch
from torch import nn

from nlptrain.models.dropout import Dropout


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
