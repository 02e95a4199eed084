"""Where a model comes from: a folder, a run's folder, a folder inside an installed package, or the Hub."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)
from transformers import PretrainedConfig, PreTrainedModel

from nlptrain.errors import InputError
from nlptrain.models.model_folder import INDEX, WEIGHTS, check_model_folder, reading, weight_files
from nlptrain.run.checksums import verify_files
from nlptrain.run.seeds import seed_folders
from nlptrain.suggestions import suggest_path
from nlptrain_runtime.folder import DESCRIPTION

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_SHOWN = 5  # models that a folder holds
_WANTED = ["*.json", "*.txt", "*.model", "*.safetensors", "*.safetensors.index.json"]


@dataclass(frozen=True)
class Source:
    """A model's folder on this disk, and the name that finds the same bytes again (a Hub name with its commit)."""

    folder: Path
    pinned: str


def resolve(reference: str | Path) -> Source:
    """The folder that ``reference`` names, fetched from the Hub if need be.

    Args:
        reference: a folder (a run's counts for the ``model`` in it), ``package:NAME/folder``, ``OWNER/NAME`` or
            ``OWNER/NAME@REVISION``.

    Raises:
        InputError: nothing is there, or what is there is damaged, has no weights in safetensors, or would make
            transformers load more than these.
    """
    reference = os.fspath(reference)
    if reference.startswith("package:"):
        return Source(_with_weights(_in_package(reference), reference), reference)
    folder = Path(os.path.expanduser(reference))
    if folder.is_dir():
        verify_files(folder, "model/")
        inner = folder / "model"
        return Source(_with_weights(inner if (inner / "config.json").is_file() else folder, reference), reference)
    if _HUB_NAME.fullmatch(reference) is None or reference.startswith("."):
        raise InputError(f"{reference}: there is no such folder; name a model's folder or a finished run's")
    return _from_hub(reference)


def _in_package(reference: str) -> Path:
    name, _, inner = reference.removeprefix("package:").partition("/")
    try:
        spec = find_spec(name) if re.fullmatch(r"\w+", name) else None
    except ValueError:  # of __main__
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"{reference}: no package {name!r} is installed; pip install {name.replace('_', '-')}")
    folder = Path(spec.submodule_search_locations[0], inner)
    if not folder.is_dir():
        raise InputError(f"{reference}: the package {name!r} has no folder {inner!r}")
    return folder


def _from_hub(reference: str) -> Source:
    name, _, revision = reference.partition("@")
    try:
        folder = Path(snapshot_download(name, revision=revision or None, allow_patterns=_WANTED))
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, HFValidationError, OSError) as error:
        if meant := suggest_path(Path(reference)):
            raise InputError(f"{reference}: neither a folder here nor a model that the Hub gives{meant}") from error
        reason = str(error).strip().split("\n")[0]
        raise InputError(
            f"{reference}: neither a folder here nor a model that the Hub gives ({reason}); name a folder that exists, "
            "or fetch it where there is a network: hf download " + name
        ) from error
    return Source(_with_weights(folder, reference), f"{name}@{folder.name}")


def _is_model(folder: Path) -> bool:
    try:
        return any((folder / name).is_file() for name in ("config.json", "model/config.json"))
    except OSError:  # it may not be looked into
        return False


def _with_weights(folder: Path, reference: str) -> Path:
    """``folder`` if it holds a model in safetensors: a pickle runs code as it is read."""
    if not (folder / "config.json").is_file():
        if seeds := seed_folders(folder):
            raise InputError(f"{reference}: holds a run for each seed; name one of them: {', '.join(map(str, seeds))}")
        if (folder / "config.yaml").is_file():
            raise InputError(f"{reference}: this run has not finished; give its command again to go on")
        if inside := [one.name for one in sorted(folder.iterdir()) if _is_model(one)]:
            local = reference.startswith("package:") or Path(os.path.expanduser(reference)).is_dir()
            names = ", ".join(f"{reference.rstrip('/') if local else folder}/{name}" for name in inside[:_SHOWN])
            raise InputError(f"{reference}: no config.json in {folder}, but there are models in it; name one: {names}")
        raise InputError(f"{reference}: no config.json in {folder}; name a folder in Hugging Face's layout")
    if weight_files(folder, reference):
        check_model_folder(folder, reference)
        return folder
    if any(folder.glob("pytorch_model*.bin")):
        raise InputError(
            f"{reference}: its weights are a pickle, which runs code as it is read; only safetensors are loaded. "
            f'Convert it where you trust it: python -c "from transformers import AutoModelForTokenClassification as M; '
            f"M.from_pretrained('{folder}').save_pretrained('{folder}')\""
        )
    if (folder / DESCRIPTION).is_file():
        raise InputError(
            f"{reference}: is an exported tagger, which nlptrain-tag and nlptrain evaluate read; name the run's folder"
        )
    raise InputError(f"{reference}: no {WEIGHTS} and no {INDEX} in {folder}; fetch or save the model again")


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
