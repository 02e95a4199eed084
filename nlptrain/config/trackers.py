"""The registry of experiment trackers, which `report_to` names."""

from __future__ import annotations

from dataclasses import dataclass

from nlptrain.config.registry import Entry, Registry


@dataclass(frozen=True)
class TrackerEntry(Entry):
    """An experiment tracker.

    Attributes:
        build: a ``nlptrain.training.tracking.BuildTracker``: returns a tracker class of accelerate.
        description: what it writes and where, for the documentation of `report_to`.
        package: that must be importable; "": none.
        hint: how to install it.
        check: a function without arguments that raises ``InputError`` if the tracker cannot be used; "": none.
    """

    build: str
    description: str
    package: str = ""
    hint: str = ""
    check: str = ""


_TRACKING = "nlptrain.training.tracking"
_INSTALL = "pip install 'nlptrain[track]'"
TRACKERS = Registry(
    "experiment tracker",
    "report_to",
    "nlptrain.trackers",
    TrackerEntry,
    {
        "tensorboard": TrackerEntry(
            f"{_TRACKING}:build_tensorboard",
            "event files in `output_dir`/tensorboard",
            package="tensorboard",
            hint=_INSTALL,
        ),
        "wandb": TrackerEntry(
            f"{_TRACKING}:build_wandb",
            "Weights & Biases, in `output_dir`/wandb; offline, unless the environment variable WANDB_MODE is online",
            package="wandb",
            hint=_INSTALL,
            check=f"{_TRACKING}:check_wandb",
        ),
    },
)
