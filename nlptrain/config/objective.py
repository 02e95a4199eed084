"""The `objective:` map: what the student is asked to match."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nlptrain.config.section import Section, Weight

SelectionMetric = Literal["score", "divergence"]


class TaughtObjectiveConfig(Section):
    """What both ways of learning from a teacher share."""

    oversampling: float = Field(
        0.5,
        ge=0.0,
        le=1.0,
        description="Share of the sentences without gold tags in an epoch that are drawn by how many of their words have rare labels by the teacher's probabilities, as entities have; the others are drawn evenly. 0: every sentence once.",
    )
    selection_metric: SelectionMetric = Field(
        "score",
        description="What chooses, among all scorings of dev, the weights that are kept: the best score, or the least divergence from the teacher.",
    )


class DistillConfig(TaughtObjectiveConfig):
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
        description="In the teacher's part words of rare labels count more: 1 + rare_label_weight times the rarity of a word's labels, which is 1 minus their share of all words, by the teacher's probabilities, over the mean of this. 0: every word counts 1.",
    )


class PseudoLabelConfig(TaughtObjectiveConfig):
    """Pseudo-labeling: the teacher's argmax on raw text is taken for gold."""

    targets: Literal["hard", "soft"] = Field(
        "hard", description="hard: the teacher's argmax. soft: its probabilities of all labels."
    )
    min_confidence: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="A raw or made sentence with an entity (plain tags: a word) whose teacher probability is lower is left out; an entity's is the least of its words'.",
    )
    min_precision: float | None = Field(
        None,
        gt=0.0,
        le=1.0,
        description="As min_confidence, but found for each entity type (plain tags: each tag): the lowest confidence from which on this share of the teacher's answers on the gold dev sentences is right. Where min_confidence is higher, it counts. null: min_confidence alone.",
    )
    pseudo_w: Weight = Field(1.0, description="Weight of the pseudo-labeled words.")
    loss_w: Weight = Field(1.0, description="Weight of the gold words.")
