"""A model's tokenizer, fast or slow: loaded from its folder, freed of its limits, and described for a fingerprint."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedTokenizerBase

from nlptrain.errors import InputError
from nlptrain.models.architectures import architecture_class
from nlptrain.models.model_folder import reading
from nlptrain.models.pretrained import Source

SAFE_LENGTH = int(1e30)  # transformers' own word for "no limit"

# What a folder with a tokenizer has at least one of; without any, transformers makes one that knows no piece.
TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "spm.model",
    "tokenizer.model",
)

# What a slow tokenizer is told that decides no piece: where it was loaded from, and how transformers would pad it.
_SILENT = (
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
    """The configuration of a model's folder.

    Raises:
        InputError: it cannot be read, or names an architecture that transformers does not know.
    """
    try:
        with reading(f"{source.pinned}: config.json"):
            config: PretrainedConfig = AutoConfig.from_pretrained(source.folder, trust_remote_code=False)
    except ImportError as error:
        raise InputError(f"{source.pinned}: its net needs more packages ({' '.join(str(error).split())})") from error
    return config


def load_tokenizer(source: Source, *, language: str | None = None) -> tuple[PreTrainedTokenizerBase, int]:
    """The tokenizer of a model's folder, with the number of pieces that the model reads at once.

    Args:
        source: the folder.
        language: what the data is written in, for models that must be told; kept by the tokenizer, saved with it.

    Raises:
        InputError: there is no tokenizer, it needs a package that is not installed, or the model takes no language.
    """
    if not any((source.folder / name).is_file() for name in TOKENIZER_FILES):
        raise InputError(
            f"{source.pinned}: no tokenizer in {source.folder} ({', '.join(TOKENIZER_FILES)}); save that of the model "
            "that it was fine-tuned from beside it"
        )
    config = load_config(source)
    architecture = architecture_class(config)
    if language is not None and not architecture.needs_language:
        raise InputError(f"language: found {language!r}; {config.model_type} models are not told one: leave it out")
    told = {} if language is None else {"language": language}
    _check_readable(source)
    try:
        # Byte-level tokenizers (RoBERTa) read the words of a sentence as words only with a space in front.
        with reading(f"{source.pinned}: its tokenizer"):
            tokenizer = AutoTokenizer.from_pretrained(
                source.folder, config=config, add_prefix_space=True, trust_remote_code=False, **told
            )
    except ImportError as error:
        raise _missing(source, " ".join(str(error).split())) from error
    with reading(f"{source.pinned}: the length in config.json or tokenizer_config.json"):
        max_pieces = int(getattr(config, "max_pieces", None) or architecture.window(config, tokenizer))
        positions = architecture.positions(config)
    if max_pieces < 1 or 0 < positions < max_pieces:
        raise InputError(
            f"{source.pinned}: config.json has max_pieces {max_pieces}; must be 1 or more"
            + (f", up to {positions}" if positions > 0 else "")
        )
    return without_limits(tokenizer), max_pieces


def without_limits(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """``tokenizer`` without the truncation and padding that its file carries."""
    if tokenizer.is_fast:
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = SAFE_LENGTH
    return tokenizer


def described(tokenizer: PreTrainedTokenizerBase) -> str:
    """All of ``tokenizer`` that decides what pieces a word becomes, as text: equal text, equal pieces."""
    if tokenizer.is_fast:
        backend = tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        whole: str = backend.to_str()
        return whole
    silent = {*_SILENT, *tokenizer.vocab_files_names}
    settings = {name: value for name, value in tokenizer.init_kwargs.items() if name not in silent}
    parts: dict[str, Any] = {
        "class": type(tokenizer).__name__,
        "pieces": tokenizer.get_vocab(),
        "special": tokenizer.special_tokens_map,
        "settings": settings,
        "files": _vocabulary_files(tokenizer),
    }
    return json.dumps(parts, sort_keys=True, default=str)


def _vocabulary_files(tokenizer: PreTrainedTokenizerBase) -> dict[str, str]:
    """What a slow tokenizer writes as its vocabulary: pieces, merges, a SentencePiece model."""
    with TemporaryDirectory() as folder:
        tokenizer.save_vocabulary(folder)
        return {path.name: path.read_bytes().hex() for path in sorted(Path(folder).iterdir())}


def _check_readable(source: Source) -> None:
    """Refuse a SentencePiece model that nothing installed can read: transformers would take it for another format."""
    if (source.folder / "tokenizer.json").is_file() or not any(source.folder.glob("*.model")):
        return
    needed = {"sentencepiece": "sentencepiece", "protobuf": "google.protobuf"}
    missing = [name for name, module in needed.items() if not _installed(module)]
    if missing:
        raise _missing(source, f"{' and '.join(missing)} not installed")


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # the package around it is not there
        return False


def _missing(source: Source, reason: str) -> InputError:
    return InputError(f"{source.pinned}: its tokenizer needs more packages ({reason}): pip install 'nlptrain[slow]'")
