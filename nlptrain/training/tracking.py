"""Experiment trackers (``report_to``): TensorBoard and Weights & Biases, through accelerate's tracker classes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from nlptrain.config.trackers import TRACKERS
from nlptrain.errors import InputError, Setting
from nlptrain.urls import has_credentials

if TYPE_CHECKING:
    from accelerate.tracking import GeneralTracker


BuildTracker = Callable[[Path, int, Callable[[str], None]], "GeneralTracker"]  # folder of the run, step, log


class Trackers:
    """Experiment trackers that receive the rows of ``metrics.jsonl``.

    A tracker that fails is reported once and receives nothing more; the training continues.
    """

    def __init__(
        self,
        kinds: Sequence[str] = (),
        folder: Path | None = None,
        *,
        step: int = 0,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Start the trackers ``kinds``; without a ``folder`` none.

        Args:
            kinds: as in ``report_to``.
            folder: of the run; the trackers write to ``tensorboard`` and ``wandb`` in it.
            step: of the checkpoint that the run resumes from; TensorBoard then ignores the points of later steps.
            log: reports where the curves are, and a tracker that fails.
        """
        self._log = log
        self._trackers: dict[str, GeneralTracker] = {}
        for kind in dict.fromkeys(kinds):
            if folder is None:
                break
            try:
                build: BuildTracker = TRACKERS.load(kind, TRACKERS[kind].build)
                tracker = build(folder, step, log)
                tracker.start()
            except Exception as error:
                self._report(kind, error)
            else:
                self._trackers[kind] = tracker

    def write(self, values: Mapping[str, Any]) -> None:
        """Log one row at its ``step``: dev scores as ``dev/...``, the other numbers as ``train/...``."""
        points = {_curve(name): value for name, value in values.items() if name != "step"}
        self._call("log", points, step=values["step"])

    def close(self) -> None:
        """Write what is buffered and end the trackers."""
        self._call("finish")

    def _call(self, method: str, *arguments: object, **keywords: object) -> None:
        for kind, tracker in list(self._trackers.items()):
            try:
                getattr(tracker, method)(*arguments, **keywords)
            except Exception as error:
                del self._trackers[kind]
                self._report(kind, error)

    def _report(self, kind: str, error: Exception) -> None:
        reason = str(error) or type(error).__name__
        self._log(f"{kind} failed: {reason}; training continues without it (report_to)")


def check_trackers(kinds: Sequence[str]) -> None:
    """Check that the trackers ``kinds`` can be used.

    Raises:
        InputError: a package, or something else that a tracker needs, is missing.
    """
    for kind in kinds:
        entry = TRACKERS[kind]
        if entry.package and find_spec(entry.package) is None:
            hint = f"{entry.hint}, or remove {kind}"
            raise InputError(f"the package {entry.package} is not installed", location=Setting("report_to"), hint=hint)
        if entry.check:
            TRACKERS.load(kind, entry.check)()


def check_wandb() -> None:
    """Check that Weights & Biases will not ask for a key.

    Raises:
        InputError: it is online, and there is no key.
    """
    if _wandb_mode() != "online":
        return
    import wandb

    if not wandb.login(prompt=False):
        hint = "run wandb login, or unset WANDB_MODE"
        raise InputError("found no API key of W&B", location=Setting("report_to"), hint=hint)


def _curve(name: str) -> str:
    return f"dev/{name.removeprefix('dev_')}" if name.startswith("dev_") else f"train/{name}"


def build_tensorboard(folder: Path, step: int, log: Callable[[str], None]) -> GeneralTracker:
    """Build a tracker of TensorBoard."""
    from accelerate.tracking import TensorBoardTracker

    log(f"tensorboard: {folder / 'tensorboard'} (report_to)")
    return TensorBoardTracker("tensorboard", logging_dir=folder, purge_step=step + 1)


def build_wandb(folder: Path, step: int, log: Callable[[str], None]) -> GeneralTracker:
    """Build a tracker of Weights & Biases, which uses the network only where ``WANDB_MODE`` is ``online``.

    A resumed run is another W&B run of the same group: what is uploaded cannot be cut back to a checkpoint.
    """
    import wandb
    from accelerate.tracking import WandBTracker

    os.environ.setdefault("WANDB_CACHE_DIR", str(folder))  # for its own logs, else in the home directory
    mode = _wandb_mode()
    log(f"wandb: {folder / 'wandb'}, {mode} (report_to, WANDB_MODE)")
    config = folder / "config.yaml"
    return WandBTracker(
        os.environ.get("WANDB_PROJECT", "nlptrain"),
        dir=str(folder),
        name=folder.name,
        group=str(folder),
        mode=mode,
        config=yaml.safe_load(config.read_text(encoding="utf-8")) if config.is_file() else None,
        notes=f"resumed after step {step}" if step else None,
        # Its metadata has the command line.
        settings=wandb.Settings(silent=True, console="off", x_disable_meta=has_credentials(sys.argv)),
    )


def _wandb_mode() -> str:
    return os.environ.get("WANDB_MODE", "offline")
