"""Candidates of a benchmark: a model in torch and exported models, each from raw text to entities."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from nlptrain.errors import InputError
from nlptrain.models.exported import write_tagger
from nlptrain.models.prediction import predict
from nlptrain.models.pretrained import resolve
from nlptrain.models.transformer import load_token_model
from nlptrain_runtime import FolderError, Tagger
from nlptrain_runtime.folder import DESCRIPTION, open_folder

EXPORTED = ("fp32", "int8")  # precisions in which a run is exported and measured
# Programs that define ``run``, for a separate process.
_TORCH = """\
import torch
from nlptrain.models import load_token_model
from nlptrain.models.prediction import predict
torch.set_num_threads({threads})
model = load_token_model({folder!r})
model.batch_subwords = {batch} or model.batch_subwords
run = lambda texts: list(predict(model, texts))
"""
_ONNX = """\
from nlptrain_runtime import Tagger
run = Tagger({folder!r}, threads={threads}, precision={precision!r}{more}).predict
"""
# Not ru_maxrss alone, which a process inherits from its parent.
_MEASURE = """
import json, pathlib, re, resource, sys
run(json.loads(sys.stdin.buffer.read()))
status = pathlib.Path("/proc/self/status")
if status.exists():
    print(int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) * 1024)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


@dataclass(frozen=True)
class Candidate:
    """A model in one runtime and precision.

    Attributes:
        name: as on the command line.
        runtime: ``torch``, ``onnx``, or the name of another one.
        precision: of the model.
        size: of the files that the model needs, in bytes.
        predict: predicts a list of texts.
        program: Python code that defines ``run``, which predicts a list of texts, for a separate process.
        python: the interpreter of that process.
    """

    name: str
    runtime: str
    precision: str
    size: int
    predict: Callable[[Sequence[str]], object]
    program: str
    python: str = sys.executable

    def run_in_process(self, texts: Sequence[str]) -> tuple[float, int]:
        """Load the model and predict ``texts`` in a new process; return its seconds and its peak memory in bytes.

        Raises:
            InputError: the process fails; the message is the last line that it wrote.
        """
        started = time.perf_counter()
        process = subprocess.run(
            [self.python, "-c", self.program + _MEASURE],
            input=json.dumps(list(texts)).encode(),
            capture_output=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            check=False,
        )
        seconds = time.perf_counter() - started
        if process.returncode:
            last_line = process.stderr.decode(errors="replace").strip().splitlines()[-1]
            raise InputError(last_line, location=self.name)
        return seconds, int(process.stdout.split()[-1])


@contextmanager
def open_candidates(
    names: Sequence[str], *, threads: int, batch: int | None = None, exported: Sequence[str] = EXPORTED
) -> Iterator[list[Candidate]]:
    """Yield the candidates of ``names``: a run in torch and exported, an exported folder unchanged.

    Args:
        names: runs or exported folders.
        threads: of each candidate.
        batch: subwords (or words) of a batch; default: that of each candidate.
        exported: the precisions in which a run is exported.

    Raises:
        InputError: a name is neither a run nor an exported folder.
    """
    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with ExitStack() as stack:
            candidates: list[Candidate] = []
            for name in names:
                if (Path(name) / DESCRIPTION).is_file():
                    candidates.append(_onnx_candidate(name, Path(name), None, threads, batch))
                else:
                    candidates.append(_torch_candidate(name, threads, batch))
                    folder = Path(stack.enter_context(TemporaryDirectory())) / "exported"
                    write_tagger(load_token_model(name), folder, exported)
                    candidates += [_onnx_candidate(name, folder, precision, threads, batch) for precision in exported]
            yield candidates
    finally:
        torch.set_num_threads(threads_before)


def _torch_candidate(name: str, threads: int, batch: int | None) -> Candidate:
    model = load_token_model(name)
    if batch is not None:
        model.batch_subwords = batch
    folder = resolve(name).folder
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    program = _TORCH.format(folder=str(folder), threads=threads, batch=batch)
    return Candidate(name, "torch", "fp32", size, lambda texts: list(predict(model, texts)), program)


def _onnx_candidate(name: str, folder: Path, precision: str | None, threads: int, batch: int | None) -> Candidate:
    try:
        tagger = Tagger(
            folder, threads=threads, precision=precision, **({} if batch is None else {"batch_units": batch})
        )
    except FolderError as error:
        raise InputError(str(error)) from error
    opened = open_folder(folder, precision)
    other_graphs = {path for path in (folder / "onnx").iterdir()} - {
        opened.graph_path("model"),
        opened.graph_path("words"),
    }
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path not in other_graphs)
    more = "" if batch is None else f", batch_units={batch}"
    program = _ONNX.format(folder=str(folder), threads=threads, precision=opened.precision, more=more)
    return Candidate(name, "onnx", opened.precision, size, tagger.predict, program)
