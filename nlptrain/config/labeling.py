"""The configuration of labeling: where the teacher runs, and how many sentences it may fail on."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from nlptrain.config.section import Invalid, Section

MAX_ACTORS = 100_000
_MIN_GPUS = 0.0001  # that Ray counts


class LabelingConfig(Section):
    """`labeling`: where the teacher labels text."""

    engine: Literal["local", "ray"] = Field(
        default="local",
        description="local: on this machine. ray: on a Ray cluster (pip install 'nlptrain[ray]').",
    )
    address: str = Field(
        default="auto",
        min_length=1,
        description="Of the Ray cluster: HOST:PORT, auto (the one that this machine is part of), or local (a new one on this machine).",
    )
    actors: Literal["auto"] | Annotated[int, Field(ge=1, le=MAX_ACTORS)] | str = Field(
        default="auto",
        description="Most Ray actors, or MIN:MAX: labeling starts when there are MIN, and more are added while the cluster has room. auto: as many as it has room for.",
    )
    gpus_per_actor: float = Field(
        default=0.0,
        ge=0.0,
        le=1024.0,
        description="GPUs of each actor, e.g. 0.5 for two actors on each. 0: actors use CPUs.",
    )
    max_failed: float = Field(
        default=0.001,
        ge=0.0,
        le=1.0,
        description="Share of sentences that the teacher may fail on. They are listed in dead.jsonl and not trained on; with more of them, labeling ends.",
    )

    @model_validator(mode="after")
    def _actors_are_a_range(self) -> LabelingConfig:
        low, high = self.actor_range
        if not 1 <= low <= (low if high is None else high) <= MAX_ACTORS:
            raise Invalid(
                f"found {self.actors!r}",
                key="actors",
                expected=f"auto, a number from 1 to {MAX_ACTORS:,}, or MIN:MAX such as 2:8",
            )
        return self

    @model_validator(mode="after")
    def _gpus_are_a_part_or_whole(self) -> LabelingConfig:
        gpus = self.gpus_per_actor
        if (gpus > 1 and not gpus.is_integer()) or 0 < gpus < _MIN_GPUS:
            raise Invalid(
                f"found {gpus:g}", key="gpus_per_actor", expected="0, a part of a GPU such as 0.5, or a whole number"
            )
        return self

    @property
    def actor_range(self) -> tuple[int, int | None]:
        """The fewest actors to start with and the most; None: as many as the cluster has room for."""
        if self.actors == "auto":
            return 1, None
        if isinstance(self.actors, int):
            return 1, self.actors
        match = re.fullmatch(r"(?:(\d{1,9}):)?(\d{1,9})", self.actors)
        return (0, 0) if match is None else (int(match[1] or 1), int(match[2]))
