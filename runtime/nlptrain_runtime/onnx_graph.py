"""A net of an exported folder, compared with what the folder describes: when it is opened, and each time it answers."""

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


class Graph:
    """A net that reads and answers what the description of its folder says."""

    def __init__(self, folder: Folder, name: str) -> None:
        """Open the net ``name`` of ``folder`` and let it answer to one word.

        Raises:
            FolderError: it cannot be read, or is not as described.
        """
        self._path = folder.net(name)
        self._session = open_session(self._path)
        reads = folder.described["reads"]
        inputs = {argument.name: argument for argument in self._session.get_inputs()}
        wanted = _INPUTS[name, reads]
        found = {name: (one.type, len(one.shape)) for name, one in inputs.items()}
        right = {name: ("tensor(float)" if name == "vectors" else "tensor(int64)", _RANKS[name]) for name in wanted}
        if found != right:
            raise self._fault(f"reads {_listed(found)}; must read {_listed(right)}")
        answers = self._session.get_outputs()
        self._rank = 3 if name == "model" else 2
        kinds = [(one.type, len(one.shape)) for one in answers]
        if kinds != [("tensor(float)", self._rank)]:
            raise self._fault(f"answers {kinds}; must answer one tensor(float) of {self._rank} dimensions")
        width = folder.widths.get("words") if "vectors" in inputs else None
        self.width = len(folder.described["labels"]) if name == "model" else answers[0].shape[-1]
        if type(self.width) is not int or not 1 <= self.width <= 100_000:
            raise self._fault(f"answers vectors of {self.width} columns; must be a whole number from 1 to 100000")
        folder.widths[name] = self.width
        self.run(None, _one_word(folder, name, width))

    def run(self, names: None, feeds: Mapping[str, Array]) -> list[Array]:
        """Return what the net answers to ``feeds``, in a list.

        Raises:
            FolderError: it fails, or answers something else than numbers of the right shape.
        """
        try:
            (answer,) = self._session.run(names, feeds)
        except Exception as error:
            if not is_onnxruntime_error(error):
                raise
            raise self._fault(f"fails ({first_line(error)})") from error
        shape = next(iter(feeds.values())).shape[: self._rank - 1]
        if answer.shape != (*shape, self.width):
            raise self._fault(f"answers a tensor of shape {answer.shape}; must be {(*shape, self.width)}")
        flat = answer.ravel()
        if not np.dot(flat, flat) < math.inf:
            raise self._fault("answers what is no number, or too large a one")
        return [answer]

    def _fault(self, what: str) -> FolderError:
        return FolderError(f"{self._path}: {what}; export the tagger again")


def _listed(arguments: Mapping[str, tuple[str, int]]) -> str:
    names = [f"{name!r:.40} ({kind}, {rank} dimensions)" for name, (kind, rank) in list(arguments.items())[:4]]
    return ", ".join(names) or "nothing"


def _one_word(folder: Folder, name: str, width: int | None) -> dict[str, Array]:
    """What a net reads for one unknown word."""
    described: dict[str, Any] = folder.described
    if name == "model" and described["reads"] != "pieces":
        return {"vectors": np.zeros((1, 1, width or 1), dtype=np.float32), "lengths": np.ones(1, dtype=np.int64)}
    if described["reads"] == "words":
        one = np.ones(1, dtype=np.int64)
        return {"rows": one, "shapes": one, "characters": one[:, None]}
    pieces = described["pieces"]
    word = pieces["padding"] if pieces["unknown"] is None else pieces["unknown"]
    if name == "words":
        return {"pieces": np.array([[word]])}
    row = np.array([[*pieces["prefix"], word, *pieces["suffix"]]])
    return {"input_ids": row, "attention_mask": np.ones_like(row)}


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
