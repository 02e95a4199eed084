"""A traced net as an ONNX file, in float32, float16 or int8."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from nlptrain.models.exported.graphs import Graph
from nlptrain.models.exported.weights import narrow, tables_to_int8, to_few_bits, to_float16

OPSET = 17
INT8_RULE = 1  # a part of the transfer set's key: change it when int8 nets become other ones
_IN_FLOATS = ("Conv", "GRU")  # what is not computed in 8 bits


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
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.onnx|transformers\.")
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
    narrow(model, to_few_bits)
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

    model = onnx.load(source)
    narrow(model, to_float16)
    onnx.save(model, target)


def write_int8(source: Path, target: Path) -> None:
    """The float32 net ``source`` with the weights of products, LSTMs and tables in 8 bits.

    Activations are quantized as they come (dynamic quantization). The last product, which is small and decides, stays
    in float32: it made up to half of the error. So do convolutions, which were slower in 8 bits, and GRUs, for which
    ONNX Runtime has no such kind; their weights are stored in float16. The products of a transformer have a scale for
    each column, which halved its error, in 7 of the bits: in 8 the sums of CPUs without VNNI would be cut off. An LSTM
    keeps one scale for each matrix: on such CPUs, several made its error up to four times as large.
    """
    import onnx

    from nlptrain_runtime import onnx_graph  # noqa: F401 - before ONNX Runtime is loaded: it tells nobody what it runs

    from onnxruntime.quantization import QuantType, quantize_dynamic  # isort: skip

    model = onnx.load(source)
    tables_to_int8(model)
    narrow(model, to_float16, read_by=_IN_FLOATS)
    onnx.save(model, target)
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)  # it advises to preprocess what needs none
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
