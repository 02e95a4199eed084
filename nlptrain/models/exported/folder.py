"""``nlptrain.json``: all that reads an exported net beside the net itself."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from nlptrain import __version__
from nlptrain.errors import InputError
from nlptrain.models.arguments import check_iterable
from nlptrain.models.embedders import MAX_SUBWORDS_PER_WORD
from nlptrain.models.exported.graphs import graphs_of, reads
from nlptrain.models.exported.onnx_files import WRITERS, write_net
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization import PooledFeaturizer, SubwordFeaturizer, WordFeaturizer
from nlptrain_runtime.decoding import Decoder
from nlptrain_runtime.description import find_invalid_entry, graph_file
from nlptrain_runtime.folder import DESCRIPTION, FORMAT, description_hash
from nlptrain_runtime.subwords import SubwordTokenizer
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
        "window": {"rule": window_rule(model.max_subwords), "max_pieces": model.max_subwords},
        "splitter": {"version": splitter.version, "rule": splitter.rule, "pattern": splitter.pattern},
        "decoding": {
            **_decoding(model.decoder.runtime_decoder),
            "temperature": model.temperature,
            "min_confidence": min_confidence,
        },
        "parameters": model.parameters(),
    }


def _reading(model: TokenModel) -> dict[str, Any]:
    featurizer = model.featurizer
    if isinstance(featurizer, WordFeaturizer):
        return {"characters": featurizer.characters}
    assert isinstance(featurizer, SubwordFeaturizer)
    padding = featurizer.tokenizer.pad_token_id
    most = {"most_pieces": MAX_SUBWORDS_PER_WORD} if isinstance(featurizer, PooledFeaturizer) else {}
    return {
        **most,
        "pieces": {
            "prefix": featurizer.prefix,
            "suffix": featurizer.suffix,
            "padding": 0 if padding is None else padding,
            "unknown": featurizer.tokenizer.unk_token_id,
            "space": featurizer.encoder.space,
            "together": _as_alone(featurizer),
            "pads_left": featurizer.architecture is not None and featurizer.architecture.pads_left,
        },
    }


def _as_alone(featurizer: SubwordFeaturizer) -> bool:
    """Whether many words that are encoded in one sequence become the same pieces as each by itself."""
    tokenizer, space = featurizer.tokenizer, featurizer.encoder.space
    backend, unknown = tokenizer.backend_tokenizer, tokenizer.unk_token_id
    words = [word for words in MADE for word in words] + [*_ODD, *reversed(_ODD)]
    pieces = [
        SubwordTokenizer(backend, space=space, unknown=unknown, together=together, shortcut=False)(words)
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
    whole["hash"] = description_hash(whole)
    if fault := find_invalid_entry(whole):
        raise InputError(f"found {fault.found}", location=fault.key, expected=fault.expected)
    folder.joinpath(DESCRIPTION).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def write_tagger(
    model: TokenModel, folder: str | Path, precisions: Sequence[str], *, min_confidence: float = 0.0
) -> dict[str, Any]:
    """Write all files of an exported ``model`` into ``folder``, compared with nothing.

    Returns:
        What ``nlptrain.json`` says.

    Raises:
        InputError: the model cannot be exported.
    """
    folder = Path(folder)
    check_iterable(precisions, "precisions", 'a list of them, e.g. ["fp32"]')
    check_exportable(model)
    described = describe(model, min_confidence=min_confidence)
    folder.mkdir(parents=True, exist_ok=True)
    _write_reader(model, folder)
    _write_nets(model, folder, precisions)
    write_description(folder, described)
    return described


def check_exportable(model: TokenModel) -> None:
    """Refuse what no ONNX net reads for.

    Raises:
        InputError: onnx is not installed, or the tokenizer is a slow one.
    """
    if find_spec("onnx") is None:
        raise InputError("onnx is not installed, which writes nets: pip install 'nlptrain[onnx]'")
    tokenizer = model.featurizer.tokenizer
    if tokenizer is not None and not tokenizer.is_fast:
        raise InputError(
            f"{model.name}: its tokenizer ({type(tokenizer).__name__}) is written in Python, and no other program runs "
            "it; distill it into a student that reads with another one (student.tokenizer), and export that"
        )


def _write_reader(model: TokenModel, folder: Path) -> None:
    model.model.config.save_pretrained(folder)
    if isinstance(model.featurizer, WordFeaturizer):
        model.featurizer.save(folder)
        return
    assert isinstance(model.featurizer, SubwordFeaturizer)
    model.featurizer.save(folder)
    path = folder / "tokenizer.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(written, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def _write_nets(model: TokenModel, folder: Path, precisions: Sequence[str]) -> None:
    (folder / "onnx").mkdir()
    with TemporaryDirectory() as traced:
        for name, graph in graphs_of(model).items():
            source = Path(traced) / f"{name}.onnx"
            write_net(graph, source)
            for precision in precisions:
                target = folder / graph_file(name, precision)
                if precision == "fp32":
                    shutil.copyfile(source, target)
                else:
                    WRITERS[precision](source, target)
