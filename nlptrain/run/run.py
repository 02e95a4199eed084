"""Run: device, precision, seed, console, and the signals that stop it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import accelerate
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import InitProcessGroupKwargs
from rich.console import Console

from nlptrain.atomic_files import write_errors
from nlptrain.errors import InputError, Interrupted
from nlptrain.interrupts import interrupt
from nlptrain.run.processes import START_TIMEOUT, Processes, launched_world_size
from nlptrain_runtime.errors import message_line

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Run:
    """What a command runs in: where it computes, where it writes, what it says.

    Attributes:
        folder: where this process writes: the output folder, or None for a run that only reads.
        accelerator: device and mixed precision.
        seed: of all that is random.
        report_to: experiment trackers that receive the metrics, in addition to ``metrics.jsonl``.
        workers: processes that label text.
        processes: that share the steps of a training; one of them writes.
        shared: the output folder, for all of these to read; ``folder`` is None in those that do not write.
        provenance: what ``scores.json`` says of where the scores come from.
        identity: SHA-256 of ``run.json``, which checkpoints record; empty where there is none.
    """

    def __init__(
        self,
        folder: str | Path | None,
        *,
        device: str = "auto",
        precision: str = "fp32",
        threads: int | None = None,
        seed: int = 0,
        workers: int = 1,
        console: Console | None = None,
        distributed: bool = False,
        report_to: Sequence[str] = (),
    ) -> None:
        """Choose the device and silence the libraries; nothing is written yet.

        Args:
            folder: the output folder.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
            precision: ``fp32``, ``bf16`` or ``fp16``.
            threads: of torch; None: as torch chooses.
            seed: of all that is random.
            workers: processes that label text.
            console: where it speaks; None: on stderr.
            distributed: whether this command knows how to share its work with other processes of a launcher.
            report_to: experiment trackers that receive the metrics: ``tensorboard``, ``wandb``.

        Raises:
            InputError: the device is not there, cannot compute in this precision, or a launcher started several
                processes of a command that runs in one.
        """
        folder = None if folder is None else Path(folder)
        if not distributed:
            check_single_process()
        self.seed = seed
        self.report_to = tuple(report_to)
        self.workers = workers
        self.accelerator = _build_accelerator(device, precision)
        self.processes = Processes(self.accelerator.process_index, self.accelerator.num_processes)
        self.shared_folder = folder
        self.folder = folder if self.processes.is_rank_zero else None
        self.console = console or Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)
        self.console.quiet = self.console.quiet or not self.processes.is_rank_zero
        if workers > 1 and self.processes.world_size > 1:
            raise InputError("--workers: the launcher's processes share the labeling; leave it out")
        if threads is not None:
            torch.set_num_threads(threads)
        self.provenance: dict[str, Any] = {}
        self.identity = ""
        self._stop: int | None = None
        self._stop_all: int | None = None
        self._waiting = False
        silence_libraries()

    @property
    def device(self) -> torch.device:
        """Where models compute."""
        device: torch.device = self.accelerator.device
        return device

    def log(self, text: str) -> None:
        """Tell the user a line, and keep it in ``log.txt``."""
        text = message_line(text)
        self.console.print(text)
        if self.folder is not None and self.folder.is_dir():
            path = self.folder / "log.txt"
            with write_errors(path), path.open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    def log_start(self, command: str) -> None:
        """The first lines: what runs where."""
        device = str(self.device)
        if self.device.type == "cpu":
            device = "cpu"  # where several train, accelerate counts them
        if self.device.type == "cuda":
            device += f" ({torch.cuda.get_device_name(self.device)})"
        processes, threads = self.processes.world_size, torch.get_num_threads()
        self.log(
            f"{command} -> {self.folder}  |  {device}, {self.accelerator.mixed_precision.replace('no', 'fp32')}, "
            f"{processes} {'process' if processes == 1 else 'processes'}, "
            f"{threads} {'thread' if threads == 1 else 'threads'}{' each' if processes > 1 else ''}, seed {self.seed}"
        )

    def received_signals(self) -> list[float]:
        """1 for each of ``SIGNALS`` that has asked this process to stop, 0 for the others."""
        return [float(self._stop == number) for number in SIGNALS]

    def sync_signals(self) -> None:
        """Let all processes know what each has heard."""
        if self.processes.world_size > 1:
            heard = torch.tensor(self.received_signals(), device=self.device)
            self.processes.all_reduce([heard])
            self.set_shared_signals(heard.tolist())

    def set_shared_signals(self, heard: Sequence[float]) -> None:
        """Know what all processes have ``heard``, added up."""
        self._stop_all = next((number for number, count in zip(SIGNALS, heard, strict=True) if count), None)

    def check_interrupted(self) -> None:
        """Stop here if a signal has come since the last call; where several train, one that all of them know of.

        Raises:
            Interrupted: one has.
        """
        stop = self._stop if self.processes.world_size == 1 else self._stop_all
        if stop is not None:
            raise Interrupted(stop)

    @contextlib.contextmanager
    def deferring_signals(self) -> Iterator[None]:
        """Let signals wait for the next ``check`` in here, so that a step is whole or not at all."""
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False

    @contextlib.contextmanager
    def handling_signals(self) -> Iterator[None]:
        """Turn SIGINT and SIGTERM into ``Interrupted``; a second one does not wait, but where several train.

        A terminal tells each of them, and their launcher tells them again.
        """

        def stop(number: int, frame: FrameType | None) -> None:
            if self._waiting and (self._stop is None or self.processes.world_size > 1):
                self._stop = self._stop or number
            else:
                interrupt(number, frame)

        with signal_handlers(stop):
            yield


@contextlib.contextmanager
def signal_handlers(stop: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Install ``stop`` for SIGINT and SIGTERM in here; outside the main thread nothing is installed."""
    try:
        old = {number: signal.signal(number, stop) for number in SIGNALS}
    except ValueError:
        old = {}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def check_single_process() -> None:
    """Two silent copies of what is done once is what would come of ``torchrun`` here.

    Raises:
        InputError: the launcher started more than one process.
    """
    if (world := launched_world_size()) > 1:
        raise InputError(
            f"WORLD_SIZE is {world}, and only training and labeling are shared by several processes; start this "
            "command without a launcher"
        )


