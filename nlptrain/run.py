"""Run: device, precision, seed, output folder, console, and the signals that stop it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from filelock import FileLock, Timeout
from rich.console import Console

from nlptrain.config.commands import CommandConfig
from nlptrain.config.loading import to_yaml
from nlptrain.errors import InputError, Interrupted

_SILENT_KEYS = ("output_dir",)
# What a run has to lose: one that ended before, on bad input, say, may be given again with other keys and files.
_WORTH = ("checkpoint.safetensors", "model", "scores.json")


class Run:
    """What a command runs in: where it computes, where it writes, what it says.

    Attributes:
        folder: the output folder, or None for a run that only reads.
        accelerator: device and mixed precision.
        seed: of all that is random.
        provenance: what ``scores.json`` says of where the scores come from.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        device: str = "auto",
        precision: str = "fp32",
        threads: int | None = None,
        seed: int = 0,
        console: Console | None = None,
    ) -> None:
        """Choose the device and quieten the libraries; nothing is written yet."""
        refuse_more_processes()
        self.folder = folder
        self.seed = seed
        self.console = console or Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
        self.accelerator = _accelerator(device, precision)
        if threads is not None:
            torch.set_num_threads(threads)
        self.provenance: dict[str, Any] = {}
        self._stop: int | None = None
        self._waiting = False
        quieten()

    @property
    def device(self) -> torch.device:
        """Where models compute."""
        device: torch.device = self.accelerator.device
        return device

    def say(self, text: str) -> None:
        """Tell the user a line, and keep it in ``log.txt``."""
        self.console.print(text)
        if self.folder is not None and self.folder.is_dir():
            with (self.folder / "log.txt").open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    def introduce(self, command: str) -> None:
        """The first lines: what runs where."""
        device = str(self.device)
        if self.device.type == "cuda":
            device += f" ({torch.cuda.get_device_name(self.device)})"
        self.say(
            f"{command} -> {self.folder}  |  {device}, {self.accelerator.mixed_precision.replace('no', 'fp32')}, "
            f"{self.accelerator.num_processes} process, {torch.get_num_threads()} threads, seed {self.seed}"
        )

    def check(self) -> None:
        """Stop here if a signal has come since the last call.

        Raises:
            Interrupted: one has.
        """
        if self._stop is not None:
            raise Interrupted(self._stop)

    @contextlib.contextmanager
    def stopping_between_steps(self) -> Iterator[None]:
        """Let signals wait for the next ``check`` in here, so that a step is whole or not at all."""
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False

    @contextlib.contextmanager
    def handling_signals(self) -> Iterator[None]:
        """Turn SIGINT and SIGTERM into ``Interrupted``; a second one does not wait."""

        def stop(number: int, _: FrameType | None) -> None:
            if self._waiting and self._stop is None:
                self._stop = number
            else:
                raise Interrupted(number)

        with handlers(stop):
            yield


@contextlib.contextmanager
def handlers(stop: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Install ``stop`` for SIGINT and SIGTERM in here; outside the main thread nothing is installed."""
    try:
        old = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:
        old = {}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def refuse_more_processes() -> None:
    """Two silent copies in one folder is what would come of ``torchrun`` today.

    Raises:
        InputError: the launcher started more than one process.
    """
    world = os.environ.get("WORLD_SIZE", "1")
    if world != "1":
        raise InputError(
            f"WORLD_SIZE is {world}; this version trains in one process: start nlptrain without a launcher"
        )


def _accelerator(device: str, precision: str) -> Accelerator:
    AcceleratorState._reset_state(reset_partial_state=True)  # one process may hold several runs, each with its own
    if re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", device) is None:
        raise InputError(f"device: found {device!r}; must be auto, cpu, cuda, cuda:N or mps")
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
    return Accelerator(cpu=device == "cpu", mixed_precision=mixed)


def quieten() -> None:
    """Silence the libraries' own progress bars and reports: a run's output is ours."""
    import transformers
    from huggingface_hub.utils.tqdm import disable_progress_bars

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    disable_progress_bars()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
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


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401
    """Write ``value`` whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write ``text`` whole or not at all."""
    beside = path.with_name(path.name + ".part")
    with beside.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def finished_scores(folder: Path) -> dict[str, Any] | None:
    """``scores.json`` of a finished run, or None."""
    path = folder / "scores.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


@contextlib.contextmanager
def output_folder(
    folder: Path, command: str, config: CommandConfig, inputs: Mapping[str, str], *, overwrite: bool
) -> Iterator[None]:
    """Hold ``folder`` for one command and one configuration, with the resolved configuration in it.

    Args:
        folder: made if it is not there.
        command: the command's name.
        config: all keys but ``output_dir`` decide whether a run found there is the same.
        inputs: the hash of every file that is read; they decide, too.
        overwrite: clear what stands there.

    Raises:
        InputError: another process writes there, it holds another command's or configuration's run, or other files.
    """
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:  # an OSError, too
        raise InputError(
            f"{folder}: another nlptrain is writing there; wait for it, or give another --output-dir"
        ) from error
    except OSError as error:
        raise InputError(f"{folder}: cannot be written to ({error.strerror}); give another --output-dir") from error
    try:
        identity = run_identity(command, config, inputs)
        path = folder / "run.json"
        if overwrite:
            _clear(folder)
        elif path.is_file():
            if any((folder / name).exists() for name in _WORTH):
                _refuse_other(folder, json.loads(path.read_text(encoding="utf-8")), identity)
        elif strangers := [
            item.name for item in folder.iterdir() if item.name not in (".lock", "log.txt", "config.yaml")
        ]:
            raise InputError(
                f"{folder}: holds {', '.join(sorted(strangers)[:3])}, and no run of ours; give another --output-dir"
            )
        write_text(folder / "config.yaml", to_yaml(config))
        write_json(path, identity)
        yield
    finally:
        lock.release()


def run_identity(command: str, config: CommandConfig, inputs: Mapping[str, str]) -> dict[str, Any]:
    """What makes two runs the same: the command, every key that decides its bytes, and the files it reads."""
    values = config.model_dump(mode="json")
    kept = {key: value for key, value in values.items() if key not in _SILENT_KEYS}
    return {"command": command, "config": kept, "inputs": dict(inputs)}


def _clear(folder: Path) -> None:
    ours = (
        "model",
        "model.part",
        "checkpoint.safetensors",
        "checkpoint.safetensors.part",
        "config.yaml",
        "run.json",
        "metrics.jsonl",
        "scores.json",
        "log.txt",
        "pseudo_labels.jsonl",
    )
    for name in ours:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _refuse_other(folder: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    if found["command"] != wanted["command"]:
        raise InputError(f"{folder}: holds a run of {found['command']}; give another --output-dir, or --overwrite it")
    before, now = flatten(found["config"]), flatten(wanted["config"])
    differing = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if differing:
        lines = "; ".join(f"{key}: {before.get(key)!r} there, {now.get(key)!r} now" for key in differing)
        raise InputError(
            f"{folder}: holds a run with another configuration ({lines}); give another --output-dir, or --overwrite it"
        )
    changed = [name for name, value in wanted["inputs"].items() if found["inputs"].get(name) != value]
    if changed:
        raise InputError(
            f"{folder}: {', '.join(changed)} changed since this run was made; "
            "give another --output-dir, or --overwrite it"
        )


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested maps as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def command_line() -> str:
    """The command as it was given."""
    import shlex

    return shlex.join(["nlptrain", *sys.argv[1:]])
