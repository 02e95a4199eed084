"""A small transformer as the student: a pretrained one, or some layers of a larger one."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable

import torch
from torch import nn
from transformers import AutoModelForTokenClassification, PreTrainedModel

from nlptrain.config.student import TransformerStudentConfig
from nlptrain.data.labels import Labels
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.models.students.text import StudentText
from nlptrain.models.token_model import TokenModel
from nlptrain.models.transformer import TransformerTokenClassifier


def build_transformer(
    config: TransformerStudentConfig,
    labels: Labels,
    *,
    seed: int,
    teacher: TokenModel | None = None,
    splitter: WordSplitter | None = None,
    text: StudentText | None = None,
    log: Callable[[str], None] = lambda _: None,
) -> TokenModel:
    """A transformer with ``config.layers`` layers of the model that it names, or of the teacher, whose head it keeps.

    Arguments and errors as for ``build_student``.
    """
    if config.model is not None:
        whole: TokenModel = TransformerTokenClassifier.from_pretrained(config.model, labels, seed=seed)
    elif teacher is None or not isinstance(teacher, TransformerTokenClassifier):
        raise InputError("student.model: missing, and the teacher is no transformer to cut it from; name one")
    else:
        whole = teacher
    model = whole.model if config.layers is None else kept_layers(whole.model, config.layers)
    if model is whole.model and whole is teacher:
        model = copy.deepcopy(model)
    if config.layers is not None:
        log(f"student: {config.layers} layers of {whole.name}")
    return TransformerTokenClassifier(
        model.eval(), whole.reader, labels, max_pieces=whole.max_pieces, splitter=splitter, name="student"
    )


def kept_layers(model: PreTrainedModel, layers: int) -> PreTrainedModel:
    """A copy of ``model`` with ``layers`` of its layers, the first and the last among them, evenly spread.

    Raises:
        InputError: it has fewer, or its layers cannot be told from its configuration.
    """
    depth = int(getattr(model.config, "num_hidden_layers", 0) or 0)
    if layers > depth:
        raise InputError(f"student.layers: found {layers}; the model has {depth} layers")
    chosen = [round(number * (depth - 1) / max(1, layers - 1)) for number in range(layers)]
    stacks = [
        name for name, module in model.named_modules() if isinstance(module, nn.ModuleList) and len(module) == depth
    ]
    config = copy.deepcopy(model.config)
    config.num_hidden_layers = layers
    for key in ("layer_types", "mlp_layer_types"):
        kinds = getattr(config, key, None)
        if isinstance(kinds, list) and len(kinds) == depth:
            setattr(config, key, [kinds[number] for number in chosen])
    cut: PreTrainedModel = AutoModelForTokenClassification.from_config(config, dtype=torch.float32)
    weights = {_moved(name, stacks, chosen): tensor for name, tensor in model.state_dict().items()}
    weights.pop("", None)
    missing, unexpected = cut.load_state_dict(weights, strict=False)
    if missing or unexpected:
        raise InputError(
            f"student.layers: cannot be cut out of {model.config.model_type} ({', '.join([*missing, *unexpected][:3])} "
            "would not fit); name a student.model"
        )
    return cut


def _moved(name: str, stacks: list[str], chosen: list[int]) -> str:
    """The name of a weight in the smaller model; '' if its layer is not kept."""
    for stack in stacks:
        match = re.match(rf"{re.escape(stack)}\.(\d+)\.", name)
        if match:
            number = int(match[1])
            return f"{stack}.{chosen.index(number)}.{name[match.end() :]}" if number in chosen else ""
    return name
