"""The weights of a model's folder: which files hold them, and a net that is filled with them.

transformers is handed the tensors and never the folder: it would follow an index to a pickle, an adapter to another
model, or a file's name to another format.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)
from transformers import PretrainedConfig, PreTrainedModel

from nlptrain.errors import InputError
from nlptrain.models.folder_checks import reading, weight_files
from nlptrain.models.sources import Source

# What a net may have beyond the weights that are there: a new head, tied tables, poolers that were not saved.
_SPARE_VALUES, _SPARE_TENSORS = 2**24, 500


def load_net(
    source: Source, config: PretrainedConfig, classes: Mapping[type[PretrainedConfig], Any], **options: bool
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """The net of a model's folder in float32, with what was missing from its weights.

    Args:
        source: the folder.
        config: its configuration.
        classes: the class of the net for each kind of configuration, one of transformers' mappings.
        options: for transformers' ``from_pretrained``.

    Raises:
        InputError: the weights are damaged or do not fit the configuration, or there is no such net.
    """
    if type(config) not in classes:
        raise InputError(f"{source.pinned}: transformers has no such net for model_type {config.model_type}")
    found = classes[type(config)]
    kind = found[0] if isinstance(found, tuple) else found
    if kind.config_class is config.sub_configs.get("text_config"):
        config = config.get_text_config()
    weights = _read(weight_files(source.folder, source.pinned), source)
    with reading(f"{source.pinned}: its weights with its config.json"), _no_larger_than(weights, source):
        net, report = kind.from_pretrained(
            None, config=config, state_dict=weights, dtype=torch.float32, output_loading_info=True, **options
        )
    net.name_or_path = net.config.name_or_path = str(source.folder)
    return net, report


def _read(files: list[Path], source: Source) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    for path in files:
        try:
            with safe_open(path, framework="pt") as file:
                weights.update({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 - no mapping
        except (SafetensorError, OSError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{source.pinned}: {path.name} is not a whole safetensors file ({str(error)[:200]}); fetch or save the "
                "model again"
            ) from error
    return weights


@contextmanager
def _no_larger_than(weights: Mapping[str, Tensor], source: Source) -> Iterator[None]:
    """Refuse to make a net far larger than ``weights``, before memory is taken for it.

    transformers makes the net without memory and then takes some for what the weights lack.

    Raises:
        InputError: in the block, as soon as the net becomes larger.
    """
    stored = sum(tensor.numel() for tensor in weights.values())
    most_values, most_tensors = 2 * stored + _SPARE_VALUES, 2 * len(weights) + _SPARE_TENSORS
    owner, values, tensors = threading.get_ident(), 0, 0

    def count(module: nn.Module, name: str, tensor: Tensor | None) -> None:
        nonlocal values, tensors
        if tensor is None or threading.get_ident() != owner:
            return
        values, tensors = values + tensor.numel(), tensors + 1
        if values > most_values or tensors > most_tensors:
            raise InputError(
                f"{source.pinned}: config.json describes a net of more than {values:,} values, and the weights have "
                f"{stored:,}; fetch or save the model again"
            )

    hooks = [register_module_parameter_registration_hook(count), register_module_buffer_registration_hook(count)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
