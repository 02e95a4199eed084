"""What a training shows: a bar on a terminal, plain lines in a pipe or a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from nlptrain.run import Run
from nlptrain.training.state import Progress
from nlptrain.training.steps import Step

_QUIET_SECONDS = 20.0  # between two plain lines
_LOOK_EVERY = 10  # steps between two looks at the loss: each one waits for the device


class Reporter:
    """Shows steps, loss, dev score, words per second and time left."""

    def __init__(self, run: Run, steps: int, progress: Progress) -> None:
        """Report on a run of ``steps`` steps that stands at ``progress``."""
        self.run = run
        self.steps = steps
        self._start = progress.step
        self._words = 0
        self._waited = 0.0
        self._aside = 0.0
        self._paused: float | None = None
        self._began = self._said = time.monotonic()
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
        """Words with a target, of all processes, per second of training, and this one's share of it without tensors.

        What is spent on scoring and saving does not count.
        """
        seconds = max(1e-9, (self._paused or time.monotonic()) - self._began - self._aside)
        return {"words_per_second": round(self._words / seconds), "waiting": round(self._waited / seconds, 4)}

    def __enter__(self) -> Reporter:
        """Show the bar."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    @contextmanager
    def pausing(self) -> Iterator[None]:
        """What is done in here is no training."""
        self._paused = time.monotonic()
        try:
            yield
        finally:
            self._aside += time.monotonic() - self._paused
            self._paused = None

    def step(self, step: Step) -> None:
        """Show that ``step`` is done."""
        number = step.number
        self._words += step.words
        self._waited += step.waited
        now = time.monotonic()
        if number % _LOOK_EVERY == 0:
            self._loss = f"loss {float(step.losses['loss']):.4f}"
        if self._bar is not None:
            self._bar.update(self._task, completed=number, description=self._status())
        elif now - self._said >= _QUIET_SECONDS:
            self._said = now
            left = (now - self._began) / max(1, number - self._start) * (self.steps - number)
            self.run.log(f"step {number:,}/{self.steps:,}  {self._status()}  {left:,.0f} s left")

    def scored(self, step: int, metric: str, value: float, *, best: bool) -> None:
        """Show a dev score."""
        self._dev = f"dev {metric} {value:.4f}"
        self.run.log(f"step {step:,}/{self.steps:,}  {self._status()}{'  (best so far)' if best else ''}")
        self._said = time.monotonic()

    def _status(self) -> str:
        rate = f"{self.speed['words_per_second']:,} words/s"
        return "  ".join(part for part in (self._loss, self._dev, rate) if part)
