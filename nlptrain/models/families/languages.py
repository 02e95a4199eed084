"""Models that must be told the language: XLM with language embeddings, X-MOD with an adapter for each language.

The language is that of all a model reads. It is named by ``language``: the key of the YAML, kept in the model's
``tokenizer_config.json``, where it may be written by hand as well. XLM's tokenizer cuts words by it, too.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from nlptrain.errors import InputError
from nlptrain.models.families.family import Family
from nlptrain.models.families.roberta import PositionsBehindPadding


class Xlm(Family):
    """Each piece of a multilingual checkpoint gets the embedding of its language beside its own."""

    told_language = True

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

    told_language = True

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
