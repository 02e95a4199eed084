"""The encoder: a convolution over a window of words."""

import torch
from torch import Tensor, nn

from nlptrain.plugins import Encoder


class WindowEncoder(Encoder):
    """A convolution over a window of words; the keys of its configuration are its arguments."""

    def __init__(self, width: int, *, size: int, filters: int, dropout: float) -> None:
        """Create a convolution of ``filters`` channels for vectors of ``width``."""
        super().__init__()
        self.convolution = nn.Conv1d(width, filters, size, padding=size // 2)
        self.dropout = nn.Dropout(dropout)
        self.width = filters

    def forward(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """Encode ``states`` [B, T, width] as [B, T, filters]; the mask is 0 at padding."""
        real = attention_mask.unsqueeze(-1).to(states.dtype)
        hidden = torch.relu(self.convolution((states * real).transpose(1, 2)).transpose(1, 2))
        encoded: Tensor = self.dropout(hidden) * real
        return encoded
