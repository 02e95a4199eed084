"""NeuralTagger, the student: embedder -> encoder -> head, one architecture of the Auto classes."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForTokenClassification, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import TokenClassifierOutput

from nlptrain.data.labels import begin_inside_pairs
from nlptrain.models.embedders import EMBEDDERS, PooledEmbedder
from nlptrain.models.encoders import ENCODERS, Dropout
from nlptrain.models.heads import HEADS, CRFHead
from nlptrain.models.heads.crf import ChainedWords
from nlptrain.models.tokenization.inputs import whole_sentences
from nlptrain.models.tokenization.subword_boundaries import group_subwords, spread_to_subwords, word_starts
from nlptrain_runtime.decoding import Decoder


class NeuralTaggerConfig(PretrainedConfig):
    """The shape of a NeuralTagger.

    Attributes:
        embedder: kind and sizes, as ``student.embedder`` in the YAML, with ``vocab_size``.
        encoder: kind and sizes, as ``student.encoder``.
        head: kind, as ``student.head``.
        dropout: share of values dropped in training.
        max_pieces: pieces read at once, special ones included.
        max_characters: characters of a word that a student of words reads.
        pieces: of the tokenizer, if the student has a CRF and is told which of them open a word.
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
    piece_roles: Tensor

    def __init__(self, config: NeuralTaggerConfig) -> None:
        """Build the parts that ``config`` names."""
        super().__init__(config)
        embedder, encoder, head = (dict(part or {}) for part in (config.embedder, config.encoder, config.head))
        self.embedder: Any = EMBEDDERS[embedder.pop("kind")](**embedder)
        self.encoder: Any = ENCODERS[encoder.pop("kind")](self.embedder.width, dropout=config.dropout, **encoder)
        self.dropout = Dropout(config.dropout)
        self.head: Any = HEADS[head.pop("kind")](self.encoder.width, int(config.num_labels or 0), **head)
        if config.pieces is not None:
            self.set_subword_boundaries(torch.zeros(config.pieces, dtype=torch.uint8))
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Keep what each layer's own constructor drew."""

    def set_subword_boundaries(self, roles: Tensor) -> None:
        """Say which pieces open a word, [V] (see ``piece_roles``), so that a CRF can do without ``word_starts``."""
        self.config.pieces = len(roles)
        self.register_buffer("piece_roles", roles)

    def get_input_embeddings(self) -> nn.Module:
        """The table."""
        table: nn.Module = self.embedder.table
        return table

    def set_input_embeddings(self, value: nn.Embedding) -> None:  # type: ignore[override]
        """Put another table in its place."""
        self.embedder.table = value

    def emissions(self, attention_mask: Tensor, **named: Tensor) -> Tensor:
        """What the head makes of each place, [B, T, C], before it looks at neighbouring labels.

        Args:
            attention_mask: [B, T].
            named: what the embedder reads: ``input_ids`` [B, T], or words and their characters.
        """
        states = self.dropout(self.embedder(**named))
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
        **_: Any,  # noqa: ANN401 - what a pipeline passes to any token classifier
    ) -> TokenClassifierOutput:
        """Logits of each piece.

        Args:
            input_ids: [B, T].
            attention_mask: [B, T], 1 at the pieces that count, on either side of the padding; default: all count.
            token_type_ids: taken because pipelines pass it, and ignored.
            labels: [B, T] ids, -100 where none; adds their mean negative log-likelihood to the output. A CRF's words
                are then those that have one.
            return_dict: taken for the Auto classes; the answer is always an object.
            word_starts: [B, T], 1 at the first piece of each word, for a CRF, whose chain runs over words. Default:
                the pieces that open a word by the tokenizer's own marks.

        Returns:
            An output with ``logits`` [B, T, C]. Those of a CRF are, at the first piece of a word, the scores of the
            best sequences with each label there, so that the words' best labels are the best path. At a word's other
            pieces they are the same, but that of a B- and its I- the larger one is that of I-.

        Raises:
            ValueError: the student cannot be asked this way, with what to do instead.
        """
        pooled = isinstance(self.embedder, PooledEmbedder)
        if input_ids is None or not (pooled or "input_ids" in signature(self.embedder.forward).parameters):
            raise ValueError(
                "this tagger reads words, not a tokenizer's pieces: use nlptrain.load_token_model(FOLDER).tag(...), or "
                "nlptrain predict"
            )
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        loss = None
        if pooled or isinstance(self.head, CRFHead):
            starts, word = self._places(input_ids, attention_mask, word_starts, labels)
            logits = self._at_pieces(input_ids, attention_mask, starts, word)
        else:
            logits = self.emissions(attention_mask, input_ids=input_ids)
        if isinstance(self.head, CRFHead):
            words = self._words(logits, starts)
            if labels is not None:
                loss = words.nll_loss(labels[starts]) / starts.sum().clamp(min=1)
            logits = spread_to_subwords(starts, word, words.best_scores(), self._begin_inside())
        elif labels is not None:
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return TokenClassifierOutput(loss=loss, logits=logits)

    def _at_pieces(self, input_ids: Tensor, attention_mask: Tensor, starts: Tensor, word: Tensor) -> Tensor:
        """The emissions at each piece, [B, T, C]; where words are read as one, those of its word, or 0."""
        if not isinstance(self.embedder, PooledEmbedder):
            return self.emissions(attention_mask, input_ids=input_ids)
        pieces, mask = group_subwords(input_ids, starts, word)
        logits = self.emissions(mask, pieces=pieces, words=torch.arange(mask.numel(), device=mask.device).view_as(mask))
        return spread_to_subwords(starts, word, logits[mask.bool()], self._begin_inside())

    def _places(
        self, input_ids: Tensor, attention_mask: Tensor, given: Tensor | None, labels: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Where words start, and where pieces of words are, [B, T] each."""
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
                "this tagger has a CRF, whose chain runs over words, and its tokenizer's pieces do not tell which of "
                "them open a word: pass word_starts [B, T], 1 at the first piece of each word, or use "
                "nlptrain.load_token_model(FOLDER).tag(...), or nlptrain predict"
            )
        return known

    def _begin_inside(self) -> list[tuple[int, int]]:
        if getattr(self.config, "nlptrain_scheme", None) == "plain":
            return []
        names: dict[Any, Any] = self.config.id2label or {}
        return begin_inside_pairs([str(names[index]) for index in sorted(names)])

    @torch.inference_mode()
    def decode(self, input_ids: Tensor, attention_mask: Tensor, word_starts: Tensor) -> list[list[int]]:
        """The label of each word of each sequence: a CRF's best path, or the best one of each word by itself.

        Arguments as for ``forward``. Only ``TokenModel.tag`` knows the scheme and keeps a softmax head to it.
        """
        starts, word = self._places(input_ids, attention_mask, word_starts, None)
        logits = self._at_pieces(input_ids, attention_mask, starts, word)
        counts = starts.sum(dim=1).cpu().numpy()
        decoder = self.head.runtime_decoder if isinstance(self.head, CRFHead) else Decoder("independent")
        best = decoder.decode(logits[starts].float().cpu().numpy(), counts)
        return [part.tolist() for part in np.split(best, np.cumsum(counts)[:-1])]

    def _words(self, logits: Tensor, starts: Tensor) -> ChainedWords:
        assert isinstance(self.head, CRFHead)
        chains = whole_sentences(starts.sum(dim=1).tolist()).to(logits.device)
        return self.head.output(logits[starts], chains)


AutoConfig.register(NeuralTaggerConfig.model_type, NeuralTaggerConfig, exist_ok=True)
AutoModelForTokenClassification.register(NeuralTaggerConfig, NeuralTagger, exist_ok=True)
