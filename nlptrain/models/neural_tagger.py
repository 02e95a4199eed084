"""NeuralTagger, the student: embedder -> encoder -> head, one architecture of the Auto classes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForTokenClassification, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import TokenClassifierOutput

from nlptrain.models.embedders import EMBEDDERS
from nlptrain.models.encoders import ENCODERS


class NeuralTaggerConfig(PretrainedConfig):
    """The shape of a NeuralTagger.

    Attributes:
        embedder: kind and sizes, as ``student.embedder`` in the YAML, with ``vocab_size``.
        encoder: kind and sizes, as ``student.encoder``.
        head: kind, as ``student.head``.
        dropout: share of values dropped in training.
        max_pieces: pieces read at once, special ones included.
    """

    model_type = "nlptrain_tagger"

    embedder: dict[str, Any] | None = None
    encoder: dict[str, Any] | None = None
    head: dict[str, Any] | None = None
    dropout: float = 0.3
    max_pieces: int = 4096


class NeuralTagger(PreTrainedModel):
    """A small tagger that reads a transformer's pieces and answers its logits.

    Example:
        >>> config = NeuralTaggerConfig(embedder={"kind": "subword", "vocab_size": 9, "dim": 4},
        ...     encoder={"kind": "lstm", "hidden": 3, "layers": 1}, head={"kind": "softmax"}, num_labels=2)
        >>> tuple(NeuralTagger(config)(torch.tensor([[1, 2, 3]])).logits.shape)
        (1, 3, 2)
    """

    config_class = NeuralTaggerConfig
    base_model_prefix = "tagger"
    main_input_name = "input_ids"

    def __init__(self, config: NeuralTaggerConfig) -> None:
        """Build the parts that ``config`` names."""
        super().__init__(config)
        embedder, encoder = dict(config.embedder or {}), dict(config.encoder or {})
        self.embedder = EMBEDDERS[embedder.pop("kind")](**embedder)
        self.encoder = ENCODERS[encoder.pop("kind")](self.embedder.width, dropout=config.dropout, **encoder)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(self.encoder.width, int(config.num_labels or 0))
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Keep what each layer's own constructor drew."""

    def get_input_embeddings(self) -> nn.Module:
        """The table."""
        return self.embedder.table

    def set_input_embeddings(self, value: nn.Embedding) -> None:  # type: ignore[override]
        """Put another table in its place."""
        self.embedder.table = value

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **_: Any,  # noqa: ANN401 - what a pipeline passes to any token classifier
    ) -> TokenClassifierOutput:
        """Logits of each piece.

        Args:
            input_ids: [B, T].
            attention_mask: [B, T], 1 at the pieces that count, on either side of the padding; default: all count.
            token_type_ids: taken because pipelines pass it, and ignored.
            labels: [B, T] ids, -100 where none; adds their mean cross-entropy to the output.
            return_dict: taken for the Auto classes; the answer is always an object.

        Returns:
            An output with ``logits`` [B, T, C].
        """
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        states = self.dropout(self.embedder(input_ids))
        logits: Tensor = self.head(self.dropout(self.encoder(states, attention_mask)))
        loss = None
        if labels is not None:
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return TokenClassifierOutput(loss=loss, logits=logits)


AutoConfig.register(NeuralTaggerConfig.model_type, NeuralTaggerConfig, exist_ok=True)
AutoModelForTokenClassification.register(NeuralTaggerConfig, NeuralTagger, exist_ok=True)
