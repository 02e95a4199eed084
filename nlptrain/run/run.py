"""Run: the device, precision, processes, seed, console and signals of one command."""

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
from nlptrain.config.labeling import LabelingConfig
from nlptrain.errors import InputError, Interrupted, Setting
from nlptrain.interrupts import interrupt
from nlptrain.run.processes import START_TIMEOUT, Processes, launched_world_size
from nlptrain.urls import redact
from nlptrain_runtime.errors import message_line

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Run:
    """The device, processes, seed and output folder of one command.

    Attributes:
        folder: the output folder; None on ranks above 0, and in a run that only reads.
        accelerator: device and mixed precision.
        seed: of everything random.
        report_to: experiment trackers that receive the metrics, in addition to ``metrics.jsonl``.
        workers: processes that label text.
        labeling: where text is labeled, and how many sentences the teacher may fail on.
        threads: that the user has asked for; None: torch's default.
        processes: that share the steps of a training; rank 0 writes.
        shared_folder: the output folder on every rank, for reading.
        provenance: entries of ``scores.json`` about the origin of the scores.
        identity_hash: SHA-256 of ``run.json``, which checkpoints record; empty without an output folder.
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
        labeling: LabelingConfig | None = None,
        console: Console | None = None,
        distributed: bool = False,
        report_to: Sequence[str] = (),
    ) -> None:
        """Choose the device and silence the libraries; nothing is written yet.

        Args:
            folder: the output folder.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
            precision: ``fp32``, ``bf16`` or ``fp16``.
            threads: CPU threads of torch; None: torch's default.
            seed: of everything random.
            workers: processes that label text.
            labeling: where text is labeled; None: on this machine.
            console: for log lines; None: stderr.
            distributed: whether this command can share its work with other processes of a launcher.
            report_to: experiment trackers that receive the metrics: ``tensorboard``, ``wandb``.

        Raises:
            InputError: the device is missing or does not support the precision, or a launcher has started several
                processes of a command that runs in one.
        """
        folder = None if folder is None else Path(folder)
        if not distributed:
            check_single_process()
        self.seed = seed
        self.report_to = tuple(report_to)
        self.workers = workers
        self.labeling = labeling or LabelingConfig()
        self.accelerator = _build_accelerator(device, precision)
        self.processes = Processes(self.accelerator.process_index, self.accelerator.num_processes)
        self.shared_folder = folder
        self.folder = folder if self.processes.is_rank_zero else None
        self.console = console or Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)
        self.console.quiet = self.console.quiet or not self.processes.is_rank_zero
        if workers > 1 and self.processes.world_size > 1:
            hint = "remove it: the launcher's processes share the labeling"
            raise InputError(f"found {workers}", location=Setting("workers"), hint=hint)
        self.threads = threads
        if threads is not None:
            torch.set_num_threads(threads)
        self.provenance: dict[str, Any] = {}
        self.identity_hash = ""
        self._received_signal: int | None = None
        self._shared_signal: int | None = None
        self._defers_signals = False
        silence_libraries()

    @property
    def device(self) -> torch.device:
        """Return the device that models compute on."""
        device: torch.device = self.accelerator.device
        return device

    def log(self, text: str) -> None:
        """Print a line and append it to ``log.txt``."""
        text = message_line(redact(text))
        self.console.print(text)
        if self.folder is not None and self.folder.is_dir():
            path = self.folder / "log.txt"
            with write_errors(path), path.open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    def log_start(self, command: str) -> None:
        """Log the command, its output folder, device, precision, processes, threads and seed."""
        device = str(self.device)
        if self.device.type == "cpu":
            device = "cpu"  # accelerate numbers the CPUs of several processes
        if self.device.type == "cuda":
            device += f" ({torch.cuda.get_device_name(self.device)})"
        processes, threads = self.processes.world_size, torch.get_num_threads()
        precision = self.accelerator.mixed_precision.replace("no", "fp32")
        per_process = f"{threads} {'thread' if threads == 1 else 'threads'}"
        shared = f"{processes} processes of {per_process}" if processes > 1 else per_process
        self.log(f"{command}: {self.folder} (output_dir)")
        self.log(f"device: {device}, {precision}, {shared}, seed {self.seed} (device, precision, threads, seed)")

    def received_signals(self) -> list[float]:
        """Return 1.0 for each of ``SIGNALS`` that this process has received, 0.0 for the others."""
        return [float(self._received_signal == signal_number) for signal_number in SIGNALS]

    def sync_signals(self) -> None:
        """Exchange the received signals between all processes."""
        if self.processes.world_size > 1:
            received = torch.tensor(self.received_signals(), device=self.device)
            self.processes.all_reduce([received])
            self.set_shared_signals(received.tolist())

    def set_shared_signals(self, received: Sequence[float]) -> None:
        """Set the signal that stops all processes.

        Args:
            received: of each of ``SIGNALS``, the number of processes that have received it.
        """
        signals = [signal_number for signal_number, count in zip(SIGNALS, received, strict=True) if count]
        self._shared_signal = signals[0] if signals else None

    def check_interrupted(self) -> None:
        """Raise if a signal was received.

        With several processes, only signals that ``sync_signals`` has exchanged count: all stop at the same step.

        Raises:
            Interrupted: a signal was received.
        """
        signal_number = self._received_signal if self.processes.world_size == 1 else self._shared_signal
        if signal_number is not None:
            raise Interrupted(signal_number)

    @contextlib.contextmanager
    def deferring_signals(self) -> Iterator[None]:
        """Defer signals in this block to the next ``check_interrupted``, so that no step is cut in two."""
        self._defers_signals = True
        try:
            yield
        finally:
            self._defers_signals = False

    @contextlib.contextmanager
    def handling_signals(self) -> Iterator[None]:
        """Raise ``Interrupted`` for SIGINT and SIGTERM in this block.

        Where signals are deferred, a second one raises at once, but not with several processes: each of them receives
        Ctrl-C twice, from the terminal and from the launcher.
        """

        def handle(signal_number: int, frame: FrameType | None) -> None:
            if self._defers_signals and (self._received_signal is None or self.processes.world_size > 1):
                self._received_signal = self._received_signal or signal_number
            else:
                interrupt(signal_number, frame)

        with signal_handlers(handle):
            yield


@contextlib.contextmanager
def signal_handlers(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle SIGINT and SIGTERM with ``handle`` in this block; does nothing outside the main thread."""
    try:
        old = {signal_number: signal.signal(signal_number, handle) for signal_number in SIGNALS}
    except ValueError:
        old = {}
    try:
        yield
    finally:
        for signal_number, handler in old.items():
            signal.signal(signal_number, handler)