def _build_accelerator(device: str, precision: str) -> Accelerator:
    AcceleratorState._reset_state(reset_partial_state=True)  # one process may hold several runs, each with its own
    if re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", device) is None:
        raise InputError(f"device: found {device!r}; must be auto, cpu, cuda, cuda:N or mps")
    world = launched_world_size()
    if world > 1 and device not in ("auto", "cpu", "cuda"):
        raise InputError(f"device: {device}, and {world} processes share the work; give auto, cpu or cuda")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"device: {device}, but torch {torch.__version__} finds no CUDA device; use cpu or auto")
    if device.startswith("cuda:"):
        index = int(device.removeprefix("cuda:"))
        if index >= torch.cuda.device_count():
            raise InputError(
                f"device: {device}, but there are {torch.cuda.device_count()} CUDA devices, counted from 0"
            )
        torch.cuda.set_device(index)
    if device == "mps" and not torch.backends.mps.is_available():
        raise InputError("device: mps, but torch finds no Apple GPU; use cpu or auto")
    mixed = {"fp32": "no"}.get(precision, precision)
    if mixed == "fp16" and (device == "cpu" or not torch.cuda.is_available()):
        raise InputError("precision: fp16 needs a CUDA device, and there is none; use fp32 or bf16")
    # Without a GPU, Accelerator takes the processes of a launcher for strangers unless it is told of the CPU.
    on_cpu = device == "cpu" or (world > 1 and not torch.cuda.is_available())
    patient = [InitProcessGroupKwargs(timeout=START_TIMEOUT)] if world > 1 else []
    accelerator = Accelerator(cpu=on_cpu, mixed_precision=mixed, kwargs_handlers=patient)
    if accelerator.num_processes != world:
        raise InputError(
            f"WORLD_SIZE is {world}, but accelerate {accelerate.__version__} found {accelerator.num_processes}; start "
            "with torchrun --nproc_per_node N -m nlptrain ..."
        )
    check_native_precision(accelerator.device, precision, "precision")
    return accelerator


def check_native_precision(device: torch.device, precision: str, key: str) -> None:
    """Refuse bf16 on an x86 CPU without AVX-512: torch has no LSTM for it there, and all else takes many times as long.

    Raises:
        InputError: ``precision``, which the configuration calls ``key``, is bf16, and ``device`` such a CPU.
    """
    if device.type != "cpu" or precision != "bf16":
        return
    known: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    if known.get("architecture") == "x86_64" and not (known.get("avx512_bw") or known.get("avx_ne_convert")):
        raise InputError(f"{key}: found bf16, which this CPU (x86 without AVX-512) does not compute; use fp32")


def silence_libraries() -> None:
    """Silence the libraries' own progress bars and reports: a run's output is ours."""
    import transformers
    from huggingface_hub.utils.tqdm import disable_progress_bars

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    disable_progress_bars()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers' progress bars and load reports out of a program that has not started a run."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
