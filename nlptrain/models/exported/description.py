"""``nlptrain.json``: all that reads an exported net beside the net itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from nlptrain import __version__
from nlptrain.errors import InputError
from nlptrain.models.embedders.pooled import MOST_PIECES
from nlptrain.models.exported.graphs import reads
from nlptrain.models.readers import PieceReader, PooledReader, WordReader
from nlptrain.models.token_model import TokenModel
from nlptrain_runtime.decoding import Decoder
from nlptrain_runtime.description import first_fault
from nlptrain_runtime.folder import DESCRIPTION, FORMAT, own_hash
from nlptrain_runtime.subwords import WordTokenizer
from nlptrain_runtime.windows import window_rule

# One word; a word that a tokenizer turns into nothing; more words than any window holds; lengths never traced.
MADE = (
    ("Ada",),
    ("Ada", "\ufe0f", "lives"),
    ("\ufe0f",),
    tuple(f"{word}{number % 97}" for number in range(600) for word in ("Ada", "lives", "in", "Paris", ".")),
    tuple("the quick brown fox jumps over the lazy dog".split()),
)
# Words that tokenizers treat in ways of their own: spaces, marks, scripts, what they do not know.
_ODD = (
    "\u2581",
    "\u00a0",
    "##a",
    "[SEP]",
    "a\u0301",
    "\u0301",
    "\u4e2d\u56fd",
    "\U0001f642",
    "https://t.co/aB3",
    "don't",
    "\u200d",
)


def describe(model: TokenModel, *, min_confidence: float = 0.0) -> dict[str, Any]:
    """What ``nlptrain.json`` says of ``model`` before any file is written."""
    splitter = model.splitter
    return {
        "format": FORMAT,
        "made_by": f"nlptrain {__version__}",
        "labels": list(model.labels.names),
        "scheme": model.labels.scheme,
        "reads": reads(model),
        **_reading(model),
        "window": {"rule": window_rule(model.max_pieces), "max_pieces": model.max_pieces},
        "splitter": {"version": splitter.version, "rule": splitter.rule, "pattern": splitter.pattern},
        "decoding": {
            **_decoding(model.rule.decoder),
            "temperature": model.temperature,
            "min_confidence": min_confidence,
        },
        "parameters": model.parameters(),
    }


def _reading(model: TokenModel) -> dict[str, Any]:
    reader = model.reader
    if isinstance(reader, WordReader):
        return {"characters": reader.characters}
    assert isinstance(reader, PieceReader)
    padding = reader.tokenizer.pad_token_id
    most = {"most_pieces": MOST_PIECES} if isinstance(reader, PooledReader) else {}
    return {
        **most,
        "pieces": {
            "prefix": reader.prefix,
            "suffix": reader.suffix,
            "padding": 0 if padding is None else padding,
            "unknown": reader.tokenizer.unk_token_id,
            "space": reader.encoder.space,
            "together": _as_alone(reader),
            "pads_left": reader.family is not None and reader.family.pads_left,
        },
    }


def _as_alone(reader: PieceReader) -> bool:
    """Whether many words that are encoded in one sequence become the same pieces as each by itself."""
    backend, space, unknown = reader.tokenizer.backend_tokenizer, reader.encoder.space, reader.tokenizer.unk_token_id
    words = [word for words in MADE for word in words] + [*_ODD, *reversed(_ODD)]
    pieces = [
        WordTokenizer(backend, space=space, unknown=unknown, together=together, shortcut=False)(words)
        for together in (False, True)
    ]
    return all(np.array_equal(one, other) for one, other in zip(*pieces, strict=True))


def _decoding(decoder: Decoder) -> dict[str, Any]:
    if decoder.rule != "chain":
        return {"rule": decoder.rule}
    tables = decoder.tables
    scores = {name: getattr(tables, name).tolist() for name in ("transitions", "start", "end")}
    return {"rule": "chain", **scores}


def write_description(folder: Path, described: dict[str, Any]) -> None:
    """Write ``nlptrain.json`` with the hashes of all files that stand in ``folder``.

    Raises:
        InputError: the runtime would refuse it.
    """
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != DESCRIPTION
    }
    whole = {**described, "files": files}
    whole["hash"] = own_hash(whole)
    if fault := first_fault(whole):
        raise InputError(f"{fault.key}: found {fault.found}; {fault.right} in an exported tagger")
    folder.joinpath(DESCRIPTION).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
