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
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from nlptrain.errors import InputError
from nlptrain.models.token_model import TokenModel
from nlptrain.models.transformer import load_token_model

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


def logits_of(teacher: TokenModel, precision: str, words: Words) -> Logits:
    """The logits of ``words`` as they are stored."""
    with torch.autocast(teacher.device.type, torch.bfloat16, enabled=precision == "bf16"):
        logits = teacher.logits(words)
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
        precision: ``fp32`` or ``bf16``.
        workers: processes; 1: this one.

    Raises:
        InputError: there are several and the teacher is not on the CPU, or one of them was killed.
    """
    if workers == 1:

        def at_once(words: Words) -> Callable[[], Logits]:
            found = logits_of(teacher, precision, words)
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
                    teacher.save(Path(folder))
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


_HERE: dict[str, tuple[TokenModel, str]] = {}  # the teacher of a worker


def _begin(folder: str, precision: str, threads: int, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it decides when it ends
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(threads)
    _HERE["teacher"] = load_token_model(folder), precision


def _end_with(parent: int) -> None:
    """End this process once its parent is gone: nobody else would tell it."""
    while os.getppid() == parent:
        time.sleep(_WATCHED_SECONDS)
    os._exit(1)


def _label(words: Words) -> Logits:
    teacher, precision = _HERE["teacher"]
    return logits_of(teacher, precision, words)
