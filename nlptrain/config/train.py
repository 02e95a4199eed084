"""The `train:` map: how long, in what batches, with which optimizer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from nlptrain.config.section import Invalid, Rate, Section, Weight

# Epochs of `steps: auto`, and the bounds of its steps. Twice as many steps gave at most some tenths of a point on dev
# (docs/accuracy-history.md).
PASSES, FEWEST_STEPS, MOST_STEPS = 2, 3_000, 6_000


class TrainConfig(Section):
    """Training of a student; the defaults work well on WNUT17 with its raw text."""

    steps: Literal["auto"] | Annotated[int, Field(ge=1)] | None = Field(
        "auto",
        description=f"Optimizer steps. Exactly one of `steps` and `epochs`. auto: {PASSES} epochs, clipped to {FEWEST_STEPS:,}..{MOST_STEPS:,} steps.",
    )
    epochs: int | None = Field(
        None,
        ge=1,
        description="Epochs: as many sentences as the training text has; with `objective.oversampling` an epoch has some of them several times and others not at all. Exactly one of `steps` and `epochs`.",
    )
    batch_subwords: int | None = Field(
        1600,
        ge=8,
        description="Subwords per step, including padding. Exactly one of `batch_subwords` and `batch_sentences`.",
    )
    batch_sentences: int | None = Field(
        None, ge=1, description="Sentences per step. Exactly one of `batch_subwords` and `batch_sentences`."
    )
    micro_batches: int = Field(
        1, ge=1, description="Number of parts in which a step is computed, to save memory; the gradient is the same."
    )
    learning_rate: float = Field(
        3e-3,
        gt=0.0,
        le=1.0,
        description="Peak learning rate of AdamW. The default depends on the kind of student: see `train`.",
    )
    warmup_steps: int | None = Field(
        300,
        ge=0,
        description="Steps in which the learning rate rises from 0, at most half of all steps. null: a tenth of all steps.",
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="How the learning rate falls to 0 after the warm-up."
    )
    weight_decay: Weight = Field(0.01, description="AdamW's weight decay; not applied to biases and norms.")
    clip_norm: float = Field(5.0, gt=0.0, description="The gradient's norm is clipped to this.")
    ema: Rate = Field(
        0.999, description="Decay of the moving average of the weights, which is scored and saved; 0: no average."
    )
    unk_dropout: Rate = Field(0.03, description="Share of subwords that are replaced by the unknown token in training.")
    label_pipeline_words: bool = Field(
        False,
        description="Also label the parts of a word that a transformers pipeline takes for words (`@` and `ada` of `@ada`), as inside the word's entity. The pipeline then predicts what `predict` does, but names after a separate `@` are missed.",
    )
    eval_every: int | None = Field(
        300, ge=1, description="Steps between two evaluations on dev, each with a checkpoint. null: once per epoch."
    )
    log_every: int = Field(50, ge=1, description="Steps between two rows of metrics.jsonl.")

    @classmethod
    def alternatives(cls) -> tuple[tuple[str, str], ...]:
        """Length and batch size have two units each."""
        return (("steps", "epochs"), ("batch_subwords", "batch_sentences"))


class TransformerTrainConfig(TrainConfig):
    """Fine-tuning of a transformer: the same keys with other defaults."""

    steps: Literal["auto"] | Annotated[int, Field(ge=1)] | None = Field(
        None, description="Optimizer steps. Exactly one of `steps` and `epochs`."
    )
    epochs: int | None = Field(5, ge=1, description="Epochs. Exactly one of `steps` and `epochs`.")
    batch_subwords: int | None = Field(
        None,
        ge=8,
        description="Subwords per step, including padding. Exactly one of `batch_subwords` and `batch_sentences`.",
    )
    batch_sentences: int | None = Field(
        16, ge=1, description="Sentences per step. Exactly one of `batch_subwords` and `batch_sentences`."
    )
    learning_rate: float = Field(5e-5, gt=0.0, le=1.0, description="Peak learning rate of AdamW.")
    warmup_steps: int | None = Field(
        None,
        ge=0,
        description="Steps in which the learning rate rises from 0, at most half of all steps. null: a tenth of all steps.",
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "linear", description="How the learning rate falls to 0 after the warm-up."
    )
    clip_norm: float = Field(1.0, gt=0.0, description="The gradient's norm is clipped to this.")
    ema: Rate = Field(
        0.0, description="Decay of the moving average of the weights, which is scored and saved; 0: no average."
    )
    unk_dropout: Rate = Field(0.0, description="Share of subwords that are replaced by the unknown token in training.")
    eval_every: int | None = Field(
        None, ge=1, description="Steps between two evaluations on dev, each with a checkpoint. null: once per epoch."
    )

    @model_validator(mode="after")
    def _steps_of_a_student(self) -> TransformerTrainConfig:
        if self.steps == "auto":
            raise Invalid("auto is for students", key="train.steps", hint="give a number of steps, or epochs")
        return self
