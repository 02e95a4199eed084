"""Find a model (a folder, a run's folder, a folder of an installed package, or the Hub), and load its weights.

transformers gets the tensors and never the folder: it would follow an index to a pickle, an adapter to another model,
or a file's name to another format.
"""

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

from nlptrain.errors import InputError, path_suggestion
from nlptrain.models.model_folder import INDEX, WEIGHTS, check_model_folder, library_errors, weight_files
from nlptrain.run.checksums import verify_files
from nlptrain.run.seeds import seed_folders
from nlptrain_runtime.folder import DESCRIPTION

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_SHOWN = 5  # models of a folder in a message
_DOWNLOADED = ["*.json", "*.txt", "*.model", "*.safetensors", "*.safetensors.index.json"]


@dataclass(frozen=True)
class Source:
    """A model's folder on this disk, and a name for exactly these files (a Hub name with its commit)."""

    folder: Path
    pinned: str


def resolve_model(reference: str | Path) -> Source:
    """Find the folder that ``reference`` names, and download it from the Hub if necessary.

    Args:
        reference: a folder (of a run: the ``model`` in it), ``package:NAME/folder``, ``OWNER/NAME`` or
            ``OWNER/NAME@REVISION``.

    Raises:
        InputError: there is no such model, or it is damaged, has no weights in safetensors, or would make transformers
            load more than these.
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
        raise InputError(
            "there is no such folder", location=reference, expected="the folder of a model or of a finished run"
        )
    return _from_hub(reference)


def _in_package(reference: str) -> Path:
    name, _, inner = reference.removeprefix("package:").partition("/")
    try:
        spec = find_spec(name) if re.fullmatch(r"\w+", name) else None
    except ValueError:  # of __main__
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            f"no package {name!r} is installed", location=reference, hint=f"pip install {name.replace('_', '-')}"
        )
    folder = Path(spec.submodule_search_locations[0], inner)
    if not folder.is_dir():
        raise InputError(f"the package {name!r} has no folder {inner!r}", location=reference)
    return folder


def _from_hub(reference: str) -> Source:
    name, _, revision = reference.partition("@")
    try:
        folder = Path(snapshot_download(name, revision=revision or None, allow_patterns=_DOWNLOADED))
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, HFValidationError, OSError) as error:
        if similar := path_suggestion(Path(reference)):
            raise InputError("neither a folder nor a model of the Hub", location=reference, hint=similar) from error
        reason = str(error).strip().split("\n")[0]
        raise InputError(
            f"neither a folder nor a model of the Hub ({reason})",
            location=reference,
            hint=f"name a folder that exists, or download the model with a network connection: hf download {name}",
        ) from error
    return Source(_with_weights(folder, reference), f"{name}@{folder.name}")


def _is_model(folder: Path) -> bool:
    try:
        return any((folder / name).is_file() for name in ("config.json", "model/config.json"))
    except OSError:  # no permission
        return False


def _with_weights(folder: Path, reference: str) -> Path:
    """Return ``folder`` if it holds a model in safetensors: reading a pickle runs code."""
    if not (folder / "config.json").is_file():
        if seeds := seed_folders(folder):
            raise InputError(
                "holds a run per seed", location=reference, hint=f"name one of them: {', '.join(map(str, seeds))}"
            )
        if (folder / "config.yaml").is_file():
            raise InputError("this run is not finished", location=reference, hint="run its command again to resume it")
        if inside := [path.name for path in sorted(folder.iterdir()) if _is_model(path)]:
            local = reference.startswith("package:") or Path(os.path.expanduser(reference)).is_dir()
            names = ", ".join(f"{reference.rstrip('/') if local else folder}/{name}" for name in inside[:_SHOWN])
            raise InputError(
                f"no config.json in {folder}, but it has models", location=reference, hint=f"name one of them: {names}"
            )
        raise InputError(f"no config.json in {folder}", location=reference, expected="a Hugging Face model folder")
    if weight_files(folder, reference):
        check_model_folder(folder, reference)
        return folder
    if any(folder.glob("pytorch_model*.bin")):
        raise InputError(
            "the weights are a pickle, which can run code; only safetensors are loaded",
            location=reference,
            hint=f'convert it, if you trust it: python -c "from transformers import AutoModelForTokenClassification as '
            f"M; M.from_pretrained('{folder}').save_pretrained('{folder}')\"",
        )
    if (folder / DESCRIPTION).is_file():
        raise InputError(
            "is an exported tagger, which only nlptrain-tag and nlptrain evaluate read",
            location=reference,
            expected="the folder of a run",
        )
    raise InputError(
        f"no {WEIGHTS} and no {INDEX} in {folder}", location=reference, hint="fetch or save the model again"
    )


# What a model may have in addition to its saved weights: a new head, tied tables, poolers.
_SPARE_VALUES, _SPARE_TENSORS = 2**24, 500


def load_net(
    source: Source, config: PretrainedConfig, classes: Mapping[type[PretrainedConfig], Any], **options: bool
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """Load the model of a folder in float32, and return it with transformers' report of missing weights.

    Args:
        source: the folder.
        config: its configuration.
        classes: model class by type of configuration, one of transformers' mappings.
        options: for transformers' ``from_pretrained``.

    Raises:
        InputError: the weights are damaged or do not match the configuration, or there is no such model class.
    """
    if type(config) not in classes:
        raise InputError(
            f"transformers has no such model class for model_type {config.model_type}", location=source.pinned
        )
    mapped = classes[type(config)]
    kind = mapped[0] if isinstance(mapped, tuple) else mapped
    if kind.config_class is config.sub_configs.get("text_config"):
        config = config.get_text_config()
    weights = _read(weight_files(source.folder, source.pinned), source)
    with library_errors(source.pinned, "the weights with config.json"), _no_larger_than(weights, source):
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
                f"{path.name} is not a complete safetensors file ({str(error)[:200]})",
                location=source.pinned,
                hint="fetch or save the model again",
            ) from error
    return weights


@contextmanager
def _no_larger_than(weights: Mapping[str, Tensor], source: Source) -> Iterator[None]:
    """Refuse to build a model that is far larger than ``weights``, before memory is allocated.

    transformers builds the model without memory, and then allocates what is missing from the weights.

    Raises:
        InputError: within the block, as soon as the model is too large.
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
                f"config.json describes a model of more than {values:,} parameters, and the weights have {stored:,}",
                location=source.pinned,
                hint="fetch or save the model again",
            )

    hooks = [register_module_parameter_registration_hook(count), register_module_buffer_registration_hook(count)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
