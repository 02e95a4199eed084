"""The files of an exported model: ONNX nets, tokenizer or vocabulary, and all that reads them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nlptrain.errors import InputError
from nlptrain.models.arguments import check_many
from nlptrain.models.exported.description import describe, write_description
from nlptrain.models.exported.graphs import graphs_of
from nlptrain.models.exported.nets import WRITERS, write_net
from nlptrain.models.readers import PieceReader, WordReader
from nlptrain.models.token_model import TokenModel
from nlptrain_runtime.description import net_file


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
    check_many(precisions, "precisions", 'a list of them, e.g. ["fp32"]')
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
    tokenizer = model.reader.tokenizer
    if tokenizer is not None and not tokenizer.is_fast:
        raise InputError(
            f"{model.name}: its tokenizer ({type(tokenizer).__name__}) is written in Python, and no other program runs "
            "it; distill it into a student that reads with another one (student.tokenizer), and export that"
        )


def _write_reader(model: TokenModel, folder: Path) -> None:
    model.model.config.save_pretrained(folder)
    if isinstance(model.reader, WordReader):
        model.reader.save(folder)
        return
    assert isinstance(model.reader, PieceReader)
    model.reader.save(folder)
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
                target = folder / net_file(name, precision)
                if precision == "fp32":
                    shutil.copyfile(source, target)
                else:
                    WRITERS[precision](source, target)
