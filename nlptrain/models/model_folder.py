"""A model's folder: checks before a library reads it, since its files decide what is loaded and run; replacing it.

Loading a folder runs no code of the folder and reads no pickle, whatever its files are called. What transformers would
load in addition to weights in safetensors (adapters, kernels, quantization, classes of the repository) is refused.
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
_MOST_LAYERS = 10_000  # models have far fewer; some configurations build a list of this length
_MESSAGE_LENGTH = 200
_FETCH = "fetch or save the model again"

# Keys that make transformers load something else, and what to do about them.
_EXTENSIONS = {
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
# Keys that select an implementation; other values load one from another package or from the Hub.
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
        reference: its name in messages.

    Raises:
        InputError: one is damaged, or would make transformers load more than weights in safetensors.
    """
    config = read_object(folder / CONFIG)
    _check_keys(config, reference, CONFIG)
    _check_code(config, reference)
    _check_labels(config, reference)
    if (folder / ADAPTER).exists():
        raise InputError(
            f"{ADAPTER} describes an adapter, which is not loaded",
            location=reference,
            hint="merge it into the model (merge_and_unload of peft), and save that",
        )
    tokenizer: dict[str, Any] = {}
    if (folder / TOKENIZER_CONFIG).exists():
        tokenizer = read_object(folder / TOKENIZER_CONFIG)
        _check_keys(tokenizer, reference, TOKENIZER_CONFIG)
    _check_tokenizer_class(config.get("tokenizer_class"), reference, CONFIG)
    _check_tokenizer_class(tokenizer.get("tokenizer_class"), reference, TOKENIZER_CONFIG)


def weight_files(folder: Path, reference: str) -> list[Path]:
    """Return the files with the weights of the model in ``folder``, without reading them; empty if it has none.

    Raises:
        InputError: the index names a file that is not a safetensors file of the folder.
    """
    if (folder / WEIGHTS).exists():
        names = [WEIGHTS]
    elif (folder / INDEX).exists():
        shards = read_object(folder / INDEX).get("weight_map")
        if not isinstance(shards, dict) or not shards:
            raise InputError(f"{INDEX} has no weight_map", location=reference, hint=_FETCH)
        for name in shards.values():
            if not isinstance(name, str) or _SHARD.fullmatch(name) is None:
                raise InputError(
                    f"{INDEX} names {str(name)[:60]!r}",
                    location=reference,
                    expected="safetensors files of the folder, since no others are loaded",
                    hint="save the model again as safetensors, where you trust it",
                )
        names = sorted(set(shards.values()))
    else:
        return []
    if absent := [name for name in names if not (folder / name).is_file()]:
        raise InputError(f"{absent[0]} is missing or not a file in {folder}", location=reference, hint=_FETCH)
    return [folder / name for name in names]


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        InputError: it cannot be read, is too large, or holds something else.
    """
    try:
        if not path.is_file():
            raise InputError("is not a file", location=str(path), hint="fetch the model again")
        if (size := path.stat().st_size) > _MOST_BYTES:
            raise InputError(
                f"has {size:,} bytes, too many for a configuration", location=str(path), hint="fetch the model again"
            )
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", location=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not JSON ({_short(error)})", location=str(path), hint="fetch the model again") from error
    if not isinstance(content, dict):
        raise InputError(
            f"found {type(content).__name__}",
            location=str(path),
            expected="a JSON object",
            hint="fetch the model again",
        )
    return content


@contextmanager
def library_errors(location: str, part: str) -> Iterator[None]:
    """Turn the errors of a library that reads ``part`` of the model ``location`` into an ``InputError``.

    Damaged files cause errors of every kind, so all kinds are caught, including panics of Rust code, except
    ``ImportError``, since a missing package is reported elsewhere, and ``MemoryError``.
    """
    try:
        yield
    except (InputError, ImportError, MemoryError):
        raise
    except Exception as error:
        raise _unreadable(location, part, error) from error
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise _unreadable(location, part, error) from error


def _unreadable(location: str, part: str, error: BaseException) -> InputError:
    return InputError(f"{part} cannot be read ({_short(error)})", location=location, hint=_FETCH)


def _short(error: BaseException) -> str:
    """Return the type and the first line of ``error``."""
    lines = str(error).strip().splitlines() or [""]
    text = "".join(letter if letter.isprintable() else " " for letter in lines[0])
    text = text if len(text) <= _MESSAGE_LENGTH else text[:_MESSAGE_LENGTH] + "..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _entries(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Yield every key of ``value`` with its value, at all depths."""
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
        if key in _EXTENSIONS and value:
            raise InputError(f"{file} has {key}, which is not loaded", location=reference, hint=_EXTENSIONS[key])
        allowed = _IMPLEMENTATIONS.get(key)
        if allowed is not None and value is not None and value not in allowed:
            raise InputError(
                f"{file} has {key} {json.dumps(value)[:60]}",
                location=reference,
                expected=f"one of {', '.join(allowed)}",
                hint="remove the key",
            )
        if type(value) is int and ("layer" in key or "block" in key) and value > _MOST_LAYERS:
            raise InputError(f"{file} has {key} {value:.6g}", location=reference, expected=f"at most {_MOST_LAYERS:,}")


