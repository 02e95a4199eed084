"""Which of a teacher's labels on raw text are believed: thresholds of each type, and the sentences that pass them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nlptrain.config.objective import PseudoLabelConfig
from nlptrain.data.splits import Splits
from nlptrain.distillation.logit_store import Precision
from nlptrain.distillation.pseudo_labels import PseudoLabels, pseudo_label_sentences
from nlptrain.distillation.teacher_ensemble import TeacherEnsemble
from nlptrain.distillation.teacher_logits_dataset import TeacherLogitsDataset, label_with_ensemble
from nlptrain.distillation.thresholds import Threshold, find_thresholds
from nlptrain.errors import InputError
from nlptrain.run import Run


def thresholds(
    ensemble: TeacherEnsemble,
    splits: Splits,
    objective: PseudoLabelConfig,
    run: Run,
    folder: Path,
    precision: Precision,
) -> dict[str, Threshold]:
    """The least confidence of each type, so that the teacher is right on dev as often as is asked; {}: not asked."""
    if objective.min_precision is None:
        return {}
    text = label_with_ensemble(ensemble, splits.dev, run, folder, precision)
    limits = find_thresholds(
        text,
        splits.dev,
        ensemble.labels,
        min_precision=objective.min_precision,
        min_confidence=objective.min_confidence,
    )
    said = "; ".join(f"{name} {limit.describe()}" for name, limit in limits.items())
    run.say(f"confidences at which the teacher is right {objective.min_precision:.1%} of the time on dev: {said}")
    return limits


def trusted_labels(
    text: TeacherLogitsDataset,
    objective: PseudoLabelConfig,
    limits: Mapping[str, Threshold],
    run: Run,
    *,
    unbroken: bool,
    made_from: int | None = None,
) -> PseudoLabels:
    """The raw sentences that the teacher is sure enough of, with its tags; they are written to the run's folder."""
    labels = text.ensemble.labels
    found = pseudo_label_sentences(
        text,
        labels,
        min_confidence=objective.min_confidence,
        path=None if run.folder is None else run.folder / "pseudo_labels.jsonl",
        unbroken=unbroken,
        least={name: limit.least for name, limit in limits.items()},
        made_from=made_from,
    )
    run.say(found.describe(labels, "that of their type" if limits else f"a confidence of {objective.min_confidence}"))
    return found


def refuse_nothing_labelled(labelled: PseudoLabels) -> None:
    """Refuse to go on where no sentence got pseudo labels: what came of it would be a student of gold alone.

    Raises:
        InputError: there was no text, or the teacher is as sure as was asked of none of it.
    """
    if labelled.sentences:
        return
    if labelled.left_out:
        raise InputError(
            f"objective: the teacher is as sure as is asked of none of the {labelled.left_out:,} sentences without "
            "gold tags; lower min_confidence or min_precision"
        )
    raise InputError(
        "data.unlabeled: there is no text without gold tags, and no sentence was made; name raw text that holds "
        "sentences, or say how many are made out of the train sentences (augment: {sentences: 10000})"
    )


def refuse_unmeasured(splits: Splits, objective: PseudoLabelConfig) -> None:
    """Refuse to look for thresholds where there is no gold dev to find them on.

    Raises:
        InputError: there is none.
    """
    if objective.min_precision is not None and not splits.dev:
        raise InputError(
            "objective.min_precision: is measured on gold dev sentences, and there are none; give some, or use "
            "min_confidence, which needs none"
        )
