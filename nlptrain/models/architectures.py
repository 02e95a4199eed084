"""The family that most transformers belong to: BERT and all that reads as it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from nlptrain.errors import InputError

DEFAULT_WINDOW = 512
_NO_LIMIT = int(1e29)  # transformers writes 1e30 for a tokenizer that states no length


class Architecture:
    """How one family of models reads a batch: how much at once, padded on which side, with which further inputs.

    Attributes:
        pads_left: whether the padding stands in front of the pieces.
        rule: what a fingerprint holds for inputs that BERT does not have; change it when they change.
        told_language: whether models or tokenizers of the family take the language of the text.
    """

    pads_left = False
    rule = ""
    needs_language = False

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


class PositionsBehindPadding(Architecture):
    """Models whose positions 0 to ``pad_token_id`` stand for nothing: 514 positions read 512 pieces."""

    @classmethod
    def positions(cls, config: PretrainedConfig) -> int:
        """The positions that are left for pieces."""
        # The padding of all published ones is 1; with 0, MPNet still counts from 2, and one piece less harms nobody.
        unused = max(1, getattr(config, "pad_token_id", None) or 0) + 1
        return super().positions(config) - unused


_WORDS, _CLS, _PADDING = 0, 2, 3  # as XLNet's own tokenizer numbers the segments


class XLNet(Architecture):
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


class Xlm(Architecture):
    """Each piece of a multilingual checkpoint gets the embedding of its language beside its own."""

    needs_language = True

    def __init__(self, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
        """Find out the language: ``language``, else ``lang_id`` of the config if it is not 0, its default.

        Raises:
            InputError: the model has several languages, and nothing says which one it is to read, or one it lacks.
        """
        super().__init__(config, tokenizer)
        known = getattr(tokenizer, "lang2id", None) or getattr(config, "lang2id", None) or {}
        languages = {str(name): int(number) for name, number in known.items()}
        self.language_id: int | None = None
        if config.n_langs > 1 and config.use_lang_emb:
            stated = config.lang_id or (0 if set(languages.values()) == {0} else None)
            self.language_id = _language(tokenizer, languages, stated)

    def inputs(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """``langs`` [B, T], if the model has several languages."""
        return {} if self.language_id is None else {"langs": torch.full_like(ids, self.language_id)}


class Xmod(PositionsBehindPadding):
    """Each sequence goes through the adapters of one language."""

    needs_language = True

    def __init__(self, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
        """Find out the language: ``language``, else ``default_language`` of the config, else the only one.

        Raises:
            InputError: the model has several languages, and nothing says which one it is to read, or one it lacks.
        """
        super().__init__(config, tokenizer)
        languages = {str(name): number for number, name in enumerate(config.languages)}
        stated = languages.get(str(config.default_language)) if len(languages) > 1 else 0
        self.language_id = _language(tokenizer, languages, stated)

    def inputs(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """``lang_ids`` [B]."""
        return {"lang_ids": torch.full_like(ids[:, 0], self.language_id)}


def _language(tokenizer: PreTrainedTokenizerBase, languages: Mapping[str, int], stated: int | None) -> int:
    """The number of the language that ``tokenizer`` names, or ``stated``; the tokenizer keeps its name."""
    language = tokenizer.init_kwargs.get("language")
    if language is None and stated is not None:
        names = [name for name, number in languages.items() if number == stated]
        if names:
            tokenizer.init_kwargs["language"] = names[0]
        return stated
    if isinstance(language, str) and language in languages:
        return languages[language]
    choice = ", ".join(sorted(languages)) or "none by name"
    found = "nothing that says which language is read" if language is None else f"{language!r}"
    raise InputError(
        f"language: found {found}; the model has {choice}: set language to one of them in the YAML that fine-tunes it "
        '(transformer_token), or write "language": "NAME" into tokenizer_config.json of a model that is fine-tuned'
    )


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


# What is not named here reads as BERT does.
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
    """The family of the model that ``config`` describes."""
    return ARCHITECTURES.get(config.model_type, Architecture)


def architecture_of(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> Architecture:
    """The same, ready to make inputs.

    Raises:
        InputError: the model must be told the language, and nothing says it.
    """
    return architecture_class(config)(config, tokenizer)
