"""``nlptrain.json``: all that reads an exported net beside the net itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from nlptrain import __version__
from nlptrain.deploy.graphs import reads
from nlptrain.models.embedders.pooled import MOST_PIECES
from nlptrain.models.readers import PieceReader, PooledReader, WordReader
from nlptrain.models.token_model import TokenModel
from nlptrain_runtime.decoding import Decoder
from nlptrain_runtime.folder import DESCRIPTION, FORMAT, own_hash
from nlptrain_runtime.windows import WINDOW_RULE


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
        "window": {"rule": WINDOW_RULE, "max_pieces": model.max_pieces},
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
            "pads_left": reader.family is not None and reader.family.pads_left,
        },
    }


def _decoding(decoder: Decoder) -> dict[str, Any]:
    if decoder.rule != "chain":
        return {"rule": decoder.rule}
    tables = decoder.tables
    scores = {name: getattr(tables, name).tolist() for name in ("transitions", "start", "end")}
    return {"rule": "chain", **scores}


def write_description(folder: Path, described: dict[str, Any]) -> None:
    """Write ``nlptrain.json`` with the hashes of all files that stand in ``folder``."""
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != DESCRIPTION
    }
    whole = {**described, "files": files}
    whole["hash"] = own_hash(whole)
    folder.joinpath(DESCRIPTION).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
