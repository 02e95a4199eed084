"""A traced net as an ONNX file, in float32, float16 or int8."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nlptrain.deploy.graphs import Graph

OPSET = 17
_LEAST = 64  # weights of a smaller tensor stay as they are


def write_net(graph: Graph, path: Path) -> None:
    """Trace ``graph`` and write it in float32."""
    import onnx

    answer, shape = graph.answer
    dynamic = {
        name: {place: dimension for place, dimension in enumerate(dimensions) if dimension}
        for name, dimensions in {**graph.inputs, answer: shape}.items()
    }
    with warnings.catch_warnings(), torch.no_grad(), _silenced():
        # The exporter by tracing is called deprecated; it is the one that takes a packed LSTM exactly.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.onnx")
        warnings.filterwarnings("ignore", category=torch.jit._trace.TracerWarning)
        torch.onnx.export(
            graph.net.eval(),
            graph.example,
            path,
            dynamo=False,
            input_names=list(graph.inputs),
            output_names=[answer],
            dynamic_axes=dynamic,
            opset_version=OPSET,
        )
    model = onnx.load(path)
    model.producer_name = "nlptrain"
    for node in model.graph.node:
        node.doc_string = ""  # lines of code, with the paths of this machine
    onnx.save(model, path)


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep torch's own notes on shapes from standard error; they are written below Python."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def write_float16(source: Path, target: Path) -> None:
    """The float32 net ``source`` with its weights in float16, and computed in float32."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(source)
    graph = model.graph
    tables = {node.input[0] for node in graph.node if node.op_type == "Gather"}
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _LEAST:
            continue
        values = numpy_helper.to_array(tensor).astype(np.float16)
        name = tensor.name
        users = [node for node in graph.node if name in node.input]
        tensor.CopyFrom(numpy_helper.from_array(values, name))
        if name in tables and all(node.op_type == "Gather" and node.input[0] == name for node in users):
            for node in users:  # rows are cast as they are looked up, not the whole table
                inner = f"{node.output[0]}_half"
                casts.append((node, helper.make_node("Cast", [inner], [node.output[0]], to=TensorProto.FLOAT)))
                node.output[0] = inner
        else:
            casts.append((None, helper.make_node("Cast", [name], [f"{name}_single"], to=TensorProto.FLOAT)))
            for node in users:
                for place, given in enumerate(node.input):
                    if given == name:
                        node.input[place] = f"{name}_single"
    ordered = [cast for before, cast in casts if before is None]
    behind = {before.name or id(before): cast for before, cast in casts if before is not None}
    for node in graph.node:
        ordered.append(node)
        cast = behind.get(node.name or id(node))
        if cast is not None:
            ordered.append(cast)
    kept = [helper.make_node("Identity", [], []) for _ in ()] + [_copied(node) for node in ordered]
    del graph.node[:]
    graph.node.extend(kept)
    onnx.save(model, target)


def _copied(node: Any) -> Any:  # noqa: ANN401 - onnx's messages have no types
    import onnx

    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    return copy


def write_int8(source: Path, target: Path) -> None:
    """The float32 net ``source`` with the weights of products, LSTMs and tables in 8 bits.

    Activations are quantized as they come (dynamic quantization). Convolutions stay in float32: in 8 bits they were
    slower.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    level = logging.root.level
    logging.root.setLevel(logging.ERROR)  # it advises to preprocess what needs none
    try:
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul", "Gemm", "LSTM", "Gather", "Attention"],
            weight_type=QuantType.QInt8,
        )
    finally:
        logging.root.setLevel(level)


WRITERS: dict[str, Callable[[Path, Path], None]] = {"fp16": write_float16, "int8": write_int8}
