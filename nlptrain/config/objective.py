"""The ``objective:`` and ``augment:`` maps: what a student learns from its teacher, and on which synthetic sentences."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nlptrain.config.section import Section, Weight

SelectionMetric = Literal["score", "divergence"]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class DistillationObjectiveConfig(Section):
    """Keys of both ways to learn from a teacher."""

    oversampling: float = Field(
        0.5,
        ge=0.0,
        le=1.0,
        description="Share of an epoch's sentences without gold tags that are sampled by how many of their words have rare labels (such as entities), by the teacher's probabilities; the others are sampled uniformly. 0: every sentence once.",
    )
    selection_metric: SelectionMetric = Field(
        "score",
        description="Metric on dev that selects the weights that are kept: the highest score, or the lowest divergence from the teacher.",
    )


class DistillConfig(DistillationObjectiveConfig):
    """Knowledge distillation: gold tags and the teacher's logits (Hinton et al. 2015; Ba and Caruana 2014 for mse)."""

    loss: Literal["kl", "mse"] = Field(
        "kl",
        description="kl: T^2 KL(softmax(teacher / T) || softmax(student / T)). mse: mean squared difference of the logits.",
    )
    temperature: float = Field(1.0, gt=0.0, le=100.0, description="T of the softmax, no unit; not used by mse.")
    dist_w: Weight = Field(1.0, description="Weight of the teacher's part of the loss.")
    loss_w: Weight = Field(1.0, description="Weight of the gold tags' part of the loss.")
    rare_label_weight: Weight = Field(
        3.0,
        description="In the teacher's part of the loss, words with rare labels have a higher weight: 1 + rare_label_weight times the inverse label frequency (1 minus the label's share of all words, by the teacher's probabilities), divided by the mean weight. 0: all words have weight 1.",
    )


class PseudoLabelConfig(DistillationObjectiveConfig):
    """Pseudo-labeling: the teacher's argmax on raw text is used like gold tags."""

    targets: Literal["hard", "soft"] = Field(
        "hard", description="hard: the teacher's argmax. soft: its probabilities of all labels."
    )
    min_confidence: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="Raw and synthetic sentences with an entity (plain tags: a word) of a lower teacher probability are left out; an entity's probability is the lowest of its words.",
    )
    min_precision: float | None = Field(
        None,
        gt=0.0,
        le=1.0,
        description="Chooses a minimum confidence per entity type (plain tags: per tag): the lowest one at which this share of the teacher's predictions on the gold dev sentences is right. The higher of it and min_confidence applies. null: min_confidence alone.",
    )
    pseudo_w: Weight = Field(1.0, description="Weight of the pseudo-labeled words.")
    loss_w: Weight = Field(1.0, description="Weight of the gold words.")


class AugmentConfig(Section):
    """How synthetic sentences are made; shares are from 0 (never) to 1 (always)."""

    sentences: Literal["auto"] | Annotated[int, Field(ge=1, le=100_000_000)] = Field(
        "auto",
        description="Number of synthetic sentences. auto: as many as bring train, unlabeled and synthetic text together to a million words, but at most 300 for each train or unlabeled sentence.",
    )
    seed: int = Field(
        0,
        ge=0,
        lt=2**31,
        description="Seed of the synthetic sentences. Runs with other seeds reuse the teacher's logits.",
    )
    swap: Share = Field(
        0.6,
        description="Share of the train sentences' entities that are replaced by another one of train, mostly of the same type. Plain tags: a quarter of this share of all words, each by a word of the same tag.",
    )
    join: Share = Field(0.35, description="Share of sentences that continue as another sentence from some word on.")
    insert: Share = Field(0.1, description="Share of sentences in which an entity is inserted.")
    replace: Share = Field(
        0.8,
        description="Share of sentences in which up to four of five words are replaced: by neighbors among the teacher's input embeddings, words of its vocabulary, words composed of two and, a tenth of them, words of entities.",
    )
    noise: Share = Field(
        0.3, description="Share of sentences in which words are dropped, misspelled or changed in case."
    )
