"""``track: tensorboard``: the lines of metrics.jsonl as curves, too."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from nlptrain.atomic_files import write_errors
from nlptrain.errors import InputError


class Tracker(Protocol):
    """What is told each line of ``metrics.jsonl``."""

    def write(self, values: Mapping[str, Any]) -> None:
        """Take the numbers of one line; ``step`` says which step they are of."""
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...


class Untracked:
    """Nobody is told anything."""

    def write(self, values: Mapping[str, Any]) -> None:
        """Pass over ``values``."""

    def close(self) -> None:
        """There is nothing to close."""


class TensorBoard:
    """Event files for TensorBoard, a curve for each name."""

    def __init__(self, folder: Path, step: int) -> None:
        """Go on in ``folder`` behind ``step``: what a stopped run has told of later ones is not shown.

        Raises:
            InputError: the package is not installed.
        """
        check_tracker_installed()
        from torch.utils.tensorboard import SummaryWriter

        self._folder = folder
        with write_errors(folder):
            self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def write(self, values: Mapping[str, Any]) -> None:
        """A point on each curve: ``train/...``, and of a scoring ``dev/...``."""
        for name, value in values.items():
            if name == "step":
                continue
            curve = f"dev/{name.removeprefix('dev_')}" if name.startswith("dev_") else f"train/{name}"
            with write_errors(self._folder):
                self._writer.add_scalar(curve, value, values["step"])

    def close(self) -> None:
        """Write what is left."""
        with write_errors(self._folder):
            self._writer.close()


def tracker(kind: str, folder: Path | None, step: int) -> Tracker:
    """What ``track`` names, in the run's ``folder``; the run stands behind ``step``."""
    if kind == "none" or folder is None:
        return Untracked()
    return TensorBoard(folder / "tensorboard", step)


def check_tracker_installed() -> None:
    """See that TensorBoard can be told.

    Raises:
        InputError: its package is not installed.
    """
    if find_spec("tensorboard") is None:
        raise InputError(
            "track: tensorboard, and the package is not installed; pip install 'nlptrain[track]', or leave it out"
        )
