"""XLNet: the padding stands in front, ``<sep> <cls>`` at the end, and a segment id says which is which."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from nlptrain.models.families.family import Family

_WORDS, _CLS, _PADDING = 0, 2, 3  # as XLNet's own tokenizer numbers the segments


class XLNet(Family):
    """Positions are relative, so only the tokenizer may state a limit."""

    pads_left = True
    rule = "segments-1"

    def __init__(self, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
        """Keep the id of ``<cls>``."""
        super().__init__(config, tokenizer)
        self.cls_id = tokenizer.cls_token_id

    @classmethod
    def positions(cls, config: PretrainedConfig) -> int:
        """No limit."""
        return 0

    def inputs(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """``token_type_ids`` [B, T]: 0 for the words and ``<sep>``, 2 for the closing ``<cls>``, 3 for padding."""
        segments = torch.full_like(ids, _WORDS)
        if self.cls_id is not None:  # by its place: "<cls>" may stand among the words, too
            segments[:, -1] = torch.where(ids[:, -1] == self.cls_id, _CLS, _WORDS)
        return {"token_type_ids": segments.masked_fill(mask == 0, _PADDING)}
