"""Who computes the teacher's logits of a shard: this process, or several others on the cores of this machine."""

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
from nlptrain.models.exported import INT8_RULE, refuse_unexportable, write_tagger
from nlptrain.models.neural_tagger import NeuralTagger
from nlptrain.models.token_model import TokenModel
from nlptrain.models.transformer import load_token_model

if TYPE_CHECKING:
    from nlptrain_runtime import Tagger

Words = Sequence[Sequence[str]]
_WATCHED_SECONDS = 2.0


class Logits(NamedTuple):
    """The logits of a shard.

    Attributes:
        values: of all words of all sentences, flat.
        sizes: how many each sentence has, [sentences].
    """

    values: NDArray[np.float16]
    sizes: NDArray[np.int64]


Label = Callable[[Words], Callable[[], Logits]]


def backend(precision: str) -> str:
    """What computes in ``precision``, as the keys of stored logits name it: other ways to 8 bits get other numbers."""
    return f"onnx{INT8_RULE}-int8" if precision == "int8" else f"torch-{precision}"


def refuse_precision(teacher: TokenModel, precision: str) -> None:
    """Refuse what ``teacher`` does not label in.

    Raises:
        InputError: it is 8 bits, and the teacher a tagger of ours, or its tokenizer a slow one, or onnx not installed.
    """
    if precision != "int8":
        return
    if teacher.rule.constrained or isinstance(teacher.model, NeuralTagger):
        raise InputError(f"teacher_precision: int8 is for transformers, and {teacher.name} is a tagger; use fp32")
    if not teacher.tokenizer.is_fast:
        raise InputError(
            f"teacher_precision: int8 needs a fast tokenizer, and that of {teacher.name} is written in Python; use fp32"
        )
    refuse_unexportable(teacher)


@contextmanager
def answering(teacher: TokenModel, precision: str) -> Iterator[Callable[[Words], Logits]]:
    """What gives the logits of words as they are stored, computed by this process.

    Args:
        teacher: on the device that it computes on.
        precision: ``fp32`` or ``bf16``, in torch; ``int8``, in ONNX Runtime, whose net is written when it is needed.

    Raises:
        InputError: the teacher is to label in 8 bits on another device than the CPU.
    """
    if precision != "int8":
        yield partial(_in_torch, teacher, precision)
        return
    if teacher.device.type != "cpu":
        raise InputError(f"teacher_precision: int8 is for CPUs, and the teacher is on {teacher.device}; use bf16")
    with TemporaryDirectory() as folder:
        opened: list[Tagger] = []

        def read(words: Words) -> Logits:
            if not opened:
                _export(teacher, Path(folder))
                opened.append(_opened(folder, torch.get_num_threads()))
            return _in_onnx(opened[0], words)

        yield read


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
    # A float16 ends at 65,504; a logit beyond it would be stored as infinite and end as a NaN.
    return Logits(np.clip(flat, -6e4, 6e4).astype(np.float16), np.array([values.size for values in logits]))


@contextmanager
def labelling(teacher: TokenModel, precision: str, workers: int) -> Iterator[Label]:
    """What takes the words of a shard and gives a function that answers, or waits for, their logits.

    Several workers each read ``teacher`` from a folder that it is saved to for the time, and share the threads of this
    process. A shard is labelled by one of them alone, so that it has the same batches whoever does it.

    Args:
        teacher: on the device that it computes on.
        precision: ``fp32``, ``bf16`` or ``int8``.
        workers: processes; 1: this one.

    Raises:
        InputError: as for ``answering``; there are several and the teacher is not on the CPU; one of them was killed.
    """
    if workers == 1:
        with answering(teacher, precision) as answer:

            def at_once(words: Words) -> Callable[[], Logits]:
                found = answer(words)
                return lambda: found

            yield at_once
        return
    if teacher.device.type != "cpu":
        raise InputError(
            f"--workers: found {workers}, and the teacher is on {teacher.device}: one process uses all of it"
        )
    with TemporaryDirectory() as folder:
        threads = max(1, torch.get_num_threads() // workers)
        start = (folder, precision, threads, os.getpid())
        context = multiprocessing.get_context("spawn")  # a fork would copy locks of torch's threads
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=start)
        try:

            def submit(words: Words) -> Callable[[], Logits]:
                if not any(Path(folder).iterdir()):  # only now: often all logits are found
                    (_export if precision == "int8" else TokenModel.save)(teacher, Path(folder))
                return _waiting(pool.submit(_label, [tuple(one) for one in words]))

            yield submit
        except BaseException:  # a signal, say: nobody waits for shards that nobody will store
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
                "command with fewer, what is labelled is found again"
            ) from error

    return wait


_HERE: dict[str, Callable[[Words], Logits]] = {}  # what a worker answers by


def _begin(folder: str, precision: str, threads: int, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it decides when it ends
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(threads)
    if precision == "int8":
        _HERE["answer"] = partial(_in_onnx, _opened(folder, threads))
    else:
        _HERE["answer"] = partial(_in_torch, load_token_model(folder), precision)


def _end_with(parent: int) -> None:
    """End this process once its parent is gone: nobody else would tell it."""
    while os.getppid() == parent:
        time.sleep(_WATCHED_SECONDS)
    os._exit(1)


def _label(words: Words) -> Logits:
    return _HERE["answer"](words)
