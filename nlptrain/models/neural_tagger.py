"""NeuralTagger, the student: embedder -> encoder -> head, one architecture of the Auto classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForTokenClassification, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import TokenClassifierOutput

from nlptrain.config.components import EMBEDDERS, ENCODERS, HEADS
from nlptrain.config.registry import Registry
from nlptrain.data.labels import begin_inside_pairs
from nlptrain.models.encoders import Dropout
from nlptrain.models.tokenization.inputs import whole_sentences
from nlptrain.models.tokenization.subword_boundaries import group_subwords, spread_to_subwords, word_starts


class NeuralTaggerConfig(PretrainedConfig):
    """The configuration of a NeuralTagger.

    Attributes:
        embedder: kind and sizes, as ``student.embedder`` in the YAML, with ``vocab_size``.
        encoder: kind and sizes, as ``student.encoder``.
        head: kind, as ``student.head``.
        dropout: dropout rate.
        max_pieces: maximum length in subwords, with special tokens.
        max_characters: maximum length of a word, if the student reads words.
        pieces: number of subwords with known boundaries, if the student has a CRF or reads pooled subwords.
    """

    model_type = "nlptrain_tagger"

    embedder: dict[str, Any] | None = None
    encoder: dict[str, Any] | None = None
    head: dict[str, Any] | None = None
    dropout: float = 0.3
    max_pieces: int = 4096
    max_characters: int | None = None
    pieces: int | None = None


class NeuralTagger(PreTrainedModel):
    """A small tagger with the interface of a Hugging Face token classifier.

    Example:
        >>> config = NeuralTaggerConfig(embedder={"kind": "subword", "vocab_size": 9, "dim": 4},
        ...     encoder={"kind": "lstm", "hidden": 3, "layers": 1}, head={"kind": "softmax"}, num_labels=2)
        >>> tuple(NeuralTagger(config)(torch.tensor([[1, 2, 3]])).logits.shape)
        (1, 3, 2)
    """

    config_class = NeuralTaggerConfig
    base_model_prefix = "tagger"
    main_input_name = "input_ids"
    piece_roles: Tensor

    def __init__(self, config: NeuralTaggerConfig) -> None:
        """Build embedder, encoder and head from ``config``."""
        super().__init__(config)
        embedder, encoder, head = (dict(part or {}) for part in (config.embedder, config.encoder, config.head))
        self.embedder = _load(EMBEDDERS, embedder)(**embedder)
        self.encoder = _load(ENCODERS, encoder)(self.embedder.width, dropout=config.dropout, **encoder)
        self.dropout = Dropout(config.dropout)
        self.head = _load(HEADS, head)(self.encoder.width, int(config.num_labels or 0), **head)
        if config.pieces is not None:
            self.set_subword_boundaries(torch.zeros(config.pieces, dtype=torch.uint8))
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Keep the initial weights of each layer's constructor."""

    def set_subword_boundaries(self, boundaries: Tensor) -> None:
        """Store the boundaries of each subword, [V] (see ``subword_boundaries``), so that ``input_ids`` are enough."""
        self.config.pieces = len(boundaries)
        self.register_buffer("piece_roles", boundaries)

    def get_input_embeddings(self) -> nn.Module:
        """Return the embedding table."""
        table: nn.Module = self.embedder.table
        return table

    def set_input_embeddings(self, value: nn.Embedding) -> None:  # type: ignore[override]
        """Replace the embedding table."""
        self.embedder.table = value

    def emissions(self, attention_mask: Tensor, **features: Tensor) -> Tensor:
        """Return the logits of each position, [B, T, C]; of a CRF, its emissions.

        Args:
            attention_mask: [B, T].
            features: inputs of the embedder: ``input_ids`` [B, T], or words with their subwords or characters.
        """
        states = self.dropout(self.embedder(**features))
        logits: Tensor = self.head(self.dropout(self.encoder(states, attention_mask)))
        return logits

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        word_starts: Tensor | None = None,
        **_: object,  # further arguments of pipelines
    ) -> TokenClassifierOutput:
        """Return the logits of each subword.

        Args:
            input_ids: [B, T].
            attention_mask: [B, T], 0 at padding, on either side; default: no padding.
            token_type_ids: ignored; pipelines pass it.
            labels: [B, T] ids, -100 for none; adds their mean negative log-likelihood to the output. The words of a
                CRF are then those with a label.
            return_dict: ignored; the output is always an object.
            word_starts: [B, T], 1 at the first subword of each word, for a CRF, which runs over words. Default: from
                the tokenizer's boundary marks.

        Returns:
            An output with ``logits`` [B, T, C]. Those of a CRF are, at the first subword of a word, the scores of the
            best sequences with each label there, so that the words' best labels are the best path. At a word's other
            subwords they are the same, except that of B- and I- of a type, I- gets the larger one.

        Raises:
            ValueError: the student needs other inputs; the message names an alternative.
        """
        if input_ids is None or self.embedder.reads == "words":
            raise ValueError(
                "this tagger reads words, not subwords: use nlptrain.load(FOLDER).tag(...), or nlptrain predict"
            )
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        loss = None
        if self.embedder.reads == "pooled_subwords" or self.head.is_structured:
            starts, word = self._word_positions(input_ids, attention_mask, word_starts, labels)
            logits = self._subword_emissions(input_ids, attention_mask, starts, word)
        else:
            logits = self.emissions(attention_mask, input_ids=input_ids)
        if self.head.is_structured:
            words = self.head.output(logits[starts], whole_sentences(starts.sum(dim=1).tolist()).to(logits.device))
            if labels is not None:
                loss = words.nll_loss(labels[starts]) / starts.sum().clamp(min=1)
            logits = spread_to_subwords(starts, word, words.best_scores(), self._begin_inside())
        elif labels is not None:
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return TokenClassifierOutput(loss=loss, logits=logits)

    def _subword_emissions(self, input_ids: Tensor, attention_mask: Tensor, starts: Tensor, word: Tensor) -> Tensor:
        """Return the emissions of each subword, [B, T, C]; for pooled subwords, those of its word, or 0."""
        if self.embedder.reads != "pooled_subwords":
            return self.emissions(attention_mask, input_ids=input_ids)
        subwords, mask = group_subwords(input_ids, starts, word)
        words = torch.arange(mask.numel(), device=mask.device).view_as(mask)
        logits = self.emissions(mask, subwords=subwords, words=words)
        return spread_to_subwords(starts, word, logits[mask.bool()], self._begin_inside())

    def _word_positions(
        self, input_ids: Tensor, attention_mask: Tensor, given: Tensor | None, labels: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return where words start, and where subwords of words are, [B, T] each."""
        known = None
        if self.config.pieces is not None:
            known = word_starts(self.piece_roles, input_ids, attention_mask)
        if given is None and labels is not None:
            given = labels != -100
        if given is not None:
            starts = given.bool()
            return starts, starts if known is None else known[1] | starts
        if known is None:
            raise ValueError(
                "this tagger has a CRF, which runs over words, and its tokenizer does not mark where words start: pass "
                "word_starts [B, T], 1 at the first subword of each word, or use "
                "nlptrain.load(FOLDER).tag(...), or nlptrain predict"
            )
        return known

    def _begin_inside(self) -> list[tuple[int, int]]:
        if getattr(self.config, "nlptrain_scheme", None) == "plain":
            return []
        names: dict[Any, Any] = self.config.id2label or {}
        return begin_inside_pairs([str(names[index]) for index in sorted(names)])

    @torch.inference_mode()
    def decode(self, input_ids: Tensor, attention_mask: Tensor, word_starts: Tensor) -> list[list[int]]:
        """Return the label ids of each word of each sequence: a CRF's best path, or each word's best label.

        Arguments as for ``forward``. With a softmax head, only ``TokenModel.tag`` enforces the tag scheme.
        """
        starts, word = self._word_positions(input_ids, attention_mask, word_starts, None)
        logits = self._subword_emissions(input_ids, attention_mask, starts, word)
        counts = starts.sum(dim=1).cpu().numpy()
        best = self.head.runtime_decoder.decode(logits[starts].float().cpu().numpy(), counts)
        return [part.tolist() for part in np.split(best, np.cumsum(counts)[:-1])]


def _load(registry: Registry[Any], part: dict[str, Any]) -> Any:  # noqa: ANN401 - a module with attributes of its own
    """Import the class of a part of the tagger, and remove its kind from ``part``, so that the sizes remain."""
    kind = str(part.pop("kind", ""))
    return registry.load(kind, registry[kind].module)


AutoConfig.register(NeuralTaggerConfig.model_type, NeuralTaggerConfig, exist_ok=True)
AutoModelForTokenClassification.register(NeuralTaggerConfig, NeuralTagger, exist_ok=True)
