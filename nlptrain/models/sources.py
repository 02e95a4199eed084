"""Where a model comes from: a folder, a run's folder, a folder inside an installed package, or the Hub."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

from nlptrain.errors import InputError
from nlptrain.models.folder_checks import INDEX, WEIGHTS, check_model_folder, weight_files
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
