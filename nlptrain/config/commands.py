"""The configuration of each training command: the top level of its YAML."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from nlptrain.config.data import DataConfig
from nlptrain.config.labeling import LabelingConfig
from nlptrain.config.objectives import KLConfig, LossConfig, PseudoLabelConfig
from nlptrain.config.registry import KindName
from nlptrain.config.section import Invalid, ModelRef, Section
from nlptrain.config.student import Student, StudentConfig, TransformerStudentConfig
from nlptrain.config.teachers import MODEL, TeacherConfig, TransformerTeacherConfig
from nlptrain.config.trackers import TRACKERS
from nlptrain.config.train import AugmentConfig, TrainConfig, TransformerTrainConfig
from nlptrain.urls import hide_credentials, is_output_url, local_path

_TRACKERS = "; ".join(f"{name}: {entry.description}" for name, entry in TRACKERS.items())
_SEEDS = 2**31


class CommandConfig(Section):
    """Keys of all commands."""

    data: DataConfig = Field(description="Files and their format.")
    output_dir: str = Field(
        min_length=1,
        description="Folder of the run: model/, config.yaml, metrics.jsonl, scores.json, log.txt.",
    )
    seed: int | None = Field(default=0, ge=0, lt=_SEEDS, description="Seed of everything random.")
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|cuda|cuda:\d+|mps)$",
        description="auto (a GPU if there is one), cpu, cuda, cuda:N or mps.",
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        default="fp32", description="Arithmetic of the forward pass; fp16 needs a CUDA device."
    )
    threads: int | None = Field(default=None, ge=1, le=1024, description="CPU threads. null: torch's default.")
    report_to: list[Annotated[str, KindName(TRACKERS)]] = Field(
        default=[],
        description=f"Experiment trackers that receive the metrics, in addition to metrics.jsonl (pip install 'nlptrain[track]'). {_TRACKERS}.",
    )

    @model_validator(mode="after")
    def _writes_local_folders(self) -> CommandConfig:
        if is_output_url(self.output_dir):
            url = hide_credentials(self.output_dir)
            raise Invalid(f"found the URL {url}", key="output_dir", expected="a local folder")
        return self

    @model_validator(mode="after")
    def _fp16_needs_a_gpu(self) -> CommandConfig:
        if self.precision == "fp16" and self.device in ("cpu", "mps"):
            raise Invalid(
                f"found fp16, which needs a CUDA device, and device is {self.device}",
                key="precision",
                expected="fp32 or bf16",
            )
        return self


class GoldConfig(CommandConfig):
    """Keys of the two commands without a teacher."""

    @model_validator(mode="after")
    def _needs_gold(self) -> GoldConfig:
        if self.data.train is None:
            raise Invalid("missing", key="data.train", hint="name the files with the gold sentences to train on")
        return self

    @model_validator(mode="after")
    def _has_no_teacher(self) -> GoldConfig:
        for key in ("label_map", "teacher_scheme"):
            if getattr(self.data, key) not in (None, "auto"):
                raise Invalid("this command has no teacher", key=f"data.{key}", hint="remove it")
        return self


class TransformerTokenConfig(GoldConfig):
    """`nlptrain transformer_token`: fine-tunes a transformer."""

    model: ModelRef = Field(description=f"The pretrained transformer: {MODEL}.")
    seed: int = Field(default=0, ge=0, lt=_SEEDS, description="Seed of everything random.")
    language: str | None = Field(
        default=None,
        min_length=1,
        description="Language of the data, for multilingual models that need it (XLM, X-MOD). Default: that of the model's folder.",
    )
    train: TransformerTrainConfig = Field(default=TransformerTrainConfig(), description="Length, batches, optimizer.")


class StudentCommandConfig(CommandConfig):
    """Keys of the commands that train a student."""

    seeds: list[Annotated[int, Field(ge=0, lt=_SEEDS)]] | None = Field(
        default=None,
        min_length=1,
        description="Several seeds, instead of `seed`: one run for each, in `output_dir`/seed-N, and the mean of their scores.",
    )
    student: Student = Field(default=StudentConfig(), description="The student model.")
    train: TrainConfig = Field(
        default=TrainConfig(),
        description="Length, batches, optimizer. What is `auto` depends on the student and on the text.",
    )

    @classmethod
    def alternatives(cls) -> tuple[tuple[str, str], ...]:
        """Return ``seed`` and ``seeds``: one run, or one for each of several seeds."""
        return (("seed", "seeds"),)

    @model_validator(mode="after")
    def _each_seed_once(self) -> StudentCommandConfig:
        if twice := sorted({seed for seed in self.seeds or () if (self.seeds or []).count(seed) > 1}):
            raise Invalid(f"found {', '.join(map(str, twice))} more than once", key="seeds", expected="each seed once")
        return self

    @model_validator(mode="after")
    def _pipeline_words_need_a_softmax(self) -> StudentCommandConfig:
        if self.train.label_pipeline_words and self.student.is_structured:
            raise Invalid(
                "a CRF labels whole words, not parts of words",
                key="train.label_pipeline_words",
                hint="remove it, or use student.head.kind softmax",
            )
        return self


class TaggerConfig(StudentCommandConfig, GoldConfig):
    """`nlptrain tagger`: trains a student on the gold tags alone."""

    @model_validator(mode="after")
    def _needs_a_pretrained_model(self) -> TaggerConfig:
        student = self.student
        if student.init_from is not None:
            return self
        if isinstance(student, TransformerStudentConfig):
            if student.model is None:
                hint = "name a pretrained transformer; there is no teacher whose layers could be used"
                raise Invalid("missing", key="student.model", hint=hint)
        elif student.embedder.has_tokenizer and student.tokenizer is None:
            hint = "name the pretrained model whose tokenizer the student uses; there is no teacher to take it from"
            raise Invalid("missing", key="student.tokenizer", hint=hint)
        elif getattr(student.embedder, "init", None) == "teacher":
            raise Invalid(
                "found teacher, and this command has none",
                key="student.embedder.init",
                expected="a pretrained model, or random",
            )
        return self


class DistillationConfig(StudentCommandConfig):
    """Keys of the two commands with a teacher."""

    teacher: ModelRef | TeacherConfig | None = Field(
        default=None, description=f"The fine-tuned token classifier: {MODEL}. Or a map: a teacher of another kind."
    )
    teachers: list[TeacherConfig] | None = Field(
        default=None,
        min_length=1,
        description="Several teachers, instead of `teacher`: their probabilities are averaged. They must have the same labels, after data.label_map.",
    )
    transfer_dir: str | None = Field(
        default=None,
        min_length=1,
        description="Folder of the transfer set (the teacher's stored logits), shared by all runs; or a URL, wherever fsspec can write. Default: the folder `transfer` next to `output_dir`.",
    )
    transfer_cache_gb: float = Field(
        default=50.0,
        gt=0.0,
        description="With a URL as `transfer_dir`: most GB of the copies in the user's cache, of those of one teacher.",
    )

    @field_validator("transfer_dir")
    @classmethod
    def _without_credentials(cls, folder: str | None) -> str | None:
        if folder is None or not is_output_url(folder):
            return folder
        return local_path(
            hide_credentials(re.sub(r":/(?!/)", "://", folder, count=1))
        )  # Path has shortened it to one slash

    teacher_precision: Literal["fp32", "bf16", "int8"] = Field(
        default="fp32",
        description="Arithmetic of the teacher; the logits of each precision are stored separately. bf16 is up to twice as fast on GPUs and on CPUs with AVX512-BF16 or AMX; int8 (ONNX Runtime on a CPU, a transformer with a fast tokenizer, extra [onnx]) up to three times on CPUs with VNNI.",
    )
    labeling: LabelingConfig = Field(
        default=LabelingConfig(),
        description="Where the teacher labels text, and how many sentences it may fail on.",
    )
    augment: Literal["auto", "none"] | AugmentConfig = Field(
        default="auto",
        description="Synthetic sentences from train and unlabeled, which the teacher labels: none, or a map of settings. auto: as many as bring all text together to a million words.",
    )

    @model_validator(mode="after")
    def _one_teacher_or_several(self) -> DistillationConfig:
        if (self.teacher is None) == (self.teachers is None):
            if self.teacher is None:
                hint = "name the fine-tuned token classifier, or several in teachers"
                raise Invalid("missing", key="teacher", hint=hint)
            raise Invalid("found teacher and teachers", key="teachers", expected="only one of them")
        return self

    @model_validator(mode="after")
    def _needs_text(self) -> DistillationConfig:
        if self.data.train is None and self.data.unlabeled is None:
            raise Invalid("found neither train nor unlabeled", key="data", expected="gold sentences, raw text, or both")
        return self

    @model_validator(mode="after")
    def _augmentation_needs_dev(self) -> DistillationConfig:
        data = self.data
        if isinstance(self.augment, AugmentConfig) and data.train is None and data.dev is None:
            raise Invalid(
                "without data.train and data.dev, some raw sentences become dev, and synthetic ones could contain them",
                key="augment",
                hint="name data.dev, or remove augment",
            )
        return self

    @model_validator(mode="after")
    def _a_transformer_needs_a_size(self) -> DistillationConfig:
        student = self.student
        if isinstance(student, TransformerStudentConfig) and not (student.model or student.layers or student.init_from):
            hint = "give the number of the teacher's layers to keep, or name a student.model"
            raise Invalid("missing", key="student.layers", hint=hint)
        return self

    @property
    def augmenting(self) -> AugmentConfig | None:
        """Return the configuration of the augmentation, or None without augmentation."""
        if isinstance(self.augment, AugmentConfig):
            return self.augment
        has_gold = self.data.train is not None or self.data.dev is not None
        return AugmentConfig() if self.augment == "auto" and has_gold else None

    @property
    def teacher_list(self) -> list[TeacherConfig]:
        """Return all teachers, with their weights."""
        if isinstance(self.teacher, TeacherConfig):
            return [self.teacher]
        return self.teachers or [TransformerTeacherConfig(path=self.teacher or "")]


class TaggerKDConfig(DistillationConfig):
    """`nlptrain tagger_kd`: trains a student on the gold tags and on the teacher's logits."""

    objective: LossConfig = Field(default=KLConfig(), description="The loss.")

    @model_validator(mode="after")
    def _needs_raw_logits(self) -> TaggerKDConfig:
        if not self.objective.needs_raw_logits:
            return self
        compares = f"found {self.objective.loss}, which compares logits"
        if self.teachers is not None and len(self.teachers) > 1:
            reason = "several teachers have only mean probabilities"
            raise Invalid(f"{compares}, and {reason}", key="objective.loss", expected="kl")
        if self.student.is_structured:
            raise Invalid(f"{compares}, and a CRF has marginals", key="objective.loss", expected="kl")
        return self


class PseudoLabelRunConfig(DistillationConfig):
    """`nlptrain pseudo_label`: trains a student on the gold tags and on the teacher's argmax on raw text."""

    objective: PseudoLabelConfig = Field(default=PseudoLabelConfig(), description="The loss.")

    @model_validator(mode="after")
    def _needs_text_without_tags(self) -> PseudoLabelRunConfig:
        if self.data.unlabeled is None and self.augmenting is None:
            hint = "name the files with the raw text that the teacher labels, or remove augment"
            raise Invalid("missing, and augment is none", key="data.unlabeled", hint=hint)
        return self

    @model_validator(mode="after")
    def _precision_needs_gold(self) -> PseudoLabelRunConfig:
        if self.objective.min_precision is not None and self.data.dev is None and self.data.train is None:
            raise Invalid(
                "is measured on gold dev sentences, and neither data.dev nor data.train is given",
                key="objective.min_precision",
                hint="name gold sentences in data.dev, or use min_confidence, which needs none",
            )
        return self


COMMANDS: dict[str, type[CommandConfig]] = {
    "transformer_token": TransformerTokenConfig,
    "tagger": TaggerConfig,
    "tagger_kd": TaggerKDConfig,
    "pseudo_label": PseudoLabelRunConfig,
}
