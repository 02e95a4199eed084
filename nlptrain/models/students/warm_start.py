"""Starting a student from one that is trained."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForTokenClassification, PreTrainedModel

from nlptrain.config.student import StudentConfig, TransformerStudentConfig
from nlptrain.data.labels import Labels, map_labels
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.models.heads import CRFHead
from nlptrain.models.neural_tagger import NeuralTagger
from nlptrain.models.students.embeddings import TrainingText
from nlptrain.models.token_model import TokenModel
from nlptrain.models.transformer import TransformerTokenClassifier, load_token_model

_FROM_THE_START = ("vocab_size", "kept", "forms", "shapes")  # what the text or the tokenizer decided


def warm_start(
    config: StudentConfig | TransformerStudentConfig,
    labels: Labels,
    *,
    splitter: WordSplitter | None,
    log: Callable[[str], None] = lambda _: None,
) -> TokenModel:
    """The student that ``config.init_from`` names, with the columns of ``labels`` in their order.

    ``say`` is told which head and how many layers it brings, where ``config`` leaves that open.

    Raises:
        InputError: its parts are not those of ``config``, or its labels not those of this run.
    """
    student = load_token_model(str(config.init_from))
    _check_same_parts(config, student)
    columns = _columns(student.labels, labels, config.init_label_map or {}, str(config.init_from))
    _reorder(student.model, columns, len(student.labels))
    if isinstance(student.model, NeuralTagger):
        head = student.model.head
        if isinstance(head, CRFHead):
            head.constrain(labels)
        assert isinstance(config, StudentConfig)
        if config.head.kind == "auto":
            brought = "a CRF" if isinstance(head, CRFHead) else "a softmax"
            log(f"student: {brought}, as {config.init_from} has (student.head.kind)")
        if getattr(config.encoder, "layers", None) == "auto":
            depth = student.model.config.encoder["layers"]
            log(f"student: {depth} layer{'s'[: depth > 1]}, as {config.init_from} has (student.encoder.layers)")
        _set_dropout(student.model, config.dropout)
        student.max_subwords = config.max_subwords
    student.model.config.num_labels = len(labels)
    kind = type(student)
    return kind(
        student.model.eval(),
        student.featurizer,
        labels,
        max_subwords=student.max_subwords,
        splitter=splitter,
        name="student",
    )


def _check_same_parts(config: StudentConfig | TransformerStudentConfig, student: TokenModel) -> None:
    found = "tagger" if isinstance(student.model, NeuralTagger) else "transformer"
    if found != config.kind:
        raise InputError(f"student.init_from: {config.init_from} is of kind {found}, and student.kind is {config.kind}")
    if isinstance(config, TransformerStudentConfig):
        depth = student.model.config.num_hidden_layers
        if config.layers not in (None, depth):
            raise InputError(f"student.layers: found {config.layers}; {config.init_from} has {depth}")
        return
    differing: list[str] = []
    for part in ("embedder", "encoder", "head"):
        wanted: dict[str, Any] = getattr(config, part).model_dump()
        there: dict[str, Any] = getattr(student.model.config, part)
        differing += [
            f"student.{part}.{key}: found {wanted.get(key)!r}, there {value!r}"
            for key, value in there.items()
            if key not in _FROM_THE_START and wanted.get(key) not in (value, "auto")
        ]
    if differing:
        raise InputError(
            f"student.init_from: {config.init_from} has other parts ({'; '.join(differing)}); give the same"
        )


def _columns(there: Labels, wanted: Labels, mapping: dict[str, str], start: str) -> list[int]:
    """For each of ``wanted``, its column in ``there``."""
    names = map_labels(there.names, mapping, plain=there.scheme == "plain", key="student.init_label_map")
    used = [name for name, old in zip(names, there.names, strict=True) if not (name == "O" and old != "O")]
    missing = [name for name in wanted.names if name not in names]
    twice = sorted({name for name in used if used.count(name) > 1})
    extra = [name for name in used if name not in wanted.names]
    if missing or twice or extra:
        faults = [("missing", missing), ("more than once", twice), ("too many (map them to O)", extra)]
        said = "; ".join(f"{what}: {', '.join(found)}" for what, found in faults if found)
        raise InputError(
            f"student.init_from: the labels of {start} are not those of this run ({said}); see init_label_map"
        )
    old_of = {name: index for index, name in reversed(list(enumerate(names)))}
    old_of["O"] = there.ids.get("O", old_of.get("O", 0))
    return [old_of[name] for name in wanted.names]


@torch.no_grad()
def _reorder(model: nn.Module, columns: list[int], labels: int) -> None:
    """Put the columns of the last layer, and of a CRF's tables, in another order."""
    if columns == list(range(labels)):
        return
    order = torch.tensor(columns)
    layers = [module for module in model.modules() if isinstance(module, nn.Linear) and module.out_features == labels]
    head = layers[-1]
    head.weight = nn.Parameter(head.weight[order].clone())
    head.bias = nn.Parameter(head.bias[order].clone())
    head.out_features = len(columns)
    if isinstance(head, CRFHead):
        head.transitions = nn.Parameter(head.transitions[order][:, order].clone())
        head.start, head.end = nn.Parameter(head.start[order].clone()), nn.Parameter(head.end[order].clone())
        for name in ("may_open", "may_close"):
            buffer: Tensor = getattr(head, name)
            head.register_buffer(name, buffer[order].clone())
        head.register_buffer("allowed", head.allowed[order][:, order].clone())


def _set_dropout(model: NeuralTagger, rate: float) -> None:
    model.config.dropout = rate
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = rate
        elif isinstance(module, nn.RNNBase):
            module.dropout = rate if module.num_layers > 1 else 0.0


def build_transformer(
    config: TransformerStudentConfig,
    labels: Labels,
    *,
    seed: int,
    teacher: TokenModel | None = None,
    splitter: WordSplitter | None = None,
    text: TrainingText | None = None,
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
    model = whole.model if config.layers is None else keep_layers(whole.model, config.layers)
    if model is whole.model and whole is teacher:
        model = copy.deepcopy(model)
    if config.layers is not None:
        log(f"student: {config.layers} layers of {whole.name}")
    return TransformerTokenClassifier(
        model.eval(), whole.featurizer, labels, max_subwords=whole.max_subwords, splitter=splitter, name="student"
    )


def keep_layers(model: PreTrainedModel, layers: int) -> PreTrainedModel:
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
