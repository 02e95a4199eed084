"""The teachers of a run, and the registry of their kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from nlptrain.config.registry import ConfiguredEntry, KindSection, Registry, register
from nlptrain.config.section import ModelRef

MODEL = "a folder (a run's, or a Hugging Face model's), package:NAME/folder (a folder that an installed package carries), or a Hub name OWNER/NAME, OWNER/NAME@REVISION"


class TeacherConfig(KindSection):
    """A teacher of any kind."""

    default_kind = "transformer"

    weight: float = Field(default=1.0, gt=0.0, le=1e6, description="Its weight in the mean of all teachers.")


class TransformerTeacherConfig(TeacherConfig):
    """A token classifier of transformers, or a student that was trained here."""

    model_keys = ("path",)

    kind: Literal["transformer"] = Field(default="transformer", description="A token classifier.")
    path: ModelRef = Field(description=f"The fine-tuned token classifier: {MODEL}.")


@dataclass(frozen=True)
class TeacherEntry(ConfiguredEntry[TeacherConfig]):
    """A kind of teacher.

    Attributes:
        build: a ``nlptrain.distillation.teachers.BuildTeacher``: returns the ``Teacher`` of a configuration.
    """

    build: str


TEACHERS = Registry(
    "kind of teacher",
    "teacher.kind",
    "nlptrain.teachers",
    TeacherEntry,
    {
        "transformer": TeacherEntry(
            TransformerTeacherConfig, build="nlptrain.distillation.teachers.transformer:build_transformer_teacher"
        ),
    },
)
register(TeacherConfig, TEACHERS)
