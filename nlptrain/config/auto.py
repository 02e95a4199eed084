"""Values of keys that are `auto`: one function per key, from the configuration.

What depends on the labels or on the text is resolved later: `student.head.kind` and `student.encoder.layers` where the
student is built, `train.steps` and `augment.sentences` when the text was read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from nlptrain.config.commands import CommandConfig, StudentCommandConfig, TaggerKDConfig
from nlptrain.config.components import HEADS, MAX_CRF_LABELS, AutoHeadConfig, HeadConfig
from nlptrain.config.section import Auto
from nlptrain.config.student import StudentConfig

C = TypeVar("C", bound=CommandConfig)


@dataclass(frozen=True)
class Resolved:
    """The value of a key that is `auto`.

    Attributes:
        value: of the key.
        reason: what decided it, for the log.
    """

    value: float | int | str
    reason: str

    def describe(self, key: str) -> str:
        """Return a line for the log."""
        return f"{key}=auto: {self.value} ({self.reason})"


def describe_resolved(resolved: Mapping[str, Resolved]) -> str:
    """Return one line for the log with the value of each key in ``resolved``, by what decided it."""
    reasons: dict[str, list[str]] = {}
    for key, choice in resolved.items():
        reasons.setdefault(choice.reason, []).append(f"{key} {choice.value}")
    return "auto: " + "; ".join(f"{', '.join(values)} ({reason})" for reason, values in reasons.items())


@dataclass(frozen=True)
class Traits:
    """What decides the defaults of a student's training.

    Attributes:
        is_transformer: whether it is a transformer.
        reads_words: whether it reads words, and no subwords.
        is_distilled: whether it is a recurrent network over subwords that learns from a teacher's logits.
    """

    is_transformer: bool = False
    reads_words: bool = False
    is_distilled: bool = False

    @classmethod
    def of(cls, config: StudentCommandConfig) -> Traits:
        """Return the traits of the student of ``config``."""
        student = config.student
        if not isinstance(student, StudentConfig):
            return cls(is_transformer=True)
        reads_words = not student.embedder.has_tokenizer
        is_distilled = isinstance(config, TaggerKDConfig) and student.encoder.is_recurrent and not reads_words
        return cls(reads_words=reads_words, is_distilled=is_distilled)


_TAGGER = Traits()


def learning_rate(traits: Traits = _TAGGER) -> Resolved:
    """Return the value of `train.learning_rate`."""
    if traits.is_transformer:
        return Resolved(3e-4, "a transformer")
    if traits.is_distilled:
        # A student that learns a teacher's probabilities on much text overfits less than with gold tags, so it gets a
        # larger learning rate and less dropout. Not with pseudo-labels: there, these values cost the demo's student 1.8
        # points of dev F1.
        return Resolved(5e-3, "a recurrent network over subwords, with a teacher's logits")
    return Resolved(3e-3, "a tagger")


def clip_norm(traits: Traits = _TAGGER) -> Resolved:
    """Return the value of `train.clip_norm`."""
    return Resolved(1.0, "a transformer") if traits.is_transformer else Resolved(5.0, "a tagger")


def unk_dropout(traits: Traits = _TAGGER) -> Resolved:
    """Return the value of `train.unk_dropout`."""
    if traits.is_transformer:
        return Resolved(0.0, "a transformer")
    if traits.reads_words:
        return Resolved(0.15, "a tagger of words, which has no row for most words of new text")
    return Resolved(0.03, "a tagger of subwords")


def dropout(traits: Traits = _TAGGER) -> Resolved:
    """Return the value of `student.dropout`."""
    if traits.is_distilled:
        return Resolved(0.1, "a recurrent network over subwords, with a teacher's logits")
    return Resolved(0.3, "a tagger")


def encoder_layers(config: StudentCommandConfig) -> Resolved | None:
    """Return the value of `student.encoder.layers`; None: it depends on the head, or on the student in `init_from`.

    One layer is enough with a teacher's probabilities on much text. Otherwise, two layers have a higher F1: by 2.8
    points with gold tags alone (WNUT17), by 1.4 points with synthetic sentences (dev).
    """
    if config.student.init_from is not None:
        return None
    if not isinstance(config, TaggerKDConfig):
        return Resolved(2, "no teacher logits")
    if not Traits.of(config).is_distilled:
        return Resolved(2, "a tagger of words")
    return None if config.data.unlabeled is not None else Resolved(2, "no raw text")


def head_kind(config: StudentCommandConfig) -> Resolved | None:
    """Return the value of `student.head.kind`; None: it depends on the labels, or on the student in `init_from`."""
    if config.train.label_pipeline_words:
        return Resolved("softmax", "train.label_pipeline_words")
    if isinstance(config, TaggerKDConfig) and config.objective.needs_raw_logits:
        return Resolved("softmax", f"objective.loss {config.objective.loss}")
    return None


def head_kind_for(labels: int, scheme: str) -> Resolved:
    """Return the value of `student.head.kind` for the number and the tag scheme of the ``labels``."""
    kind = "crf" if scheme != "plain" and labels <= MAX_CRF_LABELS else "softmax"
    return Resolved(kind, f"{labels} {scheme} labels")


def encoder_layers_for(head: HeadConfig) -> Resolved:
    """Return the value of `student.encoder.layers` for a ``head``.

    Three seeds each: with a CRF, on WNUT17, a second layer gains nothing; with a softmax, on UD EWT, 0.2 points.
    """
    return Resolved(1 if head.is_structured else 2, f"a {head.name} head")


def resolved_number(value: float | Auto, default: Resolved) -> float:
    """Return ``value``, or that of ``default`` if it is `auto`."""
    return float(default.value if value == "auto" else value)


def resolve_auto(config: C) -> tuple[C, dict[str, Resolved]]:
    """Return ``config`` without `auto` where the configuration alone decides, and what was resolved, by dotted key."""
    if not isinstance(config, StudentCommandConfig):
        return config, {}
    traits = Traits.of(config)
    by_trait: dict[str, Callable[[Traits], Resolved]] = {
        "learning_rate": learning_rate,
        "clip_norm": clip_norm,
        "unk_dropout": unk_dropout,
    }
    resolved = {
        f"train.{key}": choose(traits) for key, choose in by_trait.items() if getattr(config.train, key) == "auto"
    }
    train = {key.partition(".")[2]: choice.value for key, choice in resolved.items()}
    update: dict[str, object] = {"train": config.train.model_copy(update=train)}
    if isinstance(config.student, StudentConfig):
        student = _resolve_student(config, config.student, traits)
        resolved.update(student)
        update["student"] = _with_values(config.student, student)
    return config.model_copy(update=update), resolved


def _resolve_student(config: StudentCommandConfig, student: StudentConfig, traits: Traits) -> dict[str, Resolved]:
    choices = {
        "student.dropout": dropout(traits) if student.dropout == "auto" else None,
        "student.encoder.layers": encoder_layers(config) if getattr(student.encoder, "layers", 0) == "auto" else None,
        "student.head.kind": head_kind(config) if isinstance(student.head, AutoHeadConfig) else None,
    }
    return {key: choice for key, choice in choices.items() if choice is not None}


def _with_values(student: StudentConfig, resolved: Mapping[str, Resolved]) -> StudentConfig:
    update: dict[str, object] = {}
    for key, choice in resolved.items():
        match key.split("."):
            case ["student", name]:
                update[name] = choice.value
            case ["student", "head", _]:
                update["head"] = HEADS[str(choice.value)].config()
            case ["student", part, name]:
                update[part] = getattr(student, part).model_copy(update={name: choice.value})
    return student.model_copy(update=update)
