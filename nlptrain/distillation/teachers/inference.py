"""Teacher inference: compute the logits of a block of sentences, in this process or in several worker processes."""

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
from typing import TYPE_CHECKING

import torch

from nlptrain.distillation.teachers.teacher import TeacherLogits
from nlptrain.errors import InputError, Setting
from nlptrain.models.exported import INT8_VERSION, check_exportable, write_tagger
from nlptrain.models.neural_tagger import NeuralTagger
from nlptrain.models.token_model import TokenModel
from nlptrain.models.transformer import load_token_model

if TYPE_CHECKING:
    from nlptrain_runtime import Tagger

Sentences = Sequence[Sequence[str]]  # the words of each sentence
_POLL_SECONDS = 2.0


SubmitWords = Callable[[Sentences], Callable[[], TeacherLogits]]


def backend(precision: str) -> str:
    """Return the name of the backend for ``precision``, a part of the transfer set's key.

    For int8 it contains the version of the quantization, which affects the logits.
    """
    return f"onnx{INT8_VERSION}-int8" if precision == "int8" else f"torch-{precision}"


def check_teacher_precision(teacher: TokenModel, precision: str) -> None:
    """Check that ``teacher`` can compute in ``precision``.

    Raises:
        InputError: the precision is int8, and the teacher is a NeuralTagger, has a slow tokenizer, or onnx is missing.
    """
    if precision != "int8":
        return
    precision_key = Setting("teacher_precision")
    if teacher.decoder.is_constrained or isinstance(teacher.model, NeuralTagger):
        raise InputError(
            f"{teacher.name} is a tagger, and int8 is for transformers", location=precision_key, hint="use fp32"
        )
    if not teacher.tokenizer.is_fast:
        raise InputError(
            f"the tokenizer of {teacher.name} is written in Python, and int8 needs a fast tokenizer",
            location=precision_key,
            hint="use fp32",
        )
    check_exportable(teacher)


@contextmanager
def logits_predictor(teacher: TokenModel, precision: str) -> Iterator[Callable[[Sentences], TeacherLogits]]:
    """Yield a function that predicts float16 logits in this process.

    Args:
        teacher: on the device that it computes on.
        precision: ``fp32`` or ``bf16`` in torch, ``int8`` in ONNX Runtime; the teacher is exported at the first call.

    Raises:
        InputError: the precision is int8 and the teacher is not on the CPU.
    """
    if precision != "int8":
        yield partial(_predict_torch, teacher, precision)
        return
    if teacher.device.type != "cpu":
        raise InputError(
            f"the teacher is on {teacher.device}, and int8 is for CPUs",
            location=Setting("teacher_precision"),
            hint="use bf16",
        )
    with TemporaryDirectory() as folder:
        taggers: list[Tagger] = []

        def predict(sentences: Sentences) -> TeacherLogits:
            if not taggers:
                _export(teacher, Path(folder))
                taggers.append(_load_exported(folder, torch.get_num_threads()))
            return _predict_onnx(taggers[0], sentences)

        yield predict


def _export(teacher: TokenModel, folder: Path) -> None:
    write_tagger(teacher, folder, ["int8"])


def _load_exported(folder: str, threads: int) -> Tagger:
    from nlptrain_runtime import Tagger  # imports ONNX Runtime, which is needed only for int8

    return Tagger(folder, threads=threads)


def _predict_torch(teacher: TokenModel, precision: str, sentences: Sentences) -> TeacherLogits:
    with torch.autocast(teacher.device.type, torch.bfloat16, enabled=precision == "bf16"):
        return TeacherLogits.of(teacher.logits(sentences))


def _predict_onnx(tagger: Tagger, sentences: Sentences) -> TeacherLogits:
    return TeacherLogits.of(tagger.emissions(sentences))


@contextmanager
def logits_workers(teacher: TokenModel, precision: str, workers: int) -> Iterator[SubmitWords]:
    """Yield a function that starts the inference of a block, and returns a function that waits for its logits.

    Several workers load ``teacher`` from a temporary folder and share the threads of this process. One worker computes
    a whole block, so that its batches do not depend on the number of workers.

    Args:
        teacher: on the device that it computes on.
        precision: ``fp32``, ``bf16`` or ``int8``.
        workers: number of processes; 1: this process.

    Raises:
        InputError: as for ``logits_predictor``; several workers and a teacher that is not on the CPU; a worker was
            killed.
    """
    if workers == 1:
        with logits_predictor(teacher, precision) as predict:

            def compute(sentences: Sentences) -> Callable[[], TeacherLogits]:
                logits = predict(sentences)
                return lambda: logits

            yield compute
        return
    if teacher.device.type != "cpu":
        raise InputError(
            f"found {workers}, and the teacher is on {teacher.device}",
            location=Setting("workers"),
            expected="1, because one process uses the whole device",
        )
    with TemporaryDirectory() as folder:
        threads = max(1, torch.get_num_threads() // workers)
        arguments = (folder, precision, threads, os.getpid())
        context = multiprocessing.get_context("spawn")  # a fork would copy the locks of torch's threads
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=arguments)
        try:

            def submit(sentences: Sentences) -> Callable[[], TeacherLogits]:
                if not any(Path(folder).iterdir()):  # on demand: often all logits are stored already
                    (_export if precision == "int8" else TokenModel.save_pretrained)(teacher, Path(folder))
                return _wait_for(pool.submit(_predict_in_worker, [tuple(words) for words in sentences]))

            yield submit
        except BaseException:  # e.g. a signal: the remaining blocks are not stored
            for process in list((pool._processes or {}).values()):
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _wait_for(future: Future[TeacherLogits]) -> Callable[[], TeacherLogits]:
    def wait() -> TeacherLogits:
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise InputError(
                "a worker process was killed, perhaps because the memory does not hold so many teachers",
                location=Setting("workers"),
                hint="repeat the command with fewer workers; the stored logits are kept",
            ) from error

    return wait


_WORKER: dict[str, Callable[[Sentences], TeacherLogits]] = {}  # the predictor of a worker process


def _start_worker(folder: str, precision: str, threads: int, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles it
    threading.Thread(target=_exit_with_parent, args=(parent,), daemon=True).start()
    torch.set_num_threads(threads)
    if precision == "int8":
        _WORKER["predict"] = partial(_predict_onnx, _load_exported(folder, threads))
    else:
        _WORKER["predict"] = partial(_predict_torch, load_token_model(folder), precision)


def _exit_with_parent(parent: int) -> None:
    """End this process when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os._exit(1)


def _predict_in_worker(sentences: Sentences) -> TeacherLogits:
    return _WORKER["predict"](sentences)
