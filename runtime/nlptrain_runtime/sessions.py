"""ONNX Runtime, on one thread, and keeping what it sees to itself."""

from __future__ import annotations

import os
from pathlib import Path

# Since 1.29 its packages report sessions, names of graphs and speeds to their makers, from a database that they open in
# the user's home. Who tags private text has not asked for that; ORT_DISABLE_TELEMETRY=0 in the environment brings it
# back. It is read once, when the library is loaded, so the environment is left as it was.
_SWITCH = "ORT_DISABLE_TELEMETRY"
_GIVEN = os.environ.get(_SWITCH)
if _GIVEN is None:
    os.environ[_SWITCH] = "1"
try:
    import onnxruntime
finally:
    if _GIVEN is None:
        os.environ.pop(_SWITCH, None)

from nlptrain_runtime.errors import FolderError  # noqa: E402


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """The graph in ``path``, computed by the thread that asks.

    Raises:
        FolderError: ONNX Runtime cannot read it.
    """
    if _GIVEN != "0":
        onnxruntime.disable_telemetry_events()  # where somebody has loaded the library before
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Plans of memory are kept for each shape of the inputs; texts have thousands, and gain nothing by them.
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if not is_onnxruntime_error(error):
            raise
        reason = first_line(error)
        raise FolderError(f"{path}: ONNX Runtime {onnxruntime.__version__} cannot read it ({reason})") from error


def is_onnxruntime_error(error: Exception) -> bool:
    """Return whether ONNX Runtime raised ``error``, and not a handler of signals; its errors share no class."""
    return type(error).__module__.startswith("onnxruntime") or type(error) in (
        RuntimeError,
        ValueError,
        TypeError,
        UnicodeDecodeError,
    )


def first_line(error: Exception) -> str:
    """Return what ``error`` says in one short line; names of a graph's parts stand in it, which may be anything."""
    line = next(iter(str(error).splitlines()), type(error).__name__)[:200]
    return line if line.isprintable() else ascii(line)
