"""Write a traced graph as an ONNX file, in float32, float16 or int8."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nlptrain.errors import InputError
from nlptrain.models.exported.graphs import Graph

OPSET = 17
INT8_VERSION = 1  # part of a transfer set's key: increment it when int8 graphs change
_FLOAT_OPERATORS = ("Conv", "GRU")  # not computed in 8 bits


def write_graph(graph: Graph, path: Path) -> None:
    """Trace ``graph`` and write it in float32.

    Raises:
        InputError: a module of another package cannot be traced.
    """
    import onnx

    output, shape = graph.output
    dynamic = {
        name: {index: dimension for index, dimension in enumerate(dimensions) if dimension}
        for name, dimensions in {**graph.inputs, output: shape}.items()
    }
    with warnings.catch_warnings(), torch.no_grad(), _silenced():
        # The tracing exporter is deprecated, but only it exports an LSTM over a PackedSequence exactly.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.onnx|transformers\.")
        warnings.filterwarnings("ignore", category=torch.jit._trace.TracerWarning)
        try:
            torch.onnx.export(
                graph.net.eval(),
                graph.example,
                path,
                dynamo=False,
                input_names=list(graph.inputs),
                output_names=[output],
                dynamic_axes=dynamic,
                opset_version=OPSET,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = str(error).strip().split("\n")[0]
            raise InputError(
                f"the model cannot be exported ({reason})",
                hint="its modules must consist of operators that ONNX has",
            ) from error
    model = onnx.load(path)
    model.producer_name = "nlptrain"
    for node in model.graph.node:
        node.doc_string = ""  # lines of code, with the paths of this machine
    narrow(model, to_few_bits)
    onnx.save(model, path)


@contextmanager
def _silenced() -> Iterator[None]:
    """Silence torch's messages about shapes, which C++ code writes to standard error."""
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
    """Write the float32 graph ``source`` with weights in float16, which are computed in float32."""
    import onnx

    model = onnx.load(source)
    narrow(model, to_float16)
    onnx.save(model, target)


def write_int8(source: Path, target: Path) -> None:
    """Write the float32 graph ``source`` with the weights of matrix products, LSTMs and tables in 8 bits.

    Activations are quantized dynamically. The last product, which is small, stays in float32, since it caused up to
    half of the error. So do convolutions, which were slower in 8 bits, and GRUs, which ONNX Runtime does not support in
    8 bits; their weights are stored in float16. The products of a transformer have one scale per column, which halved
    the error, and use 7 bits: with 8, sums saturate on CPUs without VNNI. An LSTM has one scale per matrix: on such
    CPUs, several scales made its error up to four times as large.
    """
    import onnx

    from nlptrain_runtime import onnx_graph  # noqa: F401 - disables telemetry, before ONNX Runtime is imported

    from onnxruntime.quantization import QuantType, quantize_dynamic  # isort: skip

    model = onnx.load(source)
    tables_to_int8(model)
    narrow(model, to_float16, read_by=_FLOAT_OPERATORS)
    onnx.save(model, target)
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)  # suppress its advice to preprocess the graph
    by_column = all(node.op_type != "LSTM" for node in model.graph.node)
    try:
        quantize_dynamic(
            target,
            target,
            op_types_to_quantize=["MatMul", "Gemm", "LSTM", "Attention"],
            nodes_to_exclude=[node.name for node in model.graph.node if node.op_type in ("MatMul", "Gemm")][-1:],
            per_channel=by_column,
            reduce_range=by_column,
            weight_type=QuantType.QInt8,
        )
    finally:
        logging.root.setLevel(level)


WRITERS: dict[str, Callable[[Path, Path], None]] = {"fp16": write_float16, "int8": write_int8}


_MIN_SIZE = 64  # smaller tensors are not converted

# The classes of onnx have no type annotations.
Net = Any
Narrow = Callable[[NDArray[Any], bool], NDArray[Any] | None]


