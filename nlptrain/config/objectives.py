"""The `objective:` map: what a student learns from a teacher, and the registry of the losses of `tagger_kd`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from nlptrain.config.registry import ConfiguredEntry, KindSection, Registry, register
from nlptrain.config.section import Section, Weight

SelectionMetric = Literal["score", "divergence"]


class TeacherObjectiveConfig(Section):
    """Keys of both ways to learn from a teacher."""

    oversampling: float = Field(
        default=0.5,
        ge=0.0,
        le=1.0,
        description="Share of an epoch's sentences without gold tags that are sampled by how many of their words have rare labels (such as entities), by the teacher's probabilities; the others are sampled uniformly. 0: every sentence once.",
    )
    selection_metric: SelectionMetric = Field(
        default="score",
        description="Metric on dev that selects the weights that are kept: the highest score, or the lowest divergence from the teacher.",
    )

    @property
    def drops_sentences(self) -> bool:
        """Whether some sentences are left out after labeling."""
        return False

    @property
    def reads_probabilities(self) -> bool:
        """Whether the teacher's probabilities suffice; of many labels, only the likeliest are stored then."""
        return False


class LossConfig(TeacherObjectiveConfig, KindSection):
    """Knowledge distillation: gold tags and the teacher's logits. Keys of all losses between student and teacher."""

    tag = "loss"
    default_kind = "kl"
    needs_raw_logits: ClassVar[bool] = False  # whether it compares logits; probabilities have none

    loss: str = Field(description="The loss between student and teacher.")
    temperature: float = Field(default=1.0, gt=0.0, le=100.0, description="T of the softmax, no unit; not used by mse.")
    dist_w: Weight = Field(default=1.0, description="Weight of the teacher's part of the loss.")
    loss_w: Weight = Field(default=1.0, description="Weight of the gold tags' part of the loss.")
    rare_label_weight: Weight = Field(
        default=3.0,
        description="In the teacher's part of the loss, words with rare labels have a higher weight: 1 + rare_label_weight times the inverse label frequency (1 minus the label's share of all words, by the teacher's probabilities), divided by the mean weight. 0: all words have weight 1.",
    )


class KLConfig(LossConfig):
    """The divergence of the student's distribution from the teacher's (Hinton et al. 2015)."""

    loss: Literal["kl"] = Field(default="kl", description="T^2 KL(softmax(teacher / T) || softmax(student / T)).")

    @property
    def reads_probabilities(self) -> bool:
        """Whether T is 1: at other temperatures, labels of small probability matter."""
        return self.temperature == 1.0


class MSEConfig(LossConfig):
    """The difference of the logits (Ba and Caruana 2014)."""

    needs_raw_logits = True

    loss: Literal["mse"] = Field(default="mse", description="Mean squared difference of the logits.")


class PseudoLabelConfig(TeacherObjectiveConfig):
    """Pseudo-labeling: the teacher's argmax on raw text is used like gold tags."""

    targets: Literal["hard", "soft"] = Field(
        default="hard", description="hard: the teacher's argmax. soft: its probabilities of all labels."
    )
    min_confidence: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="Raw and synthetic sentences with an entity (plain tags: a word) of a lower teacher probability are left out; an entity's probability is the lowest of its words.",
    )
    min_precision: float | None = Field(
        default=None,
        gt=0.0,
        le=1.0,
        description="Chooses a minimum confidence per entity type (plain tags: per tag): the lowest one at which this share of the teacher's predictions on the gold dev sentences is right. The higher of it and min_confidence applies. null: min_confidence alone.",
    )
    pseudo_w: Weight = Field(default=1.0, description="Weight of the pseudo-labeled words.")
    loss_w: Weight = Field(default=1.0, description="Weight of the gold words.")
    write_pseudo_labels: bool = Field(
        default=True,
        description="Write the sentences with their pseudo-labels to `pseudo_labels.jsonl` in `output_dir`.",
    )

    @property
    def drops_sentences(self) -> bool:
        """Whether sentences of low confidence are left out; how many is known after labeling."""
        return self.min_confidence > 0.0 or self.min_precision is not None

    @property
    def reads_probabilities(self) -> bool:
        """Always true: pseudo-labels are the likeliest labels, soft ones the probabilities."""
        return True


@dataclass(frozen=True)
class LossEntry(ConfiguredEntry[LossConfig]):
    """A loss of `tagger_kd` between student and teacher.

    Attributes:
        function: a ``nlptrain.distillation.objectives.TeacherLoss``.
    """

    function: str


_LOSSES = "nlptrain.distillation.objectives"
LOSSES = Registry(
    "loss",
    "objective.loss",
    "nlptrain.losses",
    LossEntry,
    {
        "kl": LossEntry(KLConfig, function=f"{_LOSSES}:kl_teacher_loss"),
        "mse": LossEntry(MSEConfig, function=f"{_LOSSES}:mse_teacher_loss"),
    },
)
register(LossConfig, LOSSES)
