"""Training on a CPU takes another way through recurrent nets, to the same numbers."""

import pytest
import torch
from torch import nn

from nlptrain.models.encoders import GRUEncoder, LSTMEncoder


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
