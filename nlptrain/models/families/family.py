"""The family that most transformers belong to: BERT and all that reads as it does."""

from __future__ import annotations

from torch import Tensor
from transformers import PretrainedConfig, PreTrainedTokenizerBase

DEFAULT_WINDOW = 512
_NO_LIMIT = int(1e29)  # transformers writes 1e30 for a tokenizer that states no length


class Family:
    """How one family of models reads a batch: how much at once, padded on which side, with which further inputs.

    Attributes:
        pads_left: whether the padding stands in front of the pieces.
        rule: what a fingerprint holds for inputs that BERT does not have; change it when they change.
        told_language: whether models or tokenizers of the family take the language of the text.
    """

    pads_left = False
    rule = ""
    told_language = False

    def __init__(self, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
        """Look at a model's ``config`` and ``tokenizer``; a family that needs no more than BERT keeps nothing."""

    @classmethod
    def window(cls, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
        """The pieces read at once, special ones included: what positions and tokenizer allow, or 512.

        Args:
            config: of the model.
            tokenizer: as it was loaded, with the length that its file states.
        """
        limits = (cls.positions(config), tokenizer.model_max_length)
        return int(min((limit for limit in limits if 0 < limit < _NO_LIMIT), default=DEFAULT_WINDOW))

    @classmethod
    def positions(cls, config: PretrainedConfig) -> int:
        """How many places of a sequence have a position of their own; 0 or less for models without a limit."""
        return int(getattr(config, "max_position_embeddings", None) or 0)

    def inputs(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """What forward is given by name beside ``ids`` [B, T] and ``mask`` [B, T] (1 at pieces, 0 at padding)."""
        return {}
