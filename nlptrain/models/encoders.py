"""Encoders: bidirectional LSTM and GRU, and the iterated dilated CNN; with the dropout that they use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Encoder(nn.Module):
    """Base of encoders, which turn the vectors of a sequence into vectors with context.

    A subclass is created with the width of the input vectors, ``dropout`` and the keys of its configuration besides
    ``kind``; it sets ``width`` and defines ``forward``.

    Attributes:
        width: size of the output vectors.
    """

    width: int

    def forward(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """Encode ``states`` [B, T, input width] as [B, T, width]; the mask [B, T] is 0 at padding, on either side."""
        raise NotImplementedError

    def encode(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Encode ``states`` [B, T, input width] whose first ``lengths`` [B] steps are real, as [B, T, width]."""
        encoded: Tensor = self(states, (torch.arange(states.shape[1]) < lengths[:, None]).long())
        return encoded


class RecurrentEncoder(Encoder):
    """A bidirectional recurrent network that never sees padding, on either side.

    Packed sequences are padded on the right, so left padding is moved to the right and back. Training an LSTM on a CPU
    computes the same values in another way: one direction at a time over the padded batch, with each sequence reversed
    for the backward direction, so that its padding is on the right, too. oneDNN accelerates this, and not packed
    sequences (2 layers of 128, one thread: forward and backward pass 1.4 to 1.7 times as fast; a GRU gains nothing).
    """

    def __init__(self, net: nn.RNNBase) -> None:
        """Wrap ``net``, which is bidirectional and has ``batch_first``."""
        super().__init__()
        self.net = net
        self.width = 2 * net.hidden_size

    def forward(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """Encode ``states`` [B, T, width] as [B, T, 2 * hidden], with zeros at the padding."""
        real = attention_mask.bool()
        counts = real.sum(dim=1, keepdim=True)
        if _is_right_padded(real):
            return self.encode(states, counts.squeeze(1))
        # ``targets`` holds the new position of each step, ``order`` the old one of each new position.
        targets = torch.where(real, real.long().cumsum(dim=1), counts + (~real).long().cumsum(dim=1)) - 1
        order = torch.zeros_like(targets).scatter(
            1, targets, torch.arange(targets.shape[1], device=targets.device).expand_as(targets)
        )
        return _reordered(self.encode(_reordered(states, order), counts.squeeze(1)), targets)

    def encode(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Encode ``states`` [B, T, width], of which the first ``lengths`` [B] steps are real, as [B, T, 2 * hidden]."""
        lengths = lengths.clamp(min=1)
        if self.training and states.device.type == "cpu" and isinstance(self.net, nn.LSTM):
            return self._encode_unpacked(states, lengths)
        exported = torch.onnx.is_in_onnx_export()  # ONNX's LSTM takes lengths in any order
        sequences = pack_padded_sequence(states, lengths.cpu(), batch_first=True, enforce_sorted=exported)
        output, _ = pad_packed_sequence(
            self.net(sequences)[0], batch_first=True, total_length=None if exported else states.shape[1]
        )
        return output

    def _encode_unpacked(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Return the same as ``encode``, without packing: one direction at a time over the padded batch."""
        rows, steps = torch.arange(len(states)), torch.arange(states.shape[1])
        real = steps < lengths[:, None]
        turned = torch.where(real, lengths[:, None] - 1 - steps, steps)
        # The network reads one step of all sequences at a time, [T, B, ...]. Flat indices of the reversed sequences in
        # that layout, and the inverse permutation.
        to_reversed = (rows * len(steps) + turned.T).flatten()
        to_original = (turned * len(rows) + rows[:, None]).flatten()
        for layer in range(self.net.num_layers):
            if layer:
                states = apply_dropout(states, self.net.dropout, training=self.training)
            forwards = self._direction(states.transpose(0, 1), f"l{layer}").transpose(0, 1)
            reverse = _Permuted.apply(states.reshape(-1, states.shape[2]), to_reversed, to_original)
            reversed_states = self._direction(reverse.view(len(steps), len(rows), -1), f"l{layer}_reverse")
            backwards = _Permuted.apply(
                reversed_states.reshape(-1, reversed_states.shape[2]), to_original, to_reversed
            ).view(forwards.shape)
            states = torch.cat([forwards, backwards], dim=-1)
        return states * real.unsqueeze(-1)

    def _direction(self, states: Tensor, name: str) -> Tensor:
        """Run one layer in one direction over the padded batch, [T, B, ...]."""
        weights = [getattr(self.net, f"{part}_{name}") for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        start = states.new_zeros(1, states.shape[1], self.net.hidden_size)
        output, _, _ = torch.lstm(states, (start, start), weights, True, 1, 0.0, True, False, False)
        return output


class _Permuted(torch.autograd.Function):
    """A permutation of rows. Autograd would sum the gradients per row; in a permutation each row has one."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor, inverse: Tensor) -> Tensor:  # noqa: ANN401 - torch's context
        """Return ``rows`` [R, D] in the order of ``order`` [R]."""
        ctx.save_for_backward(inverse)
        return rows.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401 - torch's context
        """Return the gradients of the rows in their original order."""
        (inverse,) = ctx.saved_tensors
        return gradients[0].index_select(0, inverse), None, None


def _is_right_padded(real: Tensor) -> bool:
    """Return whether no sequence is padded on the left; on a GPU, where the check is slow, False."""
    if real.device.type != "cpu" or torch.onnx.is_in_onnx_export():
        return False
    return not bool((real[:, 1:] & ~real[:, :-1]).any())


def _reordered(states: Tensor, order: Tensor) -> Tensor:
    """Return ``states`` [B, T, D] with the steps of each sequence in the order of ``order`` [B, T]."""
    return states.gather(1, order.unsqueeze(-1).expand_as(states))


class LSTMEncoder(RecurrentEncoder):
    """A bidirectional LSTM (Hochreiter and Schmidhuber 1997; Graves and Schmidhuber 2005)."""

    def __init__(self, width: int, *, hidden: int, layers: int, dropout: float) -> None:
        """Create ``layers`` layers of ``hidden`` units per direction for vectors of ``width``."""
        between = dropout if layers > 1 else 0.0
        super().__init__(nn.LSTM(width, hidden, layers, bidirectional=True, batch_first=True, dropout=between))


class GRUEncoder(RecurrentEncoder):
    """A bidirectional GRU (Cho et al. 2014)."""

    def __init__(self, width: int, *, hidden: int, layers: int, dropout: float) -> None:
        """Create ``layers`` layers of ``hidden`` units per direction for vectors of ``width``."""
        between = dropout if layers > 1 else 0.0
        super().__init__(nn.GRU(width, hidden, layers, bidirectional=True, batch_first=True, dropout=between))


class IDCNNEncoder(Encoder):
    """One block of dilated convolutions, applied several times with the same weights (Strubell et al. 2017).

    A first convolution projects the vectors to the block's width. Each layer of the block sees twice as far as the one
    before, and has a residual connection, so that the block can be repeated without losing the word. Padding, on either
    side, is zero before each convolution, like the positions beyond the ends of a sentence.
    """

    def __init__(
        self, width: int, *, filters: int, kernel: int, dilations: Sequence[int], blocks: int, dropout: float
    ) -> None:
        """Create convolutions of ``filters`` channels.

        Args:
            width: size of the input vectors.
            filters: channels of each convolution.
            kernel: its size, an odd number.
            dilations: dilation of each layer of the block.
            blocks: how often the block is applied.
            dropout: dropout rate between two blocks.
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
        """Encode ``states`` [B, T, width] as [B, T, filters], with zeros at the padding."""
        real = attention_mask.unsqueeze(1).to(states.dtype)  # [B, 1, T]
        hidden = F.relu(self.first(states.transpose(1, 2) * real)) * real
        for block in range(self.blocks):
            if block:
                hidden = self.dropout(hidden)
            for layer, norm in zip(self.layers, self.norms, strict=True):
                added = hidden + F.relu(layer(hidden))
                hidden = norm(added.transpose(1, 2)).transpose(1, 2) * real
        return hidden.transpose(1, 2)


_VALUES = 2**16  # of a random number of 16 bits
_PER_INT64 = 4  # random numbers of 16 bits in one of 64


class Dropout(nn.Dropout):
    """``nn.Dropout`` (Srivastava et al. 2014) with a faster mask on CPUs, from ``apply_dropout``."""

    def forward(self, states: Tensor) -> Tensor:
        """Apply dropout to ``states`` [...] in training."""
        return apply_dropout(states, self.p, training=self.training)


def apply_dropout(states: Tensor, rate: float, *, training: bool) -> Tensor:
    """Return ``states`` [...] with a share of ``rate`` set to 0 and the others divided by ``1 - rate``.

    On a CPU, torch samples one random number per value: with an LSTM of 128 units this took an eighth of a training
    step. Here 16 bits per value are sampled, four values at a time, so the rate is exact to 1/65,536.
    """
    if not training or rate == 0.0 or states.device.type != "cpu" or rate == 1.0:
        return F.dropout(states, rate, training)
    count = states.numel()
    random = torch.empty(-(-count // _PER_INT64), dtype=torch.int64).random_(-(2**63), None)
    bits = random.view(torch.int16)[:count].view(states.shape)
    least = min(round(rate * _VALUES), _VALUES - 1) - _VALUES // 2
    mask = (bits >= least).to(states.dtype)
    return states * mask.mul_(1.0 / (1.0 - rate))
