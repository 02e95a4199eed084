"""Load a model's configuration and tokenizer, fast or slow, and describe a tokenizer for a fingerprint."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedTokenizerBase

from nlptrain.errors import InputError, Setting
from nlptrain.models.architectures import architecture_class
from nlptrain.models.model_folder import library_errors
from nlptrain.models.pretrained import Source

SAFE_LENGTH = int(1e30)  # "no limit" in transformers

# A folder with a tokenizer has one of these; without any, transformers builds a tokenizer with an empty vocabulary.
TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "spm.model",
    "tokenizer.model",
)

# Settings of a slow tokenizer that do not change its subwords: where it was loaded from, padding, truncation.
_IRRELEVANT = (
    "added_tokens_decoder",
    "added_tokens_file",
    "add_prefix_space",
    "backend",
    "files_loaded",
    "is_local",
    "local_files_only",
    "max_length",
    "model_max_length",
    "name_or_path",
    "padding_side",
    "special_tokens_map_file",
    "tokenizer_file",
    "truncation_side",
)


def load_config(source: Source) -> PretrainedConfig:
    """Load the configuration of a model's folder.

    Raises:
        InputError: it cannot be read, or names an architecture that transformers does not know.
    """
    try:
        with library_errors(source.pinned, "config.json"):
            config: PretrainedConfig = AutoConfig.from_pretrained(source.folder, trust_remote_code=False)
    except ImportError as error:
        raise InputError(
            f"the model needs more packages ({' '.join(str(error).split())})", location=source.pinned
        ) from error
    return config


def load_tokenizer(source: Source, *, language: str | None = None) -> tuple[PreTrainedTokenizerBase, int]:
    """Load the tokenizer of a model's folder, and return it with the model's maximum length in subwords.

    Args:
        source: the folder.
        language: language of the data, for models that depend on it; stored by the tokenizer, and saved with it.

    Raises:
        InputError: there is no tokenizer, it needs a package that is not installed, or the model does not depend on
            the language.
    """
    if not any((source.folder / name).is_file() for name in TOKENIZER_FILES):
        raise InputError(
            f"no tokenizer in {source.folder}",
            location=source.pinned,
            expected=f"one of {', '.join(TOKENIZER_FILES)}",
            hint="copy the tokenizer of the pretrained model into the folder",
        )
    config = load_config(source)
    architecture = architecture_class(config)
    if language is not None and not architecture.needs_language:
        raise InputError(
            f"found {language!r}",
            location=Setting("language"),
            expected=f"none, since {config.model_type} models do not depend on the language",
        )
    options = {} if language is None else {"language": language}
    _check_readable(source)
    try:
        # Byte-level tokenizers (RoBERTa) need a space before each word.
        with library_errors(source.pinned, "the tokenizer"):
            tokenizer = AutoTokenizer.from_pretrained(
                source.folder, config=config, add_prefix_space=True, trust_remote_code=False, **options
            )
    except ImportError as error:
        raise _missing(source, " ".join(str(error).split())) from error
    with library_errors(source.pinned, "the maximum length in config.json or tokenizer_config.json"):
        max_subwords = int(getattr(config, "max_pieces", None) or architecture.window(config, tokenizer))
        positions = architecture.positions(config)
    if max_subwords < 1 or 0 < positions < max_subwords:
        raise InputError(
            f"config.json has max_pieces {max_subwords}",
            location=source.pinned,
            expected="1 or more" + (f", up to {positions}" if positions > 0 else ""),
        )
    return without_limits(tokenizer), max_subwords


def without_limits(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Return ``tokenizer`` without the truncation, padding and maximum length of its file."""
    if tokenizer.is_fast:
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = SAFE_LENGTH
    return tokenizer


def describe_tokenizer(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return all of ``tokenizer`` that decides the subwords of a word, as text: equal text, equal subwords."""
    if tokenizer.is_fast:
        backend = tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        text: str = backend.to_str()
        return text
    irrelevant = {*_IRRELEVANT, *tokenizer.vocab_files_names}
    settings = {name: value for name, value in tokenizer.init_kwargs.items() if name not in irrelevant}
    parts: dict[str, Any] = {
        "class": type(tokenizer).__name__,
        "pieces": tokenizer.get_vocab(),
        "special": tokenizer.special_tokens_map,
        "settings": settings,
        "files": _vocabulary_files(tokenizer),
    }
    return json.dumps(parts, sort_keys=True, default=str)


def _vocabulary_files(tokenizer: PreTrainedTokenizerBase) -> dict[str, str]:
    """Return the contents of a slow tokenizer's vocabulary files: subwords, merges, a SentencePiece model."""
    with TemporaryDirectory() as folder:
        tokenizer.save_vocabulary(folder)
        return {path.name: path.read_bytes().hex() for path in sorted(Path(folder).iterdir())}


def _check_readable(source: Source) -> None:
    """Raise if the packages for a SentencePiece model are missing: transformers would read it as another format."""
    if (source.folder / "tokenizer.json").is_file() or not any(source.folder.glob("*.model")):
        return
    needed = {"sentencepiece": "sentencepiece", "protobuf": "google.protobuf"}
    missing = [name for name, module in needed.items() if not _installed(module)]
    if missing:
        raise _missing(source, f"{' and '.join(missing)} not installed")


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # its parent package is missing
        return False


def _missing(source: Source, reason: str) -> InputError:
    return InputError(
        f"the tokenizer needs more packages ({reason})", location=source.pinned, hint="pip install 'nlptrain[slow]'"
    )
