"""Bidirectional recurrent encoders: LSTM and GRU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class RecurrentEncoder(nn.Module):
    """A bidirectional recurrent net that never sees padding, whichever side it stands on.

    A packed net needs the real pieces in front, so left padding is moved behind them and back again. Training an LSTM
    on a CPU goes another way to the same numbers: each direction by itself over the padded batch, the backward one over
    each sequence turned round, so that padding comes behind the last piece that counts. Unlike packed ones, oneDNN
    computes these (2 layers of 128, one thread: forward and backward 1.4 to 1.7 times as fast; a GRU gains nothing).
    """

    def __init__(self, net: nn.RNNBase) -> None:
        """Run ``net``, which is bidirectional and takes the batch first."""
        super().__init__()
        self.net = net
        self.width = 2 * net.hidden_size

    def forward(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """States [B, T, 2 * hidden] of ``states`` [B, T, width]; zeros at the padding."""
        real = attention_mask.bool()
        counts = real.sum(dim=1, keepdim=True)
        if _in_front(real):
            return self.packed(states, counts.squeeze(1))
        # ``moved`` says where each place goes, ``order`` what comes to each place.
        moved = torch.where(real, real.long().cumsum(dim=1), counts + (~real).long().cumsum(dim=1)) - 1
        order = torch.zeros_like(moved).scatter(
            1, moved, torch.arange(moved.shape[1], device=moved.device).expand_as(moved)
        )
        return _reordered(self.packed(_reordered(states, order), counts.squeeze(1)), moved)

    def packed(self, states: Tensor, lengths: Tensor) -> Tensor:
        """States [B, T, 2 * hidden] of ``states`` [B, T, width], of which the first ``lengths`` [B] are real."""
        lengths = lengths.clamp(min=1)
        if self.training and states.device.type == "cpu" and isinstance(self.net, nn.LSTM):
            return self._unpacked(states, lengths)
        exported = torch.onnx.is_in_onnx_export()  # ONNX's LSTM takes lengths in any order
        packed = pack_padded_sequence(states, lengths.cpu(), batch_first=True, enforce_sorted=exported)
        answer, _ = pad_packed_sequence(
            self.net(packed)[0], batch_first=True, total_length=None if exported else states.shape[1]
        )
        return answer

    def _unpacked(self, states: Tensor, lengths: Tensor) -> Tensor:
        """What the packed net answers to ``states`` [B, T, width], whose first ``lengths`` [B] places are real."""
        rows, places = torch.arange(len(states)), torch.arange(states.shape[1])
        real = places < lengths[:, None]
        turned = torch.where(real, lengths[:, None] - 1 - places, places)
        # The nets read one place of all sequences after the other, [T, B, ...]. As flat numbers: which place of which
        # sequence comes to each place of these, turned round, and back.
        there = (rows * len(places) + turned.T).flatten()
        back = (turned * len(rows) + rows[:, None]).flatten()
        for layer in range(self.net.num_layers):
            if layer:
                states = dropped(states, self.net.dropout, training=self.training)
            forwards = self._direction(states.transpose(0, 1), f"l{layer}").transpose(0, 1)
            reverse = _Permuted.apply(states.reshape(-1, states.shape[2]), there, back)
            answered = self._direction(reverse.view(len(places), len(rows), -1), f"l{layer}_reverse")
            backwards = _Permuted.apply(answered.reshape(-1, answered.shape[2]), back, there).view(forwards.shape)
            states = torch.cat([forwards, backwards], dim=-1)
        return states * real.unsqueeze(-1)

    def _direction(self, states: Tensor, name: str) -> Tensor:
        """One layer in one direction over the padded batch, [T, B, ...]."""
        weights = [getattr(self.net, f"{part}_{name}") for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        start = states.new_zeros(1, states.shape[1], self.net.hidden_size)
        answer, _, _ = torch.lstm(states, (start, start), weights, True, 1, 0.0, True, False, False)
        return answer


class _Permuted(torch.autograd.Function):
    """Rows in another order. Autograd would add the gradients of rows up; in a permutation each has one."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor, inverse: Tensor) -> Tensor:  # noqa: ANN401 - torch's context
        """``rows`` [R, D] as ``order`` [R] says."""
        ctx.save_for_backward(inverse)
        return rows.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401 - torch's context
        """The gradients of the rows, in the order of before."""
        (inverse,) = ctx.saved_tensors
        return gradients[0].index_select(0, inverse), None, None


def _in_front(real: Tensor) -> bool:
    """Whether all that counts stands in front already; only asked where the answer costs nothing."""
    if real.device.type != "cpu" or torch.onnx.is_in_onnx_export():
        return False
    return not bool((real[:, 1:] & ~real[:, :-1]).any())


def _reordered(states: Tensor, order: Tensor) -> Tensor:
    """``states`` [B, T, D] with the places of each sequence as ``order`` [B, T] says."""
    return states.gather(1, order.unsqueeze(-1).expand_as(states))


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


class IDCNNEncoder(nn.Module):
    """One block of dilated convolutions, applied several times with the same weights.

    A first convolution brings the vectors to the block's width. Each layer of the block sees twice as far as the one
    before it, and its answer is added to what it read, so that the block may be repeated without forgetting the word.
    Padding, on either side, is zero in front of each convolution: just what stands beyond the ends of a sentence.
    """

    def __init__(
        self, width: int, *, filters: int, kernel: int, dilations: Sequence[int], blocks: int, dropout: float
    ) -> None:
        """Convolutions of ``filters`` channels over vectors of ``width``.

        Args:
            width: of the vectors that are read.
            filters: channels of each convolution.
            kernel: places that each one reads, an odd number.
            dilations: the distance between these places in each layer of the block.
            blocks: how often the block is applied.
            dropout: share of values dropped between two blocks in training.
        """
        super().__init__()
        self.blocks = blocks
        self.first = nn.Conv1d(width, filters, kernel, padding=kernel // 2)
        self.layers = nn.ModuleList(
            nn.Conv1d(filters, filters, kernel, padding=kernel // 2 * step, dilation=step) for step in dilations
        )
        self.norms = nn.ModuleList(nn.LayerNorm(filters) for _ in dilations)
        self.dropout = Dropout(dropout)
        self.width = filters

    def forward(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """States [B, T, filters] of ``states`` [B, T, width]; zeros at the padding."""
        real = attention_mask.unsqueeze(1).to(states.dtype)  # [B, 1, T]
        hidden = F.relu(self.first(states.transpose(1, 2) * real)) * real
        for block in range(self.blocks):
            if block:
                hidden = self.dropout(hidden)
            for layer, norm in zip(self.layers, self.norms, strict=True):
                added = hidden + F.relu(layer(hidden))
                hidden = norm(added.transpose(1, 2)).transpose(1, 2) * real
        return hidden.transpose(1, 2)


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


ENCODERS: dict[str, Any] = {"lstm": LSTMEncoder, "gru": GRUEncoder, "idcnn": IDCNNEncoder}
