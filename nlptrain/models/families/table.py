"""Which family a model belongs to, by ``model_type`` of its configuration."""

from __future__ import annotations

from transformers import PretrainedConfig, PreTrainedTokenizerBase

from nlptrain.models.families.family import Family
from nlptrain.models.families.flaubert import Flaubert
from nlptrain.models.families.languages import Xlm, Xmod
from nlptrain.models.families.roberta import PositionsBehindPadding
from nlptrain.models.families.xlnet import XLNet

# What is not named here reads as BERT does.
FAMILIES: dict[str, type[Family]] = {
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


def family_class(config: PretrainedConfig) -> type[Family]:
    """The family of the model that ``config`` describes."""
    return FAMILIES.get(config.model_type, Family)


def family_of(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> Family:
    """The same, ready to make inputs.

    Raises:
        InputError: the model must be told the language, and nothing says it.
    """
    return family_class(config)(config, tokenizer)
