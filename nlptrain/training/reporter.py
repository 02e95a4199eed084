"""What a training reports: a progress bar or plain lines for people, and ``metrics.jsonl`` for programs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from torch import Tensor

from nlptrain.atomic_files import move_aside, write_errors
from nlptrain.run.run import Run
from nlptrain.training.checkpoint import Progress
from nlptrain.training.steps import Step
from nlptrain.training.tracking import Trackers

_LOG_SECONDS = 20.0  # between two plain lines
_LOSS_STEPS = 10  # steps between two reads of the loss: each one waits for the device


class Reporter:
    """Shows steps, loss, dev score, words per second and remaining time: a bar on a terminal, else plain lines."""

    def __init__(self, run: Run, steps: int, progress: Progress) -> None:
        """Report on a run of ``steps`` steps, of which ``progress`` is done."""
        self.run = run
        self.steps = steps
        self._start = progress.step
        self._words = 0
        self._waited = 0.0
        self._excluded = 0.0
        self._paused: float | None = None
        self._started = self._logged = time.monotonic()
        self._loss = self._dev = ""
        self._bar: Bar | None = None
        if run.console.is_terminal:
            columns = (
                TextColumn("training"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.description}"),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=run.console, transient=True)
            self._task = self._bar.add_task("", total=steps, completed=progress.step)

    @property
    def speed(self) -> dict[str, float]:
        """The throughput without evaluation and saving.

        ``words_per_second``: words with a target, of all processes; ``waiting``: the share of the time that this
        process spent on batches.
        """
        seconds = max(1e-9, (self._paused or time.monotonic()) - self._started - self._excluded)
        return {"words_per_second": round(self._words / seconds), "waiting": round(self._waited / seconds, 4)}

    def __enter__(self) -> Reporter:
        """Show the bar."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()

    @contextmanager
    def pausing(self) -> Iterator[None]:
        """Exclude this block from the throughput."""
        self._paused = time.monotonic()
        try:
            yield
        finally:
            self._excluded += time.monotonic() - self._paused
            self._paused = None

    def step(self, step: Step) -> None:
        """Report that ``step`` is done."""
        self._words += step.words
        self._waited += step.waited
        now = time.monotonic()
        if step.index % _LOSS_STEPS == 0:
            self._loss = f"loss {float(step.losses['loss']):.4f}"
        if self._bar is not None:
            self._bar.update(self._task, completed=step.index, description=self._status(self._dev))
        elif now - self._logged >= _LOG_SECONDS:
            self._logged = now
            remaining = (now - self._started) / max(1, step.index - self._start) * (self.steps - step.index)
            self.run.log(f"step {step.index:,}/{self.steps:,}: {self._status(dev='')}, {remaining:,.0f} s left")

    def evaluated(self, step: int, metric: str, value: float, *, is_best: bool) -> None:
        """Report a dev score."""
        self._dev = f"dev {metric} {value:.4f}"
        dev = f"{self._dev} (best so far)" if is_best else self._dev
        self.run.log(f"step {step:,}/{self.steps:,}: {self._status(dev)}")
        self._logged = time.monotonic()

    def _status(self, dev: str) -> str:
        rate = f"{self.speed['words_per_second']:,} words/s"
        return ", ".join(part for part in (self._loss, dev, rate) if part)


class MetricsLog:
    """``metrics.jsonl``: a line every few steps, truncated to the checkpoint when a run resumes."""

    def __init__(
        self,
        path: Path | None,
        progress: Progress,
        trackers: Trackers | None = None,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Append to ``path`` after the lines that ``progress`` has recorded; ``trackers`` receive each line as well.

        If these lines are missing or damaged, the file starts again, and ``log`` receives a line about it.
        """
        self.path = path
        self.progress = progress
        self._trackers = trackers or Trackers()
        self._new: list[dict[str, Tensor]] = []
        self._hash = hashlib.sha256()
        if path is not None:
            self._hash.update(_recorded_lines(path, progress, log))
            with write_errors(path), path.open("ab") as file:
                file.truncate(progress.metrics_bytes)

    def add(self, step: Step) -> None:
        """Count ``step``; its losses stay on the device until they are written."""
        self._new.append(step.losses)
        self.progress.words += step.words

    def settle(self) -> None:
        """Fetch the losses from the device, so that they can be saved."""
        for losses in self._new:
            for name, value in losses.items():
                self.progress.pending.setdefault(name, []).append(float(value))
        self._new = []

    def write(self, step: Step, speed: Mapping[str, float]) -> float:
        """Write a line with the mean losses since the last one and with ``speed``; return the mean loss."""
        self.settle()
        means = {name: sum(values) / len(values) for name, values in self.progress.pending.items()}
        self._write_line(
            {
                "step": step.index,
                "epoch": step.epoch,
                **means,
                "learning_rate": step.learning_rate,
                "words": self.progress.words,
                **speed,
            }
        )
        self.progress.pending, self.progress.words = {}, 0
        return means["loss"]

    def write_dev(self, step: int, metrics: dict[str, float]) -> None:
        """Write a line with the dev ``metrics`` after ``step``."""
        self.settle()
        self._write_line({"step": step, **metrics})

    def _write_line(self, values: dict[str, Any]) -> None:
        if self.path is not None:
            line = (json.dumps(values) + "\n").encode()
            try:
                with write_errors(self.path), self.path.open("ab") as file:
                    file.write(line)
            except OSError:
                with suppress(OSError), self.path.open("ab") as file:
                    file.truncate(self.progress.metrics_bytes)  # a part of the line may be written
                raise
            self._hash.update(line)
            self.progress.metrics_bytes += len(line)
            self.progress.metrics_hash = self._hash.hexdigest()
        self._trackers.write(values)


def _recorded_lines(path: Path, progress: Progress, log: Callable[[str], None]) -> bytes:
    """Return the lines in ``path`` that ``progress`` has recorded; none if they differ from what was written."""
    data = b""
    with suppress(FileNotFoundError), path.open("rb") as file:
        data = file.read(progress.metrics_bytes)
    if not progress.metrics_bytes or hashlib.sha256(data).hexdigest() == progress.metrics_hash:
        return data
    state = f"is damaged; moved to {move_aside(path).name}" if path.exists() else "is missing"
    log(f"{path}: {state}; it now begins after step {progress.step:,}")
    progress.metrics_bytes, progress.metrics_hash = 0, ""
    return b""
