"""Checks of a model's folder before a library reads it, since its files decide what a library loads and runs.

Loading a folder runs no code of its own and reads no pickle, whatever its files are called. What transformers would
load beyond weights in safetensors (adapters, kernels, quantization, classes of the repository) is refused by name.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import transformers
from transformers import PreTrainedTokenizerBase

from nlptrain.atomic_files import whole_folder
from nlptrain.errors import InputError

CONFIG, TOKENIZER_CONFIG, ADAPTER = "config.json", "tokenizer_config.json", "adapter_config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_SHARD = re.compile(r"[\w-][\w.-]*\.safetensors")
_MOST_BYTES = 64 * 2**20  # of a configuration
_MOST_LABELS = 100_000
_MOST_LAYERS = 10_000  # a net has far fewer, and some configurations make a list of so many
_MESSAGE_LENGTH = 200

# Keys that make transformers load something else, and what would be right.
_PLUG_INS = {
    "quantization_config": "dequantize the model and save it again",
    "compression_config": "dequantize the model and save it again",
    "kernel_config": "remove the key",
    "use_kernels": "remove the key",
    "fusion_config": "remove the key",
    "transformers_weights": "name the weights model.safetensors and remove the key",
    "configuration_files": "remove the key",
    "init_inputs": "remove the key",
    "sudachi_config_path": "remove the key",
    "sudachi_resource_dir": "remove the key",
    "mecab_option": "remove the key",
}
# Keys that name an implementation; others than these come from other packages or from the Hub.
_IMPLEMENTATIONS = {
    "attn_implementation": ("eager", "sdpa"),
    "_attn_implementation": ("eager", "sdpa"),
    "experts_implementation": ("eager", "batched_mm", "grouped_mm"),
    "_experts_implementation": ("eager", "batched_mm", "grouped_mm"),
}


def check_model_folder(folder: Path, reference: str) -> None:
    """Check the configurations of a model's folder.

    Args:
        folder: holds a ``config.json``.
        reference: what messages call it.

    Raises:
        InputError: one is damaged, or would make transformers load anything but weights in safetensors.
    """
    config = read_object(folder / CONFIG)
    _check_keys(config, reference, CONFIG)
    _check_code(config, reference)
    _check_labels(config, reference)
    if (folder / ADAPTER).exists():
        raise InputError(
            f"{reference}: {ADAPTER} names an adapter, which is not loaded; merge it into the model "
            "(merge_and_unload of peft) and save that"
        )
    tokenizer: dict[str, Any] = {}
    if (folder / TOKENIZER_CONFIG).exists():
        tokenizer = read_object(folder / TOKENIZER_CONFIG)
        _check_keys(tokenizer, reference, TOKENIZER_CONFIG)
    _check_tokenizer_class(config.get("tokenizer_class"), reference, CONFIG)
    _check_tokenizer_class(tokenizer.get("tokenizer_class"), reference, TOKENIZER_CONFIG)


def weight_files(folder: Path, reference: str) -> list[Path]:
    """The files that hold the weights of the model in ``folder``, none of them read; empty if it has none.

    Raises:
        InputError: the index names anything but safetensors files of the folder.
    """
    if (folder / WEIGHTS).exists():
        names = [WEIGHTS]
    elif (folder / INDEX).exists():
        shards = read_object(folder / INDEX).get("weight_map")
        if not isinstance(shards, dict) or not shards:
            raise InputError(f"{reference}: {INDEX} has no weight_map; fetch or save the model again")
        for name in shards.values():
            if not isinstance(name, str) or _SHARD.fullmatch(name) is None:
                raise InputError(
                    f"{reference}: {INDEX} names {str(name)[:60]!r}; only safetensors files next to it are loaded: "
                    "save the model again as safetensors where you trust it"
                )
        names = sorted(set(shards.values()))
    else:
        return []
    if absent := [name for name in names if not (folder / name).is_file()]:
        raise InputError(f"{reference}: {absent[0]} is missing or no file in {folder}; fetch or save the model again")
    return [folder / name for name in names]


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        InputError: it cannot be read, is too large, or holds something else.
    """
    try:
        if not path.is_file():
            raise InputError(f"{path}: is not a file; fetch the model again")
        if (size := path.stat().st_size) > _MOST_BYTES:
            raise InputError(f"{path}: has {size:,} bytes, too many for a configuration; fetch the model again")
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({_short(error)}); fetch the model again") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: found {type(found).__name__}; must be a JSON object: fetch the model again")
    return found


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn the errors of a library that reads ``what`` into an ``InputError``; a missing package stays as it is.

    Libraries answer damaged files with errors of every kind, so all kinds are caught, a panic of Rust code included.
    """
    try:
        yield
    except (InputError, ImportError, MemoryError):
        raise
    except Exception as error:
        raise _unreadable(what, error) from error
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise _unreadable(what, error) from error


def _unreadable(what: str, error: BaseException) -> InputError:
    return InputError(f"{what}: cannot be read ({_short(error)}); fetch or save the model again")


def _short(error: BaseException) -> str:
    """The kind and the first line of ``error``."""
    lines = str(error).strip().splitlines() or [""]
    text = "".join(letter if letter.isprintable() else " " for letter in lines[0])
    text = text if len(text) <= _MESSAGE_LENGTH else text[:_MESSAGE_LENGTH] + "..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _entries(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Every key of ``value`` with its value, at all depths."""
    open_values = [value]
    while open_values:
        inner = open_values.pop()
        if isinstance(inner, dict):
            yield from inner.items()
            open_values += inner.values()
        elif isinstance(inner, list):
            open_values += inner


