"""ONNX Runtime, on one thread, and keeping what it sees to itself."""

from __future__ import annotations

import os
from pathlib import Path

# Since 1.29 its packages report sessions, names of graphs and speeds to their makers, from a database that they open in
# the user's home. Who tags private text has not asked for that; ORT_DISABLE_TELEMETRY=0 in the environment brings it
# back. It is read once, when the library is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime  # noqa: E402

from nlptrain_runtime.errors import FolderError  # noqa: E402


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """The graph in ``path``, computed by the thread that asks.

    Raises:
        FolderError: ONNX Runtime cannot read it.
    """
    if os.environ["ORT_DISABLE_TELEMETRY"] != "0":
        onnxruntime.disable_telemetry_events()  # where somebody has loaded the library before
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no class
        reason = first_line(error)
        raise FolderError(f"{path}: ONNX Runtime {onnxruntime.__version__} cannot read it ({reason})") from error


def first_line(error: Exception) -> str:
    """Return what ``error`` says in one short line; names of a graph's parts stand in it, which may be anything."""
    line = next(iter(str(error).splitlines()), type(error).__name__)[:200]
    return line if line.isprintable() else ascii(line)
