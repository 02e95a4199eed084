"""Weights of an ONNX net in fewer bits, computed with in as many as before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST = 64  # smaller tensors stay as they are

# onnx's messages have no types.
Net = Any
Narrow = Callable[[NDArray[Any], bool], NDArray[Any] | None]


def narrow(model: Net, choose: Narrow, *, read_by: Sequence[str] | None = None) -> None:
    """Store the weights of ``model`` as ``choose`` says, and cast them back where they are used.

    Rows of a table are cast as they are looked up, not the whole table.

    Args:
        model: an ONNX model, changed in place.
        choose: given a tensor and whether it is only ever looked up; the tensor in a smaller type, or None to leave it.
        read_by: only what nodes of these kinds read is asked for; None: all.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    first, behind = [], {}
    for tensor in graph.initializer:
        users = [node for node in graph.node if tensor.name in node.input]
        if read_by is not None and not all(node.op_type in read_by for node in users):
            continue
        looked_up = all(node.op_type == "Gather" and node.input[0] == tensor.name for node in users)
        values = numpy_helper.to_array(tensor)
        small = None if values.size < _LEAST else choose(values, looked_up)
        if small is None:
            continue
        name, wide = tensor.name, tensor.data_type
        tensor.CopyFrom(numpy_helper.from_array(small, name))
        if looked_up:
            for node in users:
                whole = node.output[0]
                node.output[0] = f"{whole}_stored"
                behind[node.output[0]] = helper.make_node("Cast", [node.output[0]], [whole], to=wide)
        else:
            first.append(helper.make_node("Cast", [name], [f"{name}_cast"], to=wide))
            for node in users:
                for place, given in enumerate(node.input):
                    if given == name:
                        node.input[place] = f"{name}_cast"
    ordered = [*first]
    for node in graph.node:
        ordered += [node, *([behind[node.output[0]]] if node.output[0] in behind else [])]
    _replace(graph, ordered)


def tables_to_int8(model: Net) -> None:
    """Store the tables of floats that are looked up in 8 bits, each row with a scale of its own in 16, in place."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    instead: dict[str, list[Net]] = {}
    for tensor in list(graph.initializer):
        users = [node for node in graph.node if tensor.name in node.input]
        values = numpy_helper.to_array(tensor)
        looked_up = all(node.op_type == "Gather" and node.input[0] == tensor.name for node in users)
        if values.dtype != np.float32 or values.ndim != 2 or values.size < _LEAST or not looked_up:
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
    _replace(graph, [made for node in graph.node for made in instead.get(node.output[0], [node])])


def to_float16(values: NDArray[Any], looked_up: bool) -> NDArray[Any] | None:
    """Floats in 16 bits."""
    return values.astype(np.float16) if values.dtype == np.float32 else None


def to_few_bits(values: NDArray[Any], looked_up: bool) -> NDArray[Any] | None:
    """Whole numbers that are looked up, a row for each piece, in 8 or 16 bits where these hold them."""
    if not looked_up or values.dtype not in (np.int32, np.int64) or values.min() < 0:
        return None
    kinds = (np.uint8, np.uint16)
    return next((values.astype(kind) for kind in kinds if values.max() <= np.iinfo(kind).max), None)


def _replace(graph: Net, nodes: list[Net]) -> None:
    import onnx

    copies = []
    for node in nodes:  # the list that they stand in is emptied: nodes are copied out of it first
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copies.append(copy)
    del graph.node[:]
    graph.node.extend(copies)
