"""The iterated dilated CNN of Strubell, Verga, Belanger, McCallum 2017."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from nlptrain.models.dropout import Dropout


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