def _check_keys(values: dict[str, Any], reference: str, file: str) -> None:
    for key, value in _entries(values):
        if key in _PLUG_INS and value:
            raise InputError(f"{reference}: {file} has {key}, which is not loaded; {_PLUG_INS[key]}")
        allowed = _IMPLEMENTATIONS.get(key)
        if allowed is not None and value is not None and value not in allowed:
            raise InputError(
                f"{reference}: {file} has {key} {json.dumps(value)[:60]}; must be one of {', '.join(allowed)}: remove "
                "the key"
            )
        if type(value) is int and ("layer" in key or "block" in key) and value > _MOST_LAYERS:
            raise InputError(f"{reference}: {file} has {key} {value:.6g}; no net has more than {_MOST_LAYERS:,}")


def _check_code(config: dict[str, Any], reference: str) -> None:
    """Refuse a model whose class is code of its repository; transformers' own classes are used where it has some."""
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise InputError(
            f"{reference}: {CONFIG} has {json.dumps(kind)[:60]} as model_type; must be one that transformers knows, "
            "e.g. bert"
        )
    if config.get("auto_map") and kind not in transformers.CONFIG_MAPPING:
        raise InputError(
            f"{reference}: {CONFIG} has auto_map, which names code of its repository; it is not run. Use a model whose "
            f"model_type transformers knows (found {kind[:60]!r})"
        )


def _check_labels(config: dict[str, Any], reference: str) -> None:
    count, names = config.get("num_labels"), config.get("id2label")
    if count is not None and (type(count) is not int or not 0 <= count <= _MOST_LABELS):
        raise InputError(
            f"{reference}: {CONFIG} has num_labels {json.dumps(count)[:60]}; must be a whole number up to "
            f"{_MOST_LABELS:,}"
        )
    if names is not None and (not isinstance(names, dict) or len(names) > _MOST_LABELS):
        raise InputError(f"{reference}: {CONFIG} has no map of at most {_MOST_LABELS:,} numbers to names as id2label")


def _check_tokenizer_class(name: Any, reference: str, file: str) -> None:  # noqa: ANN401
    """Refuse a ``tokenizer_class`` that is another class of transformers, which would load or run other things.

    A name that transformers does not know stands for its general tokenizer.
    """
    if name is None:
        return
    if isinstance(name, str):
        bare = name.removesuffix("Fast")
        classes = [getattr(transformers, one, None) for one in (name, bare, f"{bare}Fast")]
        if all(one is None or _is_tokenizer(one) for one in classes):
            return
    raise InputError(
        f"{reference}: {file} has {json.dumps(name)[:60]} as tokenizer_class, which is no tokenizer of transformers; "
        "save the tokenizer again"
    )


def _is_tokenizer(value: object) -> bool:
    """Whether ``value`` is a tokenizer's class, or what stands for one whose packages are missing."""
    if not isinstance(value, type):
        return False
    missing = getattr(value, "is_dummy", False) and value.__name__.endswith(("Tokenizer", "TokenizerFast", "Backend"))
    return issubclass(value, PreTrainedTokenizerBase) or bool(missing)


# Files that belong to a saved model, and go with it when another one takes its place.
_OF_A_MODEL = re.compile(
    r".*\.safetensors(\.index\.json)?|(generation_|tokenizer_)?config\.json|tokenizer\.json|vocab\..*|merges\.txt"
    r"|(special_tokens_map|added_tokens|words|word_splitter)\.json|.*\.model|chat_template\..*"
)


@contextmanager
def replace_model_folder(folder: Path) -> Iterator[Path]:
    """A ``whole_folder`` for a model, in which files that are no part of a model (a README, say) are kept.

    Raises:
        InputError: ``folder`` is a file or holds something else than a model, or the weights cannot be written.
    """
    kept = _other_files(folder)
    with whole_folder(folder.resolve()) as part:
        yield part
        for path in kept:
            target = part / path.name
            if path.is_dir() and not path.is_symlink():
                shutil.copytree(path, target, symlinks=True)
            elif not target.exists():
                shutil.copy2(path, target, follow_symlinks=False)


def _other_files(folder: Path) -> list[Path]:
    """What ``folder`` holds besides a model.

    Raises:
        InputError: it is a file, or holds no model.
    """
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder to save the model in")
    if folder.resolve() == Path.cwd():
        raise InputError(f"{folder}: is the working folder, which cannot be replaced; name another one")
    found = list(folder.iterdir())
    if found and not (folder / "config.json").is_file():
        names = ", ".join(sorted(path.name for path in found)[:3])
        raise InputError(f"{folder}: holds {names}, and no model; name a new or an empty folder to save the model in")
    return [path for path in found if _OF_A_MODEL.fullmatch(path.name) is None]
