"""The configuration of each training command: what stands at the top of its YAML."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from nlptrain.config.augment import AugmentConfig
from nlptrain.config.data import DataConfig
from nlptrain.config.defaults import with_defaults
from nlptrain.config.objective import DistillConfig, PseudoLabelConfig
from nlptrain.config.section import ModelRef, Section
from nlptrain.config.student import (
    CRFHeadConfig,
    Student,
    StudentConfig,
    SubwordEmbedderConfig,
    TransformerStudentConfig,
)
from nlptrain.config.train import TrainConfig, TransformerTrainConfig

_MODEL = "a folder (a run's, or a Hugging Face model's), package:NAME/folder (a folder that an installed package carries), or a Hub name OWNER/NAME, OWNER/NAME@REVISION"


_SEEDS = 2**31


class CommandConfig(Section):
    """What every command reads."""

    data: DataConfig = Field(description="Files, their format, and what of the raw text is used.")
    output_dir: str = Field(
        min_length=1,
        description="Folder of the run: model/, config.yaml, metrics.jsonl, scores.json, log.txt.",
    )
    seed: int | None = Field(0, ge=0, lt=_SEEDS, description="Seed of all that is random.")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda|cuda:\d+|mps)$",
        description="auto (a GPU if there is one), cpu, cuda, cuda:N or mps.",
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="Arithmetic of the forward pass; fp16 needs a CUDA device."
    )
    threads: int | None = Field(None, ge=1, le=1024, description="CPU threads. null: as torch chooses.")
    report_to: list[Literal["tensorboard", "wandb"]] = Field(
        [],
        description="Experiment trackers that receive the metrics, in addition to metrics.jsonl (pip install 'nlptrain[track]'). tensorboard: event files in `output_dir`/tensorboard. wandb: Weights & Biases, in `output_dir`/wandb; offline, unless the environment variable WANDB_MODE is online.",
    )

    @model_validator(mode="after")
    def _half_needs_a_gpu(self) -> CommandConfig:
        if self.precision == "fp16" and self.device in ("cpu", "mps"):
            raise ValueError(f"precision: fp16 needs a CUDA device, and device is {self.device}; use fp32 or bf16")
        return self


class GoldConfig(CommandConfig):
    """What the two commands without a teacher share."""

    @model_validator(mode="after")
    def _needs_gold(self) -> GoldConfig:
        if self.data.train is None:
            raise ValueError("data.train: missing; name the files with the gold sentences to train on")
        return self

    @model_validator(mode="after")
    def _has_no_teacher(self) -> GoldConfig:
        for key in ("label_map", "teacher_scheme"):
            if getattr(self.data, key) not in (None, "auto"):
                raise ValueError(f"data.{key}: says how to read a teacher's labels, and this command has no teacher")
        return self


class TransformerTokenConfig(GoldConfig):
    """`nlptrain transformer_token`: fine-tunes a transformer."""

    model: ModelRef = Field(description=f"The pretrained transformer: {_MODEL}.")
    seed: int = Field(0, ge=0, lt=_SEEDS, description="Seed of all that is random.")
    language: str | None = Field(
        None,
        min_length=1,
        description="The language of the data, for models that must be told (multilingual XLM, X-MOD). Default: what the model itself says.",
    )
    train: TransformerTrainConfig = Field(TransformerTrainConfig(), description="Length, batches, optimizer.")


class StudentCommandConfig(CommandConfig):
    """What the commands that train a student share."""

    seeds: list[Annotated[int, Field(ge=0, lt=_SEEDS)]] | None = Field(
        None,
        min_length=1,
        description="Several seeds, in the place of `seed`: one run for each, in `output_dir`/seed-N, and the mean of their scores.",
    )
    student: Student = Field(StudentConfig(), description="The small tagger.")
    train: TrainConfig = Field(
        TrainConfig(),
        description="Length, batches, optimizer. Unless given: with student.kind transformer, learning_rate is 3e-4, clip_norm 1 and unk_dropout 0; with student.embedder.kind word, unk_dropout is 0.15; in tagger_kd, with a student of pieces and an LSTM or a GRU, learning_rate is 5e-3 and student.dropout 0.1.",
    )

    @classmethod
    def alternatives(cls) -> tuple[tuple[str, str], ...]:
        """One run, or one for each of several seeds."""
        return (("seed", "seeds"),)

    @model_validator(mode="after")
    def _each_seed_once(self) -> StudentCommandConfig:
        if twice := sorted({seed for seed in self.seeds or () if (self.seeds or []).count(seed) > 1}):
            raise ValueError(f"seeds: {', '.join(map(str, twice))} stands more than once; each seed is one run")
        return self

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_kinds(cls, values: Any) -> Any:  # noqa: ANN401
        return with_defaults(values, distilled=issubclass(cls, TaggerKDConfig)) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _parts_of_pieces(self) -> StudentCommandConfig:
        if self.train.label_pipeline_words and isinstance(getattr(self.student, "head", None), CRFHeadConfig):
            raise ValueError(
                "train.label_pipeline_words: a CRF's chain runs over words, so that the parts of a word have no place in it; leave it out, or use student.head.kind softmax"
            )
        return self


class TaggerConfig(StudentCommandConfig, GoldConfig):
    """`nlptrain tagger`: trains a student on the gold tags alone."""

    student: Student = Field(description="The small tagger.")

    @model_validator(mode="after")
    def _needs_a_model_to_start_from(self) -> TaggerConfig:
        student = self.student
        if student.init_from is not None:
            return self
        if isinstance(student, TransformerStudentConfig):
            if student.model is None:
                raise ValueError(
                    "student.model: missing; there is no teacher to cut it from: name a pretrained transformer"
                )
        elif isinstance(student.embedder, SubwordEmbedderConfig):
            if student.tokenizer is None:
                raise ValueError(
                    "student.tokenizer: missing; there is no teacher to take it from: name the pretrained model whose tokenizer the student reads with"
                )
        elif student.embedder.init == "teacher":
            raise ValueError("student.embedder.init: teacher, and there is none; name a pretrained model, or random")
        return self


class TeacherConfig(Section):
    """One of several teachers."""

    path: ModelRef = Field(description=f"The fine-tuned token classifier: {_MODEL}.")
    weight: float = Field(1.0, gt=0.0, le=1e6, description="Its share of the mean, beside those of the others.")


class DistillationConfig(StudentCommandConfig):
    """Keys that the two commands with a teacher share."""

    teacher: ModelRef | None = Field(None, description=f"The fine-tuned token classifier: {_MODEL}.")
    teachers: list[TeacherConfig] | None = Field(
        None,
        min_length=1,
        description="Several of them, in the place of `teacher`: their probabilities are averaged. They must have the same labels, after data.label_map.",
    )
    transfer_dir: str | None = Field(
        None,
        min_length=1,
        description="Folder of the teacher's stored logits, shared by all runs. Default: `transfer` beside `output_dir`.",
    )

    teacher_precision: Literal["fp32", "bf16", "int8"] = Field(
        "fp32",
        description="Arithmetic of the teacher while it labels; its answers are stored apart. bf16 is up to twice as fast on GPUs and on CPUs with AVX512-BF16 or AMX; int8 (ONNX Runtime on a CPU, a transformer on a fast tokenizer, extra [onnx]) up to three times on CPUs with VNNI.",
    )
    augment: Literal["auto", "none"] | AugmentConfig = Field(
        "auto",
        description="Sentences made out of the train and the unlabeled ones, for the teacher to label: none, or a map that says how. auto: as many as bring all text together to a million words.",
    )

    @model_validator(mode="after")
    def _one_teacher_or_several(self) -> DistillationConfig:
        if (self.teacher is None) == (self.teachers is None):
            raise ValueError(
                "teacher: missing; name the fine-tuned token classifier, or several in teachers"
                if self.teacher is None
                else "teachers: teacher is given, too; leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _needs_text(self) -> DistillationConfig:
        if self.data.train is None and self.data.unlabeled is None:
            raise ValueError("data: neither train nor unlabeled is given; name gold sentences, raw text, or both")
        return self

    @model_validator(mode="after")
    def _augments_what_is_no_dev(self) -> DistillationConfig:
        data = self.data
        if isinstance(self.augment, AugmentConfig) and data.train is None and data.dev is None:
            raise ValueError(
                "augment: without data.train and data.dev some raw sentences become dev, and others made of them would "
                "tell; name data.dev, or leave augment out"
            )
        return self

    @model_validator(mode="after")
    def _a_transformer_needs_a_size(self) -> DistillationConfig:
        student = self.student
        if isinstance(student, TransformerStudentConfig) and not (student.model or student.layers or student.init_from):
            raise ValueError(
                "student.layers: missing; say how many of the teacher's layers are kept, or name a student.model"
            )
        return self

    @property
    def augmenting(self) -> AugmentConfig | None:
        """The configuration of the augmentation, or None without augmentation."""
        if isinstance(self.augment, AugmentConfig):
            return self.augment
        held_out = self.data.train is not None or self.data.dev is not None
        return AugmentConfig() if self.augment == "auto" and held_out else None

    @property
    def teacher_list(self) -> list[TeacherConfig]:
        """All teachers, with their weights."""
        return self.teachers or [TeacherConfig(path=self.teacher or "")]


class TaggerKDConfig(DistillationConfig):
    """`nlptrain tagger_kd`: trains a student on the gold tags and on the teacher's logits."""

    objective: DistillConfig = Field(DistillConfig(), description="The loss.")

    @model_validator(mode="after")
    def _mse_needs_logits(self) -> TaggerKDConfig:
        if self.objective.loss == "mse" and self.teachers is not None and len(self.teachers) > 1:
            raise ValueError(
                "objective.loss: mse compares logits, and of several teachers only the mean of the probabilities is known; use kl"
            )
        if self.objective.loss == "mse" and isinstance(getattr(self.student, "head", None), CRFHeadConfig):
            raise ValueError("objective.loss: mse compares logits, and a CRF has marginals; use kl")
        return self


class PseudoLabelRunConfig(DistillationConfig):
    """`nlptrain pseudo_label`: trains a student on the gold tags and on the teacher's argmax on raw text."""

    objective: PseudoLabelConfig = Field(PseudoLabelConfig(), description="The loss.")

    @model_validator(mode="after")
    def _needs_text_without_tags(self) -> PseudoLabelRunConfig:
        if self.data.unlabeled is None and self.augmenting is None:
            raise ValueError(
                "data.unlabeled: missing, and augment is none; name the files with the raw text that the teacher labels, or leave augment out"
            )
        return self

    @model_validator(mode="after")
    def _precision_needs_gold(self) -> PseudoLabelRunConfig:
        if self.objective.min_precision is not None and self.data.dev is None and self.data.train is None:
            raise ValueError(
                "objective.min_precision: is measured on gold dev sentences, and neither data.dev nor data.train is given; name gold sentences in data.dev, or use min_confidence, which needs none"
            )
        return self


COMMANDS: dict[str, type[CommandConfig]] = {
    "transformer_token": TransformerTokenConfig,
    "tagger": TaggerConfig,
    "tagger_kd": TaggerKDConfig,
    "pseudo_label": PseudoLabelRunConfig,
}
