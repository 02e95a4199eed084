"""Load a model's configuration and tokenizer, describe a tokenizer for a fingerprint, and add cased subwords to it.

An uncased tokenizer (BERT's WordPiece) encodes ``Ada``, ``ADA`` and ``ada`` as the same subword, although capitals are
the best sign of a name. The student's tokenizer gets a subword for each of these casings. They share a row of the
embedding table, plus a row per casing, so that ``input_ids`` are still the only input.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from nlptrain.errors import InputError, Setting
from nlptrain.models.architectures import architecture_class
from nlptrain.models.model_folder import library_errors
from nlptrain.models.pretrained import Source

CASINGS = 4  # unchanged, first letter upper case, ALL UPPER CASE, one letter in upper case
_INITIAL, _ALL, _LETTER = 1, 2, 3
_PROCESS = os.getpid()  # another one after a fork
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


@contextmanager
def threaded_tokenizers(threads: int) -> Iterator[None]:
    """Let fast tokenizers encode a batch in several threads; otherwise one is faster, as most calls have few words.

    A forked process uses one, as the threads of its parent do not exist in it.

    Args:
        threads: at most; the first call of a process with several decides for all that follow.
    """
    values = {"TOKENIZERS_PARALLELISM": "false"}
    if threads > 1 and os.getpid() == _PROCESS:
        values = {"TOKENIZERS_PARALLELISM": "true", "RAYON_NUM_THREADS": str(threads)}
    saved = {name: os.environ.get(name) for name in values}
    if saved.get("RAYON_NUM_THREADS"):
        del values["RAYON_NUM_THREADS"]
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in saved.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


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
    missing = [name for name, module in needed.items() if not _is_installed(module)]
    if missing:
        raise _missing(source, f"{' and '.join(missing)} not installed")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # its parent package is missing
        return False


def _missing(source: Source, reason: str) -> InputError:
    return InputError(
        f"the tokenizer needs more packages ({reason})", location=source.pinned, hint="pip install 'nlptrain[slow]'"
    )


@dataclass(frozen=True)
class CasedTokenizer:
    """A tokenizer that keeps upper case.

    Attributes:
        tokenizer: its first subwords are those of the uncased tokenizer, with the same ids.
        uncased_ids: for each of its subwords, the id of the uncased subword.
        casings: the casing of each subword, 0 to ``CASINGS - 1``.
    """

    tokenizer: PreTrainedTokenizerBase
    uncased_ids: list[int]
    casings: list[int]


def add_cased_subwords(tokenizer: PreTrainedTokenizerBase) -> CasedTokenizer | None:
    """Return ``tokenizer`` with its subwords in upper case, too; None if it is not a WordPiece that lowercases.

    Text in lower case is encoded as before, and nearly all other text, too; words of mixed case (``iPhone``) are split
    where the case changes.
    """
    if not tokenizer.is_fast:
        return None
    without_limits(tokenizer)
    whole = json.loads(tokenizer.backend_tokenizer.to_str())
    normalizer, model = whole["normalizer"] or {}, whole["model"]
    if not (normalizer.get("type") == "BertNormalizer" and normalizer["lowercase"] and model["type"] == "WordPiece"):
        return None
    whole["normalizer"] = _keeping_case(normalizer)
    vocabulary: dict[str, int] = model["vocab"]
    added = {token["content"]: token for token in whole["added_tokens"]}
    for name, token in added.items():
        vocabulary.setdefault(name, token["id"])  # otherwise it would get a new id on loading
    uncased_ids = list(range(max(vocabulary.values()) + 1))
    casings = [0] * len(uncased_ids)
    for subword, subword_id in sorted(vocabulary.items(), key=lambda pair: pair[1]):
        if subword in added and not added[subword]["normalized"]:
            continue
        lower = subword.lower() if subword in added else subword  # added tokens are matched in lowercased text
        for cased_form, casing in [(lower, 0), *_cased_forms(lower, model["continuing_subword_prefix"])]:
            if cased_form not in vocabulary:
                vocabulary[cased_form] = len(uncased_ids)
                uncased_ids.append(subword_id)
                casings.append(casing)
    special = dict(tokenizer.special_tokens_map)
    cased = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(whole)), **special)
    return CasedTokenizer(without_limits(cased), uncased_ids, casings)


def _keeping_case(normalizer: dict[str, Any]) -> dict[str, Any]:
    """Return BERT's ``normalizer`` without lowercasing."""
    stripped = normalizer["strip_accents"]
    kept = {**normalizer, "lowercase": False, "strip_accents": True if stripped is None else stripped}
    if kept["strip_accents"]:  # by default, lowercasing also strips accents
        return kept
    # The only letter with two characters in lower case: it is replaced by I and a combining dot above.
    dotted = {"type": "Replace", "pattern": {"String": "\u0130"}, "content": "I\u0307"}
    return {"type": "Sequence", "normalizers": [dotted, kept]}


def _cased_forms(subword: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield ``subword`` in upper case with the casings; only forms that are ``subword`` again in lower case."""
    head = prefix if subword.startswith(prefix) else ""
    body = subword[len(head) :]
    if len(body) == 1:
        yield from ((head + letter, _LETTER) for letter in _uppers().get(body, ()))
        return
    for cased_form, casing in ((body[:1].upper() + body[1:], _INITIAL), (body.upper(), _ALL)):
        if cased_form != body and cased_form.lower() == body:
            yield head + cased_form, casing


@cache
def _uppers() -> dict[str, list[str]]:
    """Return, for each letter, all upper-case letters that map to it, so that casing makes no word unknown."""
    upper_letters: dict[str, list[str]] = {}
    for letter in map(chr, range(sys.maxunicode + 1)):
        if (lower := letter.lower()) != letter:
            upper_letters.setdefault(lower, []).append(letter)
    return upper_letters