def check_single_process() -> None:
    """Check that this command, which runs in one process, was not started by ``torchrun``.

    Raises:
        InputError: the launcher started more than one process.
    """
    if (world := launched_world_size()) > 1:
        raise InputError(
            f"found {world}, but only training and labeling can run in several processes",
            location="WORLD_SIZE",
            hint="start this command without a launcher",
        )


def _build_accelerator(device: str, precision: str) -> Accelerator:
    AcceleratorState._reset_state(reset_partial_state=True)  # one process may hold several runs, each with its own
    if re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", device) is None:
        raise _device_error(f"found {device!r}", expected="auto, cpu, cuda, cuda:N or mps")
    world = launched_world_size()
    if world > 1 and device not in ("auto", "cpu", "cuda"):
        raise _device_error(f"found {device}, and {world} processes", expected="auto, cpu or cuda")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise _device_error(f"found {device}, but torch {torch.__version__} has no CUDA device", hint="use cpu or auto")
    if device.startswith("cuda:"):
        index = int(device.removeprefix("cuda:"))
        if index >= torch.cuda.device_count():
            raise _device_error(f"found {device}, but torch has {torch.cuda.device_count()} CUDA devices, from cuda:0")
        torch.cuda.set_device(index)
    if device == "mps" and not torch.backends.mps.is_available():
        raise _device_error("found mps, but torch has no Apple GPU", hint="use cpu or auto")
    mixed = {"fp32": "no"}.get(precision, precision)
    if mixed == "fp16" and (device == "cpu" or not torch.cuda.is_available()):
        raise InputError(
            "found fp16, which needs a CUDA device", location=Setting("precision"), hint="use fp32 or bf16"
        )
    # Without a GPU, Accelerator ignores the launcher's processes unless cpu is set.
    on_cpu = device == "cpu" or (world > 1 and not torch.cuda.is_available())
    handlers = [InitProcessGroupKwargs(timeout=START_TIMEOUT)] if world > 1 else []
    accelerator = Accelerator(cpu=on_cpu, mixed_precision=mixed, kwargs_handlers=handlers)
    if accelerator.num_processes != world:
        raise InputError(
            f"found {world}, but accelerate {accelerate.__version__} has {accelerator.num_processes} processes",
            location="WORLD_SIZE",
            hint="start with torchrun --nproc_per_node N -m nlptrain ...",
        )
    check_native_precision(accelerator.device, precision, "precision")
    return accelerator


def _device_error(problem: str, *, expected: str = "", hint: str = "") -> InputError:
    return InputError(problem, location=Setting("device"), expected=expected, hint=hint)


def check_native_precision(device: torch.device, precision: str, key: str) -> None:
    """Check that ``device`` computes ``precision`` natively.

    On x86 CPUs without AVX-512, torch has no LSTM in bf16, and everything else takes many times as long.

    Raises:
        InputError: ``precision``, the value of ``key``, is bf16, and ``device`` is such a CPU.
    """
    if device.type != "cpu" or precision != "bf16":
        return
    cpu: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    if cpu.get("architecture") == "x86_64" and not (cpu.get("avx512_bw") or cpu.get("avx_ne_convert")):
        raise InputError(
            "found bf16, which this CPU (x86 without AVX-512) does not compute",
            location=Setting(key),
            hint="use fp32",
        )


def silence_libraries() -> None:
    """Turn off the progress bars and reports of transformers and the Hub client."""
    import transformers
    from huggingface_hub.utils.tqdm import disable_progress_bars

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    disable_progress_bars()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Turn off the progress bars and load reports of transformers in this block."""
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
