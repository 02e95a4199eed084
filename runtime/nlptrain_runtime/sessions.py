"""ONNX Runtime, on one thread."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from nlptrain_runtime.errors import FolderError


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """The graph in ``path``, computed by the thread that asks.

    Raises:
        FolderError: ONNX Runtime cannot read it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no class
        reason = str(error).splitlines()[0]
        raise FolderError(f"{path}: ONNX Runtime {onnxruntime.__version__} cannot read it ({reason})") from error
