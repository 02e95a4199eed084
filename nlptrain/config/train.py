"""The `train:` map: how long, in what batches, with which optimizer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from nlptrain.config.section import Rate, Section, Weight

# How long a student is trained where nobody says: passes over the text, and the bounds of their steps. Twice as many
# gave at most some tenths of a point on dev (docs/accuracy-history.md).
PASSES, FEWEST_STEPS, MOST_STEPS = 2, 3_000, 6_000


class TrainConfig(Section):
    """Training of a student; the defaults are what has been seen to work on WNUT17 with its raw text."""

    steps: Literal["auto"] | Annotated[int, Field(ge=1)] | None = Field(
        "auto",
        description=f"Optimizer steps. Exactly one of `steps` and `epochs`. auto: {PASSES} times as many as read every sentence once, but at least {FEWEST_STEPS:,} steps and at most {MOST_STEPS:,}.",
    )
    epochs: int | None = Field(
        None,
        ge=1,
        description="Times that as many sentences are read as there are; with `objective.oversampling` some of them more than once, and others in another epoch. Exactly one of `steps` and `epochs`.",
    )
    batch_subwords: int | None = Field(
        1600,
        ge=8,
        description="Pieces of a step, padding included. Exactly one of `batch_subwords` and `batch_sentences`.",
    )
    batch_sentences: int | None = Field(
        None, ge=1, description="Sentences of a step. Exactly one of `batch_subwords` and `batch_sentences`."
    )
    micro_batches: int = Field(
        1, ge=1, description="Parts that a step's batch is computed in, to save memory; the gradient is the same."
    )
    learning_rate: float = Field(
        3e-3,
        gt=0.0,
        le=1.0,
        description="Peak learning rate of AdamW. Other kinds of students have other defaults: see `train` itself.",
    )
    warmup_steps: int | None = Field(
        300,
        ge=0,
        description="Steps over which the learning rate grows from 0, at most half of all. null: a tenth of all steps.",
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="How the learning rate falls to 0 behind the warm-up."
    )
    weight_decay: Weight = Field(0.01, description="AdamW's weight decay; not applied to biases and norms.")
    clip_norm: float = Field(5.0, gt=0.0, description="The gradient's norm is cut to this.")
    ema: Rate = Field(
        0.999, description="Decay of the moving average of the weights that is scored and saved; 0 turns it off."
    )
    unk_dropout: Rate = Field(0.03, description="Share of pieces shown as the unknown piece in training.")
    label_pipeline_words: bool = Field(
        False,
        description="Teach the parts of a word that transformers' pipeline takes for words of their own (`@` and `ada` of `@ada`) the inside of the word's entity: the pipeline then answers as `predict` does, but names behind an `@` that stands apart are lost.",
    )
    eval_every: int | None = Field(
        300, ge=1, description="Steps between two scorings of dev, each with a checkpoint. null: once an epoch."
    )
    log_every: int = Field(50, ge=1, description="Steps between two lines of metrics.jsonl.")

    @classmethod
    def alternatives(cls) -> tuple[tuple[str, str], ...]:
        """Length and batch size have two units each."""
        return (("steps", "epochs"), ("batch_subwords", "batch_sentences"))


class TransformerTrainConfig(TrainConfig):
    """Fine-tuning of a transformer: the same keys, with defaults of its own."""

    steps: Literal["auto"] | Annotated[int, Field(ge=1)] | None = Field(
        None, description="Optimizer steps. Exactly one of `steps` and `epochs`."
    )
    epochs: int | None = Field(5, ge=1, description="Passes over all sentences. Exactly one of `steps` and `epochs`.")
    batch_subwords: int | None = Field(
        None,
        ge=8,
        description="Pieces of a step, padding included. Exactly one of `batch_subwords` and `batch_sentences`.",
    )
    batch_sentences: int | None = Field(
        16, ge=1, description="Sentences of a step. Exactly one of `batch_subwords` and `batch_sentences`."
    )
    learning_rate: float = Field(5e-5, gt=0.0, le=1.0, description="Peak learning rate of AdamW.")
    warmup_steps: int | None = Field(
        None,
        ge=0,
        description="Steps over which the learning rate grows from 0, at most half of all. null: a tenth of all steps.",
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "linear", description="How the learning rate falls to 0 behind the warm-up."
    )
    clip_norm: float = Field(1.0, gt=0.0, description="The gradient's norm is cut to this.")
    ema: Rate = Field(
        0.0, description="Decay of the moving average of the weights that is scored and saved; 0 turns it off."
    )
    unk_dropout: Rate = Field(0.0, description="Share of pieces shown as the unknown piece in training.")
    eval_every: int | None = Field(
        None, ge=1, description="Steps between two scorings of dev, each with a checkpoint. null: once an epoch."
    )

    @model_validator(mode="after")
    def _steps_of_a_student(self) -> TransformerTrainConfig:
        if self.steps == "auto":
            raise ValueError("train.steps: auto is for students; give a number of steps, or epochs")
        return self