def narrow(model: Net, choose: Narrow, *, read_by: Sequence[str] | None = None) -> None:
    """Store the weights of ``model`` in smaller types, and cast them back where they are used.

    Of a table, only the rows that are looked up are cast.

    Args:
        model: an ONNX model, which is modified.
        choose: called with a tensor and whether it is only used for lookups; returns the tensor in a smaller type, or
            None to keep it.
        read_by: only convert tensors that are inputs of these operators; None: all.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    first, after = [], {}
    for tensor in graph.initializer:
        users = [node for node in graph.node if tensor.name in node.input]
        if read_by is not None and not all(node.op_type in read_by for node in users):
            continue
        is_looked_up = all(node.op_type == "Gather" and node.input[0] == tensor.name for node in users)
        values = numpy_helper.to_array(tensor)
        small = None if values.size < _MIN_SIZE else choose(values, is_looked_up)
        if small is None:
            continue
        name, wide = tensor.name, tensor.data_type
        tensor.CopyFrom(numpy_helper.from_array(small, name))
        if is_looked_up:
            for node in users:
                whole = node.output[0]
                node.output[0] = f"{whole}_stored"
                after[node.output[0]] = helper.make_node("Cast", [node.output[0]], [whole], to=wide)
        else:
            first.append(helper.make_node("Cast", [name], [f"{name}_cast"], to=wide))
            for node in users:
                for index, given in enumerate(node.input):
                    if given == name:
                        node.input[index] = f"{name}_cast"
    ordered = [*first]
    for node in graph.node:
        ordered += [node, *([after[node.output[0]]] if node.output[0] in after else [])]
    _replace(graph, ordered)


def tables_to_int8(model: Net) -> None:
    """Store float tables that are looked up in 8 bits, with a scale in 16 bits per row, and modify ``model``."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    instead: dict[str, list[Net]] = {}
    for tensor in list(graph.initializer):
        users = [node for node in graph.node if tensor.name in node.input]
        values = numpy_helper.to_array(tensor)
        is_looked_up = all(node.op_type == "Gather" and node.input[0] == tensor.name for node in users)
        if values.dtype != np.float32 or values.ndim != 2 or values.size < _MIN_SIZE or not is_looked_up:
            continue
        scales = (np.abs(values).max(axis=1, keepdims=True) / 127).astype(np.float16)
        steps = np.maximum(scales.astype(np.float32), np.finfo(np.float16).tiny)
        rounded = np.clip(np.round(values / steps), -127, 127).astype(np.int8)
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(rounded, name))
        graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scales"))
        for node in users:
            row, scale = f"{node.output[0]}_row", f"{node.output[0]}_scale"
            instead[node.output[0]] = [
                helper.make_node("Gather", [name, node.input[1]], [row], axis=0),
                helper.make_node("Gather", [f"{name}_scales", node.input[1]], [scale], axis=0),
                helper.make_node("Cast", [row], [f"{row}_cast"], to=TensorProto.FLOAT),
                helper.make_node("Cast", [scale], [f"{scale}_cast"], to=TensorProto.FLOAT),
                helper.make_node("Mul", [f"{row}_cast", f"{scale}_cast"], [node.output[0]]),
            ]
    _replace(graph, [new for node in graph.node for new in instead.get(node.output[0], [node])])


def to_float16(values: NDArray[Any], is_looked_up: bool) -> NDArray[Any] | None:
    """Return floats in 16 bits."""
    return values.astype(np.float16) if values.dtype == np.float32 else None


def to_few_bits(values: NDArray[Any], is_looked_up: bool) -> NDArray[Any] | None:
    """Return integers that are looked up, e.g. the row of each subword, in 8 or 16 bits if they fit."""
    if not is_looked_up or values.dtype not in (np.int32, np.int64) or values.min() < 0:
        return None
    kinds = (np.uint8, np.uint16)
    return next((values.astype(kind) for kind in kinds if values.max() <= np.iinfo(kind).max), None)


def _replace(graph: Net, nodes: list[Net]) -> None:
    import onnx

    copies = []
    for node in nodes:  # copy the nodes, since the list is cleared below
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copies.append(copy)
    del graph.node[:]
    graph.node.extend(copies)
