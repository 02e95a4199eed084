"""The `train:` map (length, batches, optimizer) and the `augment:` map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from nlptrain.config.section import Auto, Rate, Section, Weight

LearningRate = Annotated[float, Field(gt=0.0, le=1.0)]
ClipNorm = Annotated[float, Field(gt=0.0)]


@dataclass(frozen=True)
class AutoLength:
    """The length of `steps: auto`: a number of epochs, with bounds on the steps.

    Attributes:
        epochs: of the training set.
        min_steps: the fewest steps.
        max_steps: the most; None: any number.
    """

    epochs: int
    min_steps: int
    max_steps: int | None = None

    def steps(self, epoch_steps: int) -> int:
        """Return the number of steps, given those of one epoch."""
        steps = max(self.min_steps, self.epochs * epoch_steps)
        return steps if self.max_steps is None else min(self.max_steps, steps)

    def describe(self) -> str:
        """Return the bounds on the steps.

        Example:
            >>> AutoLength(2, 3000, 6000).describe(), AutoLength(5, 1000).describe()
            ('clipped to 3,000..6,000 steps', 'at least 1,000 steps')
        """
        if self.max_steps is None:
            return f"at least {self.min_steps:,} steps"
        return f"clipped to {self.min_steps:,}..{self.max_steps:,} steps"


# A student needs to see a small text often, and has seen enough of a large one in less than one epoch. Twice as many
# steps gave at most some tenths of a point on dev (docs/results/history.md).
_STUDENT_LENGTH = AutoLength(2, 3_000, 6_000)
# 5 epochs of few sentences are so few steps that a transformer learns little or nothing (docs/results/accuracy.md).
_TRANSFORMER_LENGTH = AutoLength(5, 1_000)


class TrainConfig(Section):
    """Training of a student; the defaults work well on WNUT17 with its raw text, those that are `auto` in `auto.py`."""

    auto_length: ClassVar[AutoLength] = _STUDENT_LENGTH

    steps: Auto | Annotated[int, Field(ge=1)] | None = Field(
        default="auto",
        description=f"Optimizer steps. Exactly one of `steps` and `epochs`. auto: {_STUDENT_LENGTH.epochs} epochs, {_STUDENT_LENGTH.describe()}.",
    )
    epochs: int | None = Field(
        default=None,
        ge=1,
        description="Epochs: as many sentences as the training text has; with `objective.oversampling` an epoch has some of them several times and others not at all. Exactly one of `steps` and `epochs`.",
    )
    batch_subwords: int | None = Field(
        default=1600,
        ge=8,
        description="Subwords per step, including padding. Exactly one of `batch_subwords` and `batch_sentences`.",
    )
    batch_sentences: int | None = Field(
        default=None, ge=1, description="Sentences per step. Exactly one of `batch_subwords` and `batch_sentences`."
    )
    micro_batches: int = Field(
        default=1,
        ge=1,
        description="Number of parts in which a step is computed, to save memory; the gradient is the same.",
    )
    learning_rate: Auto | LearningRate = Field(
        default="auto",
        description="Peak learning rate of AdamW. auto: 0.0003 for a transformer; 0.005 in tagger_kd for an LSTM or GRU over subwords; else 0.003.",
    )
    warmup_steps: int | None = Field(
        default=300,
        ge=0,
        description="Steps in which the learning rate rises from 0, at most half of all steps. null: a tenth of all steps.",
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        default="cosine", description="How the learning rate falls to 0 after the warm-up."
    )
    weight_decay: Weight = Field(default=0.01, description="AdamW's weight decay; not applied to biases and norms.")
    clip_norm: Auto | ClipNorm = Field(
        default="auto", description="The gradient's norm is clipped to this. auto: 1 for a transformer, else 5."
    )
    ema: Rate = Field(
        default=0.999,
        description="Decay of the moving average of the weights, which is scored and saved; 0: no average.",
    )
    unk_dropout: Auto | Rate = Field(
        default="auto",
        description="Share of subwords that are replaced by the unknown token in training, or of words with `embedder: {kind: word}`. auto: 0 for a transformer, 0.15 for words, 0.03 for subwords.",
    )
    label_pipeline_words: bool = Field(
        default=False,
        description="Also label the parts of a word that a transformers pipeline takes for words (`@` and `ada` of `@ada`), as inside the word's entity. The pipeline then predicts what `predict` does, but names after a separate `@` are missed.",
    )
    eval_every: int | None = Field(
        default=300,
        ge=1,
        description="Steps between two evaluations on dev, each with a checkpoint. null: once per epoch.",
    )
    log_every: int = Field(default=50, ge=1, description="Steps between two rows of metrics.jsonl.")

    def for_sampled_text(self) -> Self:
        """Return these keys for a text of which only a sample is read: `steps: auto` is then the maximum.

        The size of the sample is an estimate, and must not shorten the training.
        """
        return self.model_copy(update={"steps": self.auto_length.max_steps}) if self.steps == "auto" else self

    @classmethod
    def alternatives(cls) -> tuple[tuple[str, str], ...]:
        """Return the pairs of keys that give the length and the batch size in two units."""
        return (("steps", "epochs"), ("batch_subwords", "batch_sentences"))


class TransformerTrainConfig(TrainConfig):
    """Fine-tuning of a transformer: the same keys with other defaults."""

    auto_length: ClassVar[AutoLength] = _TRANSFORMER_LENGTH

    steps: Auto | Annotated[int, Field(ge=1)] | None = Field(
        default="auto",
        description=f"Optimizer steps. Exactly one of `steps` and `epochs`. auto: {_TRANSFORMER_LENGTH.epochs} epochs, {_TRANSFORMER_LENGTH.describe()}.",
    )
    epochs: int | None = Field(default=None, ge=1, description="Epochs. Exactly one of `steps` and `epochs`.")
    batch_subwords: int | None = Field(
        default=None,
        ge=8,
        description="Subwords per step, including padding. Exactly one of `batch_subwords` and `batch_sentences`.",
    )
    batch_sentences: int | None = Field(
        default=16, ge=1, description="Sentences per step. Exactly one of `batch_subwords` and `batch_sentences`."
    )
    learning_rate: LearningRate = Field(default=5e-5, description="Peak learning rate of AdamW.")
    warmup_steps: int | None = Field(
        default=None,
        ge=0,
        description="Steps in which the learning rate rises from 0, at most half of all steps. null: a tenth of all steps.",
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        default="linear", description="How the learning rate falls to 0 after the warm-up."
    )
    clip_norm: ClipNorm = Field(default=1.0, description="The gradient's norm is clipped to this.")
    ema: Rate = Field(
        default=0.0, description="Decay of the moving average of the weights, which is scored and saved; 0: no average."
    )
    unk_dropout: Rate = Field(
        default=0.0, description="Share of subwords that are replaced by the unknown token in training."
    )
    eval_every: int | None = Field(
        default=None,
        ge=1,
        description="Steps between two evaluations on dev, each with a checkpoint. null: once per epoch, or five times with `steps: auto`.",
    )


Share = Annotated[float, Field(ge=0.0, le=1.0)]


class AugmentConfig(Section):
    """How synthetic sentences are made; shares are from 0 (never) to 1 (always)."""

    sentences: Literal["auto"] | Annotated[int, Field(ge=1, le=100_000_000)] = Field(
        default="auto",
        description="Number of synthetic sentences. auto: as many as bring train, unlabeled and synthetic text together to a million words, but at most 300 for each train or unlabeled sentence.",
    )
    seed: int = Field(
        default=0,
        ge=0,
        lt=2**31,
        description="Seed of the synthetic sentences. Runs with other seeds reuse the teacher's logits.",
    )
    swap: Share = Field(
        default=0.6,
        description="Share of the train sentences' entities that are replaced by another one of train, mostly of the same type. Plain tags: a quarter of this share of all words, each by a word of the same tag.",
    )
    join: Share = Field(
        default=0.35, description="Share of sentences that continue as another sentence from some word on."
    )
    insert: Share = Field(default=0.1, description="Share of sentences in which an entity is inserted.")
    replace: Share = Field(
        default=0.8,
        description="Share of sentences in which up to four of five words are replaced: by neighbors among the teacher's input embeddings, words of its vocabulary, words composed of two and, a tenth of them, words of entities.",
    )
    noise: Share = Field(
        default=0.3, description="Share of sentences in which words are dropped, misspelled or changed in case."
    )
