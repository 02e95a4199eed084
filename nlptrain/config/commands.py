"""The configuration of each training command: what stands at the top of its YAML."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from nlptrain.config.data import DataConfig
from nlptrain.config.objective import DistillConfig, PseudoLabelConfig
from nlptrain.config.section import ModelRef, Section
from nlptrain.config.student import StudentConfig
from nlptrain.config.train import TrainConfig, TransformerTrainConfig

_MODEL = "a folder (a run's, or a Hugging Face model's), package:NAME/folder (a folder that an installed package carries), or a Hub name OWNER/NAME, OWNER/NAME@REVISION"


class CommandConfig(Section):
    """What every command reads."""

    data: DataConfig = Field(description="Files, their format, and what of the raw text is used.")
    output_dir: str = Field(
        min_length=1, description="Folder of the run: model/, config.yaml, metrics.jsonl, scores.json, log.txt."
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of all that is random.")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda|cuda:\d+|mps)$",
        description="auto (a GPU if there is one), cpu, cuda, cuda:N or mps.",
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="Arithmetic of the forward pass; fp16 needs a CUDA device."
    )
    threads: int | None = Field(None, ge=1, le=1024, description="CPU threads. null: as torch chooses.")

    @model_validator(mode="after")
    def _needs_gold(self) -> CommandConfig:
        if self.data.train is None:
            raise ValueError("data.train: missing; name the files with the gold sentences to train on")
        return self

    @model_validator(mode="after")
    def _half_needs_a_gpu(self) -> CommandConfig:
        if self.precision == "fp16" and self.device in ("cpu", "mps"):
            raise ValueError(f"precision: fp16 needs a CUDA device, and device is {self.device}; use fp32 or bf16")
        return self


class TransformerTokenConfig(CommandConfig):
    """`nlptrain transformer_token`: fine-tunes a transformer."""

    model: ModelRef = Field(description=f"The pretrained transformer: {_MODEL}.")
    train: TransformerTrainConfig = Field(TransformerTrainConfig(), description="Length, batches, optimizer.")


class TaggerConfig(CommandConfig):
    """`nlptrain tagger`: trains a student on the gold tags alone."""

    student: StudentConfig = Field(description="The small tagger.")
    train: TrainConfig = Field(TrainConfig(), description="Length, batches, optimizer.")

    @model_validator(mode="after")
    def _needs_a_tokenizer(self) -> TaggerConfig:
        if self.student.tokenizer is None:
            raise ValueError(
                "student.tokenizer: missing; there is no teacher to take it from: name the pretrained model whose tokenizer the student reads with"
            )
        return self


class TaughtConfig(CommandConfig):
    """What the two commands with a teacher share."""

    teacher: ModelRef = Field(description=f"The fine-tuned token classifier: {_MODEL}.")
    student: StudentConfig = Field(StudentConfig(), description="The small tagger.")
    train: TrainConfig = Field(TrainConfig(), description="Length, batches, optimizer.")
    transfer_dir: str | None = Field(
        None,
        min_length=1,
        description="Folder of the teacher's stored logits, shared by all runs. Default: `transfer` beside `output_dir`.",
    )


class TaggerKDConfig(TaughtConfig):
    """`nlptrain tagger_kd`: trains a student on the gold tags and on the teacher's logits."""

    objective: DistillConfig = Field(DistillConfig(), description="The loss.")


class PseudoLabelRunConfig(TaughtConfig):
    """`nlptrain pseudo_label`: trains a student on the gold tags and on the teacher's argmax on raw text."""

    objective: PseudoLabelConfig = Field(PseudoLabelConfig(), description="The loss.")

    @model_validator(mode="after")
    def _needs_raw_text(self) -> PseudoLabelRunConfig:
        if self.data.unlabeled is None:
            raise ValueError("data.unlabeled: missing; name the files with the raw text that the teacher labels")
        return self


COMMANDS: dict[str, type[CommandConfig]] = {
    "transformer_token": TransformerTokenConfig,
    "tagger": TaggerConfig,
    "tagger_kd": TaggerKDConfig,
    "pseudo_label": PseudoLabelRunConfig,
}
