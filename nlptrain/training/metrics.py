"""``metrics.jsonl``: what a training says of itself for programs to read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from nlptrain.atomic_files import move_aside, write_errors
from nlptrain.training.state import Progress
from nlptrain.training.steps import Step
from nlptrain.training.tracking import Tracker, Untracked


class Metrics:
    """``metrics.jsonl``: a line every few steps, cut back to the checkpoint when a run resumes."""

    def __init__(
        self,
        path: Path | None,
        progress: Progress,
        told: Tracker | None = None,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Go on in ``path`` behind the lines that ``progress`` knows of; ``told`` hears of each, too.

        Where these lines are missing or damaged, the file begins anew, and ``say`` reports it.
        """
        self.path = path
        self.progress = progress
        self._told = told or Untracked()
        self._new: list[dict[str, Tensor]] = []
        self._hash = hashlib.sha256()
        if path is not None:
            self._hash.update(_written_before(path, progress, log))
            with write_errors(path), path.open("ab") as file:
                file.truncate(progress.metrics_bytes)

    def add(self, step: Step) -> None:
        """Count a step in; its losses stay on the device until they are written."""
        self._new.append(step.losses)
        self.progress.words += step.words

    def settle(self) -> None:
        """Fetch the losses from the device, so that they can be saved."""
        for losses in self._new:
            for name, value in losses.items():
                self.progress.pending.setdefault(name, []).append(float(value))
        self._new = []

    def write(self, step: Step, speed: Mapping[str, float]) -> float:
        """Write a line with the mean losses since the last one; the answer is the mean of the whole loss.

        ``speed``: what else it says, of this process' time.
        """
        self.settle()
        means = {name: sum(values) / len(values) for name, values in self.progress.pending.items()}
        self._line(
            {
                "step": step.number,
                "epoch": step.epoch,
                **means,
                "learning_rate": step.learning_rate,
                "words": self.progress.words,
                **speed,
            }
        )
        self.progress.pending, self.progress.words = {}, 0
        return means["loss"]

    def write_dev(self, step: int, found: dict[str, float]) -> None:
        """A line with what was found on dev."""
        self.settle()
        self._line({"step": step, **found})

    def _line(self, values: dict[str, Any]) -> None:
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
        self._told.write(values)


def _written_before(path: Path, progress: Progress, log: Callable[[str], None]) -> bytes:
    """The lines in ``path`` that ``progress`` knows of; none if they are not what was written."""
    data = b""
    with suppress(FileNotFoundError), path.open("rb") as file:
        data = file.read(progress.metrics_bytes)
    if not progress.metrics_bytes or hashlib.sha256(data).hexdigest() == progress.metrics_hash:
        return data
    found = f"is damaged; moved to {move_aside(path).name}" if path.exists() else "is missing"
    log(f"{path}: {found}; it now begins after step {progress.step:,}")
    progress.metrics_bytes, progress.metrics_hash = 0, ""
    return b""