def _check_code(config: dict[str, Any], reference: str) -> None:
    """Raise if the model's class is code of its repository, and transformers has no class for it."""
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise InputError(
            f"{CONFIG} has model_type {json.dumps(kind)[:60]}",
            location=reference,
            expected="one that transformers knows, e.g. bert",
        )
    if config.get("auto_map") and kind not in transformers.CONFIG_MAPPING:
        raise InputError(
            f"{CONFIG} has auto_map, which names code of its repository, and that is not run",
            location=reference,
            expected=f"a model_type that transformers knows (found {kind[:60]!r})",
        )


def _check_labels(config: dict[str, Any], reference: str) -> None:
    count, names = config.get("num_labels"), config.get("id2label")
    if count is not None and (type(count) is not int or not 0 <= count <= _MOST_LABELS):
        raise InputError(
            f"{CONFIG} has num_labels {json.dumps(count)[:60]}",
            location=reference,
            expected=f"an integer up to {_MOST_LABELS:,}",
        )
    if names is not None and (not isinstance(names, dict) or len(names) > _MOST_LABELS):
        raise InputError(
            f"{CONFIG} has no valid id2label",
            location=reference,
            expected=f"a map of at most {_MOST_LABELS:,} ids to names",
        )


def _check_tokenizer_class(name: Any, reference: str, file: str) -> None:  # noqa: ANN401
    """Raise if ``tokenizer_class`` is a class of transformers that is not a tokenizer: it would load other things.

    For a name that it does not know, transformers uses its general tokenizer class.
    """
    if name is None:
        return
    if isinstance(name, str):
        bare = name.removesuffix("Fast")
        classes = [getattr(transformers, class_name, None) for class_name in (name, bare, f"{bare}Fast")]
        if all(value is None or _is_tokenizer(value) for value in classes):
            return
    raise InputError(
        f"{file} has tokenizer_class {json.dumps(name)[:60]}",
        location=reference,
        expected="a tokenizer of transformers",
        hint="save the tokenizer again",
    )


def _is_tokenizer(value: object) -> bool:
    """Return whether ``value`` is a tokenizer class, or the placeholder of one whose packages are missing."""
    if not isinstance(value, type):
        return False
    missing = getattr(value, "is_dummy", False) and value.__name__.endswith(("Tokenizer", "TokenizerFast", "Backend"))
    return issubclass(value, PreTrainedTokenizerBase) or bool(missing)


# Files that belong to a saved model, and are removed with it when another model replaces it.
_MODEL_FILE = re.compile(
    r".*\.safetensors(\.index\.json)?|(generation_|tokenizer_)?config\.json|tokenizer\.json|vocab\..*|merges\.txt"
    r"|(special_tokens_map|added_tokens|words|word_splitter)\.json|.*\.model|chat_template\..*"
)


@contextmanager
def replace_model_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces ``folder`` at the end, with its files that do not belong to a model.

    Raises:
        InputError: ``folder`` is a file or does not hold a model, or the weights cannot be written.
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
    """Return the files of ``folder`` that do not belong to a model.

    Raises:
        InputError: ``folder`` is a file, or does not hold a model.
    """
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise InputError("is a file", location=str(folder), expected="a folder to save the model in")
    if folder.resolve() == Path.cwd():
        raise InputError(
            "is the working directory, which cannot be replaced", location=str(folder), hint="name another folder"
        )
    paths = list(folder.iterdir())
    if paths and not (folder / "config.json").is_file():
        names = ", ".join(sorted(path.name for path in paths)[:3])
        raise InputError(
            f"holds {names}, and no model",
            location=str(folder),
            hint="name a new or an empty folder to save the model in",
        )
    return [path for path in paths if _MODEL_FILE.fullmatch(path.name) is None]
