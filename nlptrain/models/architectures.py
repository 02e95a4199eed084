"""Architectures of transformers that need special inputs, padding or positions; all others are used like BERT.

Models with several languages (XLM with language embeddings, X-MOD with one adapter per language) read one language. It
is set by the key ``language`` of the YAML, and stored in the model's ``tokenizer_config.json``, which can also be
edited. XLM's tokenizer depends on the language, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from nlptrain.errors import InputError, Setting

DEFAULT_WINDOW = 512
_NO_LIMIT = int(1e29)  # transformers writes 1e30 for a tokenizer without a maximum length


class Architecture:
    """How models of one architecture read a batch: the maximum length, the padding side and the inputs.

    Attributes:
        pads_left: whether the padding is on the left.
        inputs_version: part of the fingerprint for inputs that BERT does not have; change it when they change.
        needs_language: whether models or tokenizers of the architecture depend on the language of the text.
    """

    pads_left = False
    inputs_version = ""
    needs_language = False

    def __init__(self, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
        """Read what the inputs depend on from a model's ``config`` and ``tokenizer``."""

    @classmethod
    def window(cls, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
        """Return the maximum length in subwords, with special tokens: that of positions and tokenizer, or 512.

        Args:
            config: of the model.
            tokenizer: as loaded, with the maximum length of its file.
        """
        limits = (cls.positions(config), tokenizer.model_max_length)
        return int(min((limit for limit in limits if 0 < limit < _NO_LIMIT), default=DEFAULT_WINDOW))

    @classmethod
    def positions(cls, config: PretrainedConfig) -> int:
        """Return how many subwords have a position embedding; 0 or less for models without a limit."""
        return int(getattr(config, "max_position_embeddings", None) or 0)

    def inputs(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Return the further arguments of forward for ``ids`` [B, T] and ``mask`` [B, T] (0 at padding)."""
        return {}


class PositionsBehindPadding(Architecture):
    """RoBERTa and similar models: positions 0 to ``pad_token_id`` are unused, so 514 positions read 512 subwords."""

    @classmethod
    def positions(cls, config: PretrainedConfig) -> int:
        """Return the number of positions for subwords."""
        # The padding id of all published models is 1; with 0, MPNet still counts from 2, at the cost of one subword.
        unused = max(1, getattr(config, "pad_token_id", None) or 0) + 1
        return super().positions(config) - unused


_WORDS, _CLS, _PADDING = 0, 2, 3  # segment ids of XLNet's own tokenizer


class XLNet(Architecture):
    """XLNet: padding on the left, ``<sep> <cls>`` at the end with their segment id; positions are relative."""

    pads_left = True
    inputs_version = "segments-1"

    def __init__(self, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
        """Store the id of ``<cls>``."""
        super().__init__(config, tokenizer)
        self.cls_id = tokenizer.cls_token_id

    @classmethod
    def positions(cls, config: PretrainedConfig) -> int:
        """Return 0: no limit."""
        return 0

    def inputs(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Return ``token_type_ids`` [B, T]: 0 for words and ``<sep>``, 2 for the final ``<cls>``, 3 for padding."""
        segments = torch.full_like(ids, _WORDS)
        if self.cls_id is not None:  # by position: "<cls>" may occur among the words, too
            segments[:, -1] = torch.where(ids[:, -1] == self.cls_id, _CLS, _WORDS)
        return {"token_type_ids": segments.masked_fill(mask == 0, _PADDING)}


class Xlm(Architecture):
    """XLM: multilingual checkpoints add an embedding of the language to each subword."""

    needs_language = True

    def __init__(self, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
        """Choose the language: ``language``, or else ``lang_id`` of the config unless it is 0, its default.

        Raises:
            InputError: the model has several languages, and none of them is chosen.
        """
        super().__init__(config, tokenizer)
        known = getattr(tokenizer, "lang2id", None) or getattr(config, "lang2id", None) or {}
        languages = {str(name): int(language_id) for name, language_id in known.items()}
        self.language_id: int | None = None
        if config.n_langs > 1 and config.use_lang_emb:
            stated = config.lang_id or (0 if set(languages.values()) == {0} else None)
            self.language_id = _language(tokenizer, languages, stated)

    def inputs(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Return ``langs`` [B, T], if the model has several languages."""
        return {} if self.language_id is None else {"langs": torch.full_like(ids, self.language_id)}


class Xmod(PositionsBehindPadding):
    """X-MOD: each sequence goes through the adapters of its language."""

    needs_language = True

    def __init__(self, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
        """Choose the language: ``language``, or else ``default_language`` of the config, or else the only one.

        Raises:
            InputError: the model has several languages, and none of them is chosen.
        """
        super().__init__(config, tokenizer)
        languages = {str(name): index for index, name in enumerate(config.languages)}
        stated = languages.get(str(config.default_language)) if len(languages) > 1 else 0
        self.language_id = _language(tokenizer, languages, stated)

    def inputs(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Return ``lang_ids`` [B]."""
        return {"lang_ids": torch.full_like(ids[:, 0], self.language_id)}


def _language(tokenizer: PreTrainedTokenizerBase, languages: Mapping[str, int], stated: int | None) -> int:
    """Return the id of the language that ``tokenizer`` names, or ``stated``, whose name the tokenizer then stores."""
    language = tokenizer.init_kwargs.get("language")
    if language is None and stated is not None:
        names = [name for name, language_id in languages.items() if language_id == stated]
        if names:
            tokenizer.init_kwargs["language"] = names[0]
        return stated
    if isinstance(language, str) and language in languages:
        return languages[language]
    raise InputError(
        "missing" if language is None else f"found {language!r}",
        location=Setting("language"),
        expected=f"a language of the model: {', '.join(sorted(languages)) or 'none has a name'}",
        hint=(
            "set ",
            Setting("language"),
            ' in the configuration of transformer_token, or "language": "NAME" in tokenizer_config.json of a model '
            "that is already fine-tuned",
        ),
    )


class Flaubert(Xlm):
    """FlauBERT: XLM for one language; its pre-norm checkpoints need a cache object in transformers 5."""

    def __init__(self, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
        """Read whether the model normalizes before each layer (pre-norm)."""
        super().__init__(config, tokenizer)
        self.pre_norm = bool(config.pre_norm)

    def inputs(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Return XLM's inputs, and an empty cache for a pre-norm model."""
        inputs = super().inputs(ids, mask)
        return {**inputs, "cache": cast(Tensor, _NoCache())} if self.pre_norm else inputs


class _NoCache:
    """An empty cache for ``FlaubertModel.forward``.

    A pre-norm model passes ``cache[i]`` to each layer, and the default cache cannot be indexed (transformers 5.23,
    modeling_flaubert.py). An encoder that reads a text once needs no cache.
    """

    def get_seq_length(self) -> int:
        return 0

    def __getitem__(self, layer: int) -> None:
        return None

    def to(self, device: Any) -> _NoCache:  # noqa: ANN401 - moved with the tensors
        return self


# All others are used like BERT.
ARCHITECTURES: dict[str, type[Architecture]] = {
    "camembert": PositionsBehindPadding,
    "data2vec-text": PositionsBehindPadding,
    "flaubert": Flaubert,
    "ibert": PositionsBehindPadding,
    "longformer": PositionsBehindPadding,
    "luke": PositionsBehindPadding,
    "markuplm": PositionsBehindPadding,
    "mpnet": PositionsBehindPadding,
    "roberta": PositionsBehindPadding,
    "roberta-prelayernorm": PositionsBehindPadding,
    "xlm": Xlm,
    "xlm-roberta": PositionsBehindPadding,
    "xlm-roberta-xl": PositionsBehindPadding,
    "xlnet": XLNet,
    "xmod": Xmod,
}


def architecture_class(config: PretrainedConfig) -> type[Architecture]:
    """Return the architecture of the model that ``config`` describes."""
    return ARCHITECTURES.get(config.model_type, Architecture)


def architecture_of(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> Architecture:
    """Return the architecture of a model, ready to build inputs.

    Raises:
        InputError: the model depends on the language, which is unknown.
    """
    return architecture_class(config)(config, tokenizer)
