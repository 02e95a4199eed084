"""Bidirectional recurrent encoders: LSTM and GRU."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class RecurrentEncoder(nn.Module):
    """A bidirectional recurrent net that never sees padding, whichever side it stands on."""

    def __init__(self, net: nn.RNNBase) -> None:
        """Run ``net``, which is bidirectional and takes the batch first."""
        super().__init__()
        self.net = net
        self.width = 2 * net.hidden_size

    def forward(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """States [B, T, 2 * hidden] of ``states`` [B, T, width]; zeros at the padding.

        A packed recurrent net needs the real pieces in front, so left padding is moved behind them and back again.
        """
        real = attention_mask.bool()
        order = real.int().argsort(dim=1, descending=True, stable=True)
        lengths = real.sum(dim=1).clamp(min=1)
        front = states.gather(1, order.unsqueeze(-1).expand_as(states))
        packed = pack_padded_sequence(front, lengths.cpu(), batch_first=True, enforce_sorted=False)
        answer, _ = pad_packed_sequence(self.net(packed)[0], batch_first=True, total_length=states.shape[1])
        back = order.argsort(dim=1, stable=True).unsqueeze(-1).expand_as(answer)
        return answer.gather(1, back)


class LSTMEncoder(RecurrentEncoder):
    """A bidirectional LSTM (Hochreiter and Schmidhuber 1997; Graves and Schmidhuber 2005)."""

    def __init__(self, width: int, *, hidden: int, layers: int, dropout: float) -> None:
        """``layers`` layers of ``hidden`` units a direction over vectors of ``width``."""
        between = dropout if layers > 1 else 0.0
        super().__init__(nn.LSTM(width, hidden, layers, bidirectional=True, batch_first=True, dropout=between))


class GRUEncoder(RecurrentEncoder):
    """A bidirectional GRU (Cho et al. 2014)."""

    def __init__(self, width: int, *, hidden: int, layers: int, dropout: float) -> None:
        """``layers`` layers of ``hidden`` units a direction over vectors of ``width``."""
        between = dropout if layers > 1 else 0.0
        super().__init__(nn.GRU(width, hidden, layers, bidirectional=True, batch_first=True, dropout=between))
