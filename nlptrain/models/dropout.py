"""Dropout whose mask costs little on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

_CHANCES = 2**16  # that a draw of 16 bits has
_DRAWS = 4  # of them in a number of 64 bits


class Dropout(nn.Dropout):
    """``nn.Dropout`` (Srivastava et al. 2014), its mask drawn by ``dropped``."""

    def forward(self, states: Tensor) -> Tensor:
        """``states`` [...] as they are, or in training with a share of them at 0."""
        return dropped(states, self.p, training=self.training)


def dropped(states: Tensor, rate: float, *, training: bool) -> Tensor:
    """``states`` [...] with a share of ``rate`` at 0 and the others divided by what is left of 1.

    On a CPU torch draws a number of its own for each value, one after the other: with an LSTM of 128 units that was an
    eighth of a step. Here 16 bits decide, four values a number, so a rate is exact to a 65,536th.
    """
    if not training or rate == 0.0 or states.device.type != "cpu" or rate == 1.0:
        return F.dropout(states, rate, training)
    count = states.numel()
    numbers = torch.empty(-(-count // _DRAWS), dtype=torch.int64).random_(-(2**63), None)
    draws = numbers.view(torch.int16)[:count].view(states.shape)
    least = min(round(rate * _CHANCES), _CHANCES - 1) - _CHANCES // 2
    mask = (draws >= least).to(states.dtype)
    return states * mask.mul_(1.0 / (1.0 - rate))
