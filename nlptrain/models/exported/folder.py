"""The folder of an exported model: ONNX graphs, tokenizer or vocabulary, and their description."""

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
from nlptrain.data.sentence import check_iterable
from nlptrain.errors import InputError, Setting
from nlptrain.models.embedders import MAX_SUBWORDS_PER_WORD
from nlptrain.models.exported.graphs import build_graphs, input_kind
from nlptrain.models.exported.onnx_files import WRITERS, write_graph
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization import PooledFeaturizer, SubwordFeaturizer, WordFeaturizer
from nlptrain_runtime.decoding import Decoder
from nlptrain_runtime.description import find_invalid_entry, graph_file
from nlptrain_runtime.folder import DESCRIPTION, FORMAT, description_hash
from nlptrain_runtime.subwords import SubwordTokenizer
from nlptrain_runtime.windows import window_rule

# One word; a word without subwords; more words than fit into a window; lengths that were never traced.
PROBE_SENTENCES = (
    ("Ada",),
    ("Ada", "\ufe0f", "lives"),
    ("\ufe0f",),
    tuple(f"{word}{index % 97}" for index in range(600) for word in ("Ada", "lives", "in", "Paris", ".")),
    tuple("the quick brown fox jumps over the lazy dog".split()),
)
# Words that tokenizers treat differently: spaces, marks, scripts, unknown characters.
_UNUSUAL = (
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
    """Return the content of ``nlptrain.json`` for ``model``, except the hashes of the files."""
    splitter = model.splitter
    return {
        "format": FORMAT,
        "made_by": f"nlptrain {__version__}",
        "labels": list(model.labels.names),
        "scheme": model.labels.scheme,
        "reads": input_kind(model),
        **_describe_inputs(model),
        "window": {"rule": window_rule(model.max_subwords), "max_pieces": model.max_subwords},
        "splitter": splitter.to_json(),
        "decoding": {
            **_describe_decoder(model.decoder.runtime_decoder),
            "temperature": model.temperature,
            "min_confidence": min_confidence,
        },
        "parameters": model.parameters(),
    }


def _describe_inputs(model: TokenModel) -> dict[str, Any]:
    featurizer = model.featurizer
    if isinstance(featurizer, WordFeaturizer):
        return {"characters": featurizer.characters}
    assert isinstance(featurizer, SubwordFeaturizer)
    padding = featurizer.tokenizer.pad_token_id
    limit = {"most_pieces": MAX_SUBWORDS_PER_WORD} if isinstance(featurizer, PooledFeaturizer) else {}
    return {
        **limit,
        "pieces": {
            "prefix": featurizer.prefix,
            "suffix": featurizer.suffix,
            "padding": 0 if padding is None else padding,
            "unknown": featurizer.tokenizer.unk_token_id,
            "space": featurizer.encoder.space,
            "together": _encodes_together(featurizer),
            "pads_left": featurizer.architecture is not None and featurizer.architecture.pads_left,
        },
    }


def _encodes_together(featurizer: SubwordFeaturizer) -> bool:
    """Return whether words that are encoded in one call get the same subwords as one at a time."""
    tokenizer, space = featurizer.tokenizer, featurizer.encoder.space
    backend, unknown = tokenizer.backend_tokenizer, tokenizer.unk_token_id
    words = [word for words in PROBE_SENTENCES for word in words] + [*_UNUSUAL, *reversed(_UNUSUAL)]
    encoded = [
        SubwordTokenizer(backend, space=space, unknown=unknown, encodes_together=together, has_shortcut=False)(words)
        for together in (False, True)
    ]
    return all(np.array_equal(alone, together) for alone, together in zip(*encoded, strict=True))


def _describe_decoder(decoder: Decoder) -> dict[str, Any]:
    if decoder.rule != "chain":
        return {"rule": decoder.rule}
    tables = decoder.tables
    scores = {name: getattr(tables, name).tolist() for name in ("transitions", "start", "end")}
    return {"rule": "chain", **scores}


def write_description(folder: Path, description: dict[str, Any]) -> None:
    """Write ``nlptrain.json`` with the hashes of all files of ``folder``.

    Raises:
        InputError: the runtime would not accept it.
    """
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != DESCRIPTION
    }
    content = {**description, "files": files}
    content["hash"] = description_hash(content)
    if fault := find_invalid_entry(content):
        raise InputError(f"found {fault.found}", location=fault.key, expected=fault.expected)
    folder.joinpath(DESCRIPTION).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def write_tagger(
    model: TokenModel, folder: str | Path, precisions: Sequence[str], *, min_confidence: float = 0.0
) -> dict[str, Any]:
    """Write all files of an exported ``model`` into ``folder``, without a parity check.

    Returns:
        The content of ``nlptrain.json``, except the hashes.

    Raises:
        InputError: the model cannot be exported.
    """
    folder = Path(folder)
    check_iterable(precisions, "precisions", 'a list of them, e.g. ["fp32"]')
    check_exportable(model)
    description = describe(model, min_confidence=min_confidence)
    folder.mkdir(parents=True, exist_ok=True)
    _write_featurizer(model, folder)
    _write_graphs(model, folder, precisions)
    write_description(folder, description)
    return description


def check_exportable(model: TokenModel) -> None:
    """Check that ``model`` can be exported.

    Raises:
        InputError: onnx is not installed, or the tokenizer is a slow one.
    """
    if find_spec("onnx") is None:
        raise InputError("onnx is not installed, and is needed for an export", hint="pip install 'nlptrain[onnx]'")
    tokenizer = model.featurizer.tokenizer
    if tokenizer is not None and not tokenizer.is_fast:
        raise InputError(
            f"the tokenizer ({type(tokenizer).__name__}) is a slow one, which only runs in transformers",
            location=model.name,
            hint=(
                "distill the model into a student with another tokenizer (",
                Setting("student.tokenizer"),
                "), and export that",
            ),
        )


def _write_featurizer(model: TokenModel, folder: Path) -> None:
    model.model.config.save_pretrained(folder)
    model.featurizer.save(folder)
    if model.featurizer.tokenizer is None:
        return
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def _write_graphs(model: TokenModel, folder: Path, precisions: Sequence[str]) -> None:
    (folder / "onnx").mkdir()
    with TemporaryDirectory() as traced:
        for name, graph in build_graphs(model).items():
            source = Path(traced) / f"{name}.onnx"
            write_graph(graph, source)
            for precision in precisions:
                target = folder / graph_file(name, precision)
                if precision == "fp32":
                    shutil.copyfile(source, target)
                else:
                    WRITERS[precision](source, target)
