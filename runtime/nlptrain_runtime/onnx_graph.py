"""An ONNX graph of an exported folder, checked against the description when it is loaded and each time it runs."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptrain_runtime.errors import FolderError
from nlptrain_runtime.folder import Folder

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import Array

# Since 1.29, ONNX Runtime's packages report sessions, names of graphs and speeds to their authors, from a database in
# the user's home, also about private text; ORT_DISABLE_TELEMETRY=0 in the environment enables it. The variable is read
# once, when the library is loaded, so the environment is restored.
_TELEMETRY_VARIABLE = "ORT_DISABLE_TELEMETRY"
_TELEMETRY_SETTING = os.environ.get(_TELEMETRY_VARIABLE)
if _TELEMETRY_SETTING is None:
    os.environ[_TELEMETRY_VARIABLE] = "1"
try:
    import onnxruntime
finally:
    if _TELEMETRY_SETTING is None:
        os.environ.pop(_TELEMETRY_VARIABLE, None)

_RANKS = {
    "input_ids": 2,
    "attention_mask": 2,
    "vectors": 3,
    "lengths": 1,
    "pieces": 2,
    "rows": 1,
    "shapes": 1,
    "characters": 2,
}
_INPUTS = {
    ("model", "pieces"): ("input_ids", "attention_mask"),
    ("model", "pooled"): ("vectors", "lengths"),
    ("model", "words"): ("vectors", "lengths"),
    ("words", "pooled"): ("pieces",),
    ("words", "words"): ("rows", "shapes", "characters"),
}


class OnnxGraph:
    """A graph whose inputs and outputs are those that the folder describes."""

    def __init__(self, folder: Folder, name: str) -> None:
        """Load the graph ``name`` of ``folder`` and run it on one word.

        Raises:
            FolderError: it cannot be read, or does not match the description.
        """
        self._path = folder.graph_path(name)
        self._session = load_session(self._path)
        inputs = {argument.name: (argument.type, len(argument.shape)) for argument in self._session.get_inputs()}
        expected = {
            input_name: ("tensor(float)" if input_name == "vectors" else "tensor(int64)", _RANKS[input_name])
            for input_name in _INPUTS[name, folder.described["reads"]]
        }
        if inputs != expected:
            raise self._error(f"found inputs {_list_arguments(inputs)}; expected {_list_arguments(expected)}")
        outputs = self._session.get_outputs()
        self._rank = 3 if name == "model" else 2
        output_types = [(output.type, len(output.shape)) for output in outputs]
        if output_types != [("tensor(float)", self._rank)]:
            raise self._error(f"found outputs {output_types}; expected one tensor(float) of {self._rank} dimensions")
        vector_width = folder.widths.get("words") if "vectors" in inputs else None
        self.width = len(folder.described["labels"]) if name == "model" else outputs[0].shape[-1]
        if type(self.width) is not int or not 1 <= self.width <= 100_000:
            raise self._error(f"found an output of {self.width} columns; expected a whole number from 1 to 100000")
        folder.widths[name] = self.width
        self.run(None, _one_word_inputs(folder, name, vector_width))

    def run(self, names: None, feeds: Mapping[str, Array]) -> list[Array]:
        """Return the output for ``feeds``, in a list.

        Raises:
            FolderError: it fails, or returns an output of a wrong shape or with values that are not finite.
        """
        try:
            (output,) = self._session.run(names, feeds)
        except Exception as error:
            if not is_onnxruntime_error(error):
                raise
            raise self._error(f"fails ({first_line(error)})") from error
        expected_shape = (*next(iter(feeds.values())).shape[: self._rank - 1], self.width)
        if output.shape != expected_shape:
            raise self._error(f"found an output of shape {output.shape}; expected {expected_shape}")
        flat = output.ravel()
        if not np.dot(flat, flat) < math.inf:
            raise self._error("found an output that is not finite, or too large")
        return [output]

    def _error(self, problem: str) -> FolderError:
        return FolderError(f"{self._path}: {problem}; export the tagger again")


def _list_arguments(arguments: Mapping[str, tuple[str, int]]) -> str:
    names = [f"{name!r:.40} ({kind}, {rank} dimensions)" for name, (kind, rank) in list(arguments.items())[:4]]
    return ", ".join(names) or "nothing"


def _one_word_inputs(folder: Folder, name: str, vector_width: int | None) -> dict[str, Array]:
    """Return the inputs of a graph for one unknown word."""
    described: dict[str, Any] = folder.described
    if name == "model" and described["reads"] != "pieces":
        vectors = np.zeros((1, 1, vector_width or 1), dtype=np.float32)
        return {"vectors": vectors, "lengths": np.ones(1, dtype=np.int64)}
    if described["reads"] == "words":
        ones = np.ones(1, dtype=np.int64)
        return {"rows": ones, "shapes": ones, "characters": ones[:, None]}
    subwords = described["pieces"]
    word = subwords["padding"] if subwords["unknown"] is None else subwords["unknown"]
    if name == "words":
        return {"pieces": np.array([[word]])}
    ids = np.array([[*subwords["prefix"], word, *subwords["suffix"]]])
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


def load_session(path: Path) -> onnxruntime.InferenceSession:
    """Load the graph in ``path``, to run in the calling thread, without telemetry.

    Raises:
        FolderError: ONNX Runtime cannot read it.
    """
    if _TELEMETRY_SETTING != "0":
        onnxruntime.disable_telemetry_events()  # another module may have imported the library before
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Memory plans are kept for each shape of the inputs; texts have thousands of shapes, and gain nothing from plans.
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if not is_onnxruntime_error(error):
            raise
        reason = first_line(error)
        raise FolderError(f"{path}: ONNX Runtime {onnxruntime.__version__} cannot read it ({reason})") from error


def is_onnxruntime_error(error: Exception) -> bool:
    """Return whether ONNX Runtime, and not a signal handler, raised ``error``; its errors share no class."""
    return type(error).__module__.startswith("onnxruntime") or type(error) in (
        RuntimeError,
        ValueError,
        TypeError,
        UnicodeDecodeError,
    )


def first_line(error: Exception) -> str:
    """Return the first line of the message of ``error``, short and printable; it may quote any name of a graph."""
    line = next(iter(str(error).splitlines()), type(error).__name__)[:200]
    return line if line.isprintable() else ascii(line)
