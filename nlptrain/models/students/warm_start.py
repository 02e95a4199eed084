"""Students that start from trained weights: another student (``init_from``), or layers of a transformer."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable

import torch
from torch import nn
from transformers import AutoModelForTokenClassification, PreTrainedModel

from nlptrain.config import auto
from nlptrain.config.components import AutoHeadConfig
from nlptrain.config.student import StudentConfig, TransformerStudentConfig
from nlptrain.data.labels import Labels, map_labels
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError, Problem, Setting
from nlptrain.models.neural_tagger import NeuralTagger
from nlptrain.models.token_model import TokenModel
from nlptrain.models.transformer import TransformerTokenClassifier, load_token_model

_FROM_TEXT = ("vocab_size", "kept", "forms", "shapes")  # sizes that the training text or the tokenizer decided


def warm_start(
    config: StudentConfig | TransformerStudentConfig,
    labels: Labels,
    *,
    splitter: WordSplitter | None,
    log: Callable[[str], None] = lambda _: None,
) -> TokenModel:
    """Load the student ``config.init_from``, with the columns in the order of ``labels``.

    Its head and its layers are logged if they are ``auto`` in ``config``.

    Raises:
        InputError: its parts differ from those of ``config``, or its labels from those of this run.
    """
    student = load_token_model(str(config.init_from))
    _check_same_parts(config, student)
    columns = _columns(student.labels, labels, config.init_label_map or {}, str(config.init_from))
    _reorder(student.model, columns, len(student.labels))
    if isinstance(student.model, NeuralTagger):
        student.model.head.constrain(labels)
        assert isinstance(config, StudentConfig)
        if isinstance(config.head, AutoHeadConfig):
            log(f"student.head.kind=auto: {student.model.config.head['kind']} (from {config.init_from})")
        if getattr(config.encoder, "layers", None) == "auto":
            depth = student.model.config.encoder["layers"]
            log(f"student.encoder.layers=auto: {depth} (from {config.init_from})")
        _set_dropout(student.model, auto.resolved_number(config.dropout, auto.dropout()))
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
    kind = "tagger" if isinstance(student.model, NeuralTagger) else "transformer"
    if kind != config.kind:
        raise InputError(
            f"{config.init_from} is of kind {kind}",
            location=Setting("student.init_from"),
            expected=(f"{config.kind}, as ", Setting("student.kind")),
        )
    if isinstance(config, TransformerStudentConfig):
        depth = student.model.config.num_hidden_layers
        if config.layers not in (None, depth):
            raise InputError(
                f"found {config.layers}",
                location=Setting("student.layers"),
                expected=f"{depth}, as in {config.init_from}",
            )
        return
    differences = [
        Problem(
            f"found {wanted.get(key)!r}",
            location=Setting(f"student.{part}.{key}"),
            expected=f"{value!r}, as in {config.init_from}",
        )
        for part in ("embedder", "encoder", "head")
        for wanted in [getattr(config, part).model_dump()]
        for key, value in getattr(student.model.config, part).items()
        if key not in _FROM_TEXT and wanted.get(key) not in (value, "auto")
    ]
    if differences:
        raise InputError(*differences)


def _columns(saved: Labels, wanted: Labels, mapping: dict[str, str], init_from: str) -> list[int]:
    """Return the column in ``saved`` for each of the labels ``wanted``."""
    names = map_labels(saved.names, mapping, is_plain=saved.scheme == "plain", key="student.init_label_map")
    used = [name for name, old in zip(names, saved.names, strict=True) if not (name == "O" and old != "O")]
    missing = [name for name in wanted.names if name not in names]
    twice = sorted({name for name in used if used.count(name) > 1})
    extra = [name for name in used if name not in wanted.names]
    if missing or twice or extra:
        faults = [("missing", missing), ("more than once", twice), ("not in this run, map to O", extra)]
        differences = "; ".join(f"{fault}: {', '.join(labels)}" for fault, labels in faults if labels)
        raise InputError(
            f"the labels of {init_from} are not those of this run ({differences})",
            location=Setting("student.init_from"),
            hint=("map them with ", Setting("student.init_label_map")),
        )
    old_of = {name: index for index, name in reversed(list(enumerate(names)))}
    old_of["O"] = saved.ids.get("O", old_of.get("O", 0))
    return [old_of[name] for name in wanted.names]


@torch.no_grad()
def _reorder(model: nn.Module, columns: list[int], labels: int) -> None:
    """Reorder the columns of the last layer."""
    if columns == list(range(labels)):
        return
    if isinstance(model, NeuralTagger):
        model.head.reorder(columns)
        return
    order = torch.tensor(columns)
    layers = [module for module in model.modules() if isinstance(module, nn.Linear) and module.out_features == labels]
    head = layers[-1]
    head.weight = nn.Parameter(head.weight[order].clone())
    head.bias = nn.Parameter(head.bias[order].clone())
    head.out_features = len(columns)


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
    log: Callable[[str], None] = lambda _: None,
) -> TokenModel:
    """Build a transformer with ``config.layers`` layers of ``config.model``, or of the teacher and with its head.

    Arguments and errors as for ``build_student``.
    """
    if config.model is not None:
        whole: TokenModel = TransformerTokenClassifier.from_pretrained(config.model, labels, seed=seed)
    elif teacher is None or not isinstance(teacher, TransformerTokenClassifier):
        raise InputError(
            "missing",
            location=Setting("student.model"),
            expected="a pretrained transformer, since the teacher is not one",
        )
    else:
        whole = teacher
    model = whole.model if config.layers is None else keep_layers(whole.model, config.layers)
    if model is whole.model and whole is teacher:
        model = copy.deepcopy(model)
    if config.layers is not None:
        log(f"student.layers: {config.layers} layers of {whole.name}")
    return TransformerTokenClassifier(
        model.eval(), whole.featurizer, labels, max_subwords=whole.max_subwords, splitter=splitter, name="student"
    )


def keep_layers(model: PreTrainedModel, layers: int) -> PreTrainedModel:
    """Return a copy of ``model`` with ``layers`` of its layers, evenly spaced from the first to the last one.

    Raises:
        InputError: it has fewer layers, or they cannot be identified from its configuration.
    """
    depth = int(getattr(model.config, "num_hidden_layers", 0) or 0)
    if layers > depth:
        raise InputError(
            f"found {layers}", location=Setting("student.layers"), expected=f"at most {depth}, the layers of the model"
        )
    chosen = [round(index * (depth - 1) / max(1, layers - 1)) for index in range(layers)]
    stacks = [
        name for name, module in model.named_modules() if isinstance(module, nn.ModuleList) and len(module) == depth
    ]
    config = copy.deepcopy(model.config)
    config.num_hidden_layers = layers
    for key in ("layer_types", "mlp_layer_types"):
        kinds = getattr(config, key, None)
        if isinstance(kinds, list) and len(kinds) == depth:
            setattr(config, key, [kinds[index] for index in chosen])
    smaller: PreTrainedModel = AutoModelForTokenClassification.from_config(config, dtype=torch.float32)
    weights = {_new_name(name, stacks, chosen): tensor for name, tensor in model.state_dict().items()}
    weights.pop("", None)
    missing, unexpected = smaller.load_state_dict(weights, strict=False)
    if missing or unexpected:
        raise InputError(
            f"cannot select layers of {model.config.model_type}: {', '.join([*missing, *unexpected][:3])} do not match",
            location=Setting("student.layers"),
            hint=("name a smaller model in ", Setting("student.model"), " instead"),
        )
    return smaller


def _new_name(name: str, stacks: list[str], chosen: list[int]) -> str:
    """Return the name of a weight in the smaller model; '' if its layer is dropped."""
    for stack in stacks:
        match = re.match(rf"{re.escape(stack)}\.(\d+)\.", name)
        if match:
            layer = int(match[1])
            return f"{stack}.{chosen.index(layer)}.{name[match.end() :]}" if layer in chosen else ""
    return name
