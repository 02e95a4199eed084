"""FlauBERT: XLM's net for one language, whose pre-norm checkpoints transformers 5 cannot run without help."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from nlptrain.models.families.languages import Xlm


class Flaubert(Xlm):
    """As XLM; where layers are normalised first, the cache that forward would make for itself is kept away."""

    def __init__(self, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
        """Look whether the model is a pre-norm one."""
        super().__init__(config, tokenizer)
        self.pre_norm = bool(config.pre_norm)

    def inputs(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """What XLM reads, and for a pre-norm model a cache that holds nothing."""
        named = super().inputs(ids, mask)
        return {**named, "cache": cast(Tensor, _NoCache())} if self.pre_norm else named


class _NoCache:
    """What ``FlaubertModel.forward`` asks of a cache, answered as if there were none.

    In a pre-norm model it hands ``cache[i]`` to each layer, and the cache that it makes by default has no index
    (transformers 5.23, modeling_flaubert.py). An encoder that reads a text once needs none.
    """

    def get_seq_length(self) -> int:
        return 0

    def __getitem__(self, layer: int) -> None:
        return None

    def to(self, device: Any) -> _NoCache:  # noqa: ANN401 - moved with the tensors beside it
        return self
