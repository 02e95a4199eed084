"""Teacher inference: compute the logits of a shard in this process, or in several processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from nlptrain.errors import InputError
from nlptrain.models.exported import INT8_VERSION, check_exportable, write_tagger
from nlptrain.models.neural_tagger import NeuralTagger
from nlptrain.models.token_model import TokenModel
from nlptrain.models.transformer import load_token_model

if TYPE_CHECKING:
    from nlptrain_runtime import Tagger

Words = Sequence[Sequence[str]]
_POLL_SECONDS = 2.0


class Logits(NamedTuple):
    """The logits of a shard.

    Attributes:
        values: of all words of all sentences, concatenated, [words * C].
        sizes: number of values of each sentence, [sentences].
    """

    values: NDArray[np.float16]
    sizes: NDArray[np.int64]


Submit = Callable[[Words], Callable[[], Logits]]


def backend(precision: str) -> str:
    """Return the name of the backend for ``precision``, a part of the transfer set's key.

    The name for int8 holds the version of the quantization, as another one gives other logits.
    """
    return f"onnx{INT8_VERSION}-int8" if precision == "int8" else f"torch-{precision}"


def check_teacher_precision(teacher: TokenModel, precision: str) -> None:
    """Check that ``teacher`` can compute in ``precision``.

    Raises:
        InputError: the precision is int8, and the teacher is a NeuralTagger, has a slow tokenizer, or onnx is missing.
    """
    if precision != "int8":
        return
    if teacher.decoder.constrained or isinstance(teacher.model, NeuralTagger):
        raise InputError(f"teacher_precision: int8 is for transformers, and {teacher.name} is a tagger; use fp32")
    if not teacher.tokenizer.is_fast:
        raise InputError(
            f"teacher_precision: int8 needs a fast tokenizer, and that of {teacher.name} is written in Python; use fp32"
        )
    check_exportable(teacher)


@contextmanager
def logits_predictor(teacher: TokenModel, precision: str) -> Iterator[Callable[[Words], Logits]]:
    """Yield a function that predicts float16 logits in this process.

    Args:
        teacher: on the device that it computes on.
        precision: ``fp32`` or ``bf16`` in torch, ``int8`` in ONNX Runtime; the teacher is exported at the first call.

    Raises:
        InputError: the precision is int8 and the teacher is not on the CPU.
    """
    if precision != "int8":
        yield partial(_in_torch, teacher, precision)
        return
    if teacher.device.type != "cpu":
        raise InputError(f"teacher_precision: int8 is for CPUs, and the teacher is on {teacher.device}; use bf16")
    with TemporaryDirectory() as folder:
        opened: list[Tagger] = []

        def predict(words: Words) -> Logits:
            if not opened:
                _export(teacher, Path(folder))
                opened.append(_opened(folder, torch.get_num_threads()))
            return _in_onnx(opened[0], words)

        yield predict


def _export(teacher: TokenModel, folder: Path) -> None:
    write_tagger(teacher, folder, ["int8"])


def _opened(folder: str, threads: int) -> Tagger:
    from nlptrain_runtime import Tagger  # with ONNX Runtime, which no other command needs

    return Tagger(folder, threads=threads)


def _in_torch(teacher: TokenModel, precision: str, words: Words) -> Logits:
    with torch.autocast(teacher.device.type, torch.bfloat16, enabled=precision == "bf16"):
        return _stored(teacher.logits(words))


def _in_onnx(tagger: Tagger, words: Words) -> Logits:
    return _stored(tagger.emissions(words))


def _stored(logits: Sequence[NDArray[np.float32]]) -> Logits:
    flat = np.concatenate([values.reshape(-1) for values in logits])
    # The largest float16 is 65,504; a larger logit would become infinite, and NaN in the loss.
    return Logits(np.clip(flat, -6e4, 6e4).astype(np.float16), np.array([values.size for values in logits]))


@contextmanager
def logits_workers(teacher: TokenModel, precision: str, workers: int) -> Iterator[Submit]:
    """Yield a function that takes the words of a shard and returns a function that waits for their logits.

    Several workers load ``teacher`` from a temporary folder and share the threads of this process. One worker labels a
    whole shard, so that its batches do not depend on the worker.

    Args:
        teacher: on the device that it computes on.
        precision: ``fp32``, ``bf16`` or ``int8``.
        workers: processes; 1: this process.

    Raises:
        InputError: as for ``logits_predictor``; several workers and a teacher that is not on the CPU; a worker was
            killed.
    """
    if workers == 1:
        with logits_predictor(teacher, precision) as predict:

            def compute(words: Words) -> Callable[[], Logits]:
                logits = predict(words)
                return lambda: logits

            yield compute
        return
    if teacher.device.type != "cpu":
        raise InputError(
            f"--workers: found {workers}, and the teacher is on {teacher.device}: one process uses all of it"
        )
    with TemporaryDirectory() as folder:
        threads = max(1, torch.get_num_threads() // workers)
        start = (folder, precision, threads, os.getpid())
        context = multiprocessing.get_context("spawn")  # a fork would copy locks of torch's threads
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=start)
        try:

            def submit(words: Words) -> Callable[[], Logits]:
                if not any(Path(folder).iterdir()):  # not earlier: often all logits are stored already
                    (_export if precision == "int8" else TokenModel.save)(teacher, Path(folder))
                return _waiting(pool.submit(_predict_in_worker, [tuple(sentence) for sentence in words]))

            yield submit
        except BaseException:  # e.g. a signal: the remaining shards will not be stored
            for process in list((pool._processes or {}).values()):
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _waiting(future: Future[Logits]) -> Callable[[], Logits]:
    def wait() -> Logits:
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise InputError(
                "--workers: a process that labels was killed (is there memory for that many teachers?); give the same "
                "command with fewer, what is labeled is found again"
            ) from error

    return wait


_WORKER: dict[str, Callable[[Words], Logits]] = {}  # the predictor of a worker process


def _start_worker(folder: str, precision: str, threads: int, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles it
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(threads)
    if precision == "int8":
        _WORKER["predict"] = partial(_in_onnx, _opened(folder, threads))
    else:
        _WORKER["predict"] = partial(_in_torch, load_token_model(folder), precision)


def _end_with(parent: int) -> None:
    """End this process when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os._exit(1)


def _predict_in_worker(words: Words) -> Logits:
    return _WORKER["predict"](words)
