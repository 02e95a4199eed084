"""What a benchmark compares: a model in torch, and the same exported, each from raw text to entities."""

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
from nlptrain.models.sources import resolve
from nlptrain.models.transformer import load_token_model
from nlptrain_runtime import FolderError, Tagger
from nlptrain_runtime.folder import DESCRIPTION, open_folder

EXPORTED = ("fp32", "int8")  # what a run is exported as to be measured
# Programs that define ``answer``, for a process of its own.
_TORCH = """\
import torch
from nlptrain.models import load_token_model
from nlptrain.models.prediction import predict
torch.set_num_threads({threads})
model = load_token_model({folder!r})
model.batch_pieces = {batch} or model.batch_pieces
answer = lambda texts: list(predict(model, texts))
"""
_ONNX = """\
from nlptrain_runtime import Tagger
answer = Tagger({folder!r}, threads={threads}, precision={precision!r}{more}).predict
"""
# The peak of this process alone: ru_maxrss begins with the peak of the process that started it.
_ASK = """
import json, pathlib, re, resource, sys
answer(json.loads(sys.stdin.buffer.read()))
status = pathlib.Path("/proc/self/status")
if status.exists():
    print(int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) * 1024)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


@dataclass(frozen=True)
class Contender:
    """A model as it is run.

    Attributes:
        name: what was named on the command line.
        runtime: ``torch``, ``onnx`` or another's name.
        precision: of its net.
        size: bytes of the files that it needs.
        answer: texts to answers, all of them.
        program: defines ``answer`` in a process of its own.
        python: the interpreter of that process.
    """

    name: str
    runtime: str
    precision: str
    size: int
    answer: Callable[[Sequence[str]], object]
    program: str
    python: str = sys.executable

    def alone(self, texts: Sequence[str]) -> tuple[float, int]:
        """Seconds and peak bytes of a fresh process that loads the model and answers ``texts``.

        Raises:
            InputError: it fails, with the last line that it wrote.
        """
        started = time.perf_counter()
        done = subprocess.run(
            [self.python, "-c", self.program + _ASK],
            input=json.dumps(list(texts)).encode(),
            capture_output=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            check=False,
        )
        taken = time.perf_counter() - started
        if done.returncode:
            raise InputError(f"{self.name}: {done.stderr.decode(errors='replace').strip().splitlines()[-1]}")
        return taken, int(done.stdout.split()[-1])


@contextmanager
def contenders(
    names: Sequence[str], *, threads: int, batch: int | None = None, exported: Sequence[str] = EXPORTED
) -> Iterator[list[Contender]]:
    """All that ``names`` stand for: a run in torch and exported, an exported folder as it is.

    Args:
        names: runs or exported folders.
        threads: of each of them.
        batch: pieces (or words) of a batch; default: what suits each of them best.
        exported: the precisions that a run is exported in.

    Raises:
        InputError: one is neither.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with ExitStack() as stack:
            found: list[Contender] = []
            for name in names:
                if (Path(name) / DESCRIPTION).is_file():
                    found.append(_exported(name, Path(name), None, threads, batch))
                else:
                    found.append(_in_torch(name, threads, batch))
                    folder = Path(stack.enter_context(TemporaryDirectory())) / "exported"
                    write_tagger(load_token_model(name), folder, exported)
                    found += [_exported(name, folder, precision, threads, batch) for precision in exported]
            yield found
    finally:
        torch.set_num_threads(before)


def _in_torch(name: str, threads: int, batch: int | None) -> Contender:
    model = load_token_model(name)
    if batch is not None:
        model.batch_pieces = batch
    folder = resolve(name).folder
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    program = _TORCH.format(folder=str(folder), threads=threads, batch=batch)
    return Contender(name, "torch", "fp32", size, lambda texts: list(predict(model, texts)), program)


def _exported(name: str, folder: Path, precision: str | None, threads: int, batch: int | None) -> Contender:
    try:
        tagger = Tagger(
            folder, threads=threads, precision=precision, **({} if batch is None else {"batch_units": batch})
        )
    except FolderError as error:
        raise InputError(str(error)) from error
    opened = open_folder(folder, precision)
    others = {path for path in (folder / "onnx").iterdir()} - {opened.net("model"), opened.net("words")}
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path not in others)
    more = "" if batch is None else f", batch_units={batch}"
    program = _ONNX.format(folder=str(folder), threads=threads, precision=opened.precision, more=more)
    return Contender(name, "onnx", opened.precision, size, tagger.predict, program)
