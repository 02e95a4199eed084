"""Filter pseudo labels by the teacher's confidence: a threshold for each type, and the sentences above it."""

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


def confidence_thresholds(
    ensemble: TeacherEnsemble,
    splits: Splits,
    objective: PseudoLabelConfig,
    run: Run,
    folder: Path,
    precision: Precision,
) -> dict[str, Threshold]:
    """Return the lowest confidence per type at which the teacher has ``min_precision`` on dev; {} if it is not set."""
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
    summary = "; ".join(f"{name} {limit.describe()}" for name, limit in limits.items())
    run.log(f"confidences at which the teacher is right {objective.min_precision:.1%} of the time on dev: {summary}")
    return limits


def filter_pseudo_labels(
    text: TeacherLogitsDataset,
    objective: PseudoLabelConfig,
    limits: Mapping[str, Threshold],
    run: Run,
    *,
    unbroken: bool,
    made_from: int | None = None,
) -> PseudoLabels:
    """Return the raw sentences whose confidences reach their thresholds, tagged, and write them to the run's folder."""
    labels = text.ensemble.labels
    pseudo_labels = pseudo_label_sentences(
        text,
        labels,
        min_confidence=objective.min_confidence,
        path=None if run.folder is None else run.folder / "pseudo_labels.jsonl",
        unbroken=unbroken,
        least={name: limit.least for name, limit in limits.items()},
        made_from=made_from,
    )
    run.log(
        pseudo_labels.describe(
            labels, "that of their type" if limits else f"a confidence of {objective.min_confidence}"
        )
    )
    return pseudo_labels


def check_any_labeled(labeled: PseudoLabels) -> None:
    """Check that some sentences have pseudo labels: without them, the student would be trained on gold tags alone.

    Raises:
        InputError: there is no text, or no sentence reaches the confidence.
    """
    if labeled.sentences:
        return
    if labeled.left_out:
        raise InputError(
            f"objective: the teacher is as sure as is asked of none of the {labeled.left_out:,} sentences without "
            "gold tags; lower min_confidence or min_precision"
        )
    raise InputError(
        "data.unlabeled: there is no text without gold tags, and no sentence was made; name raw text that holds "
        "sentences, or say how many are made out of the train sentences (augment: {sentences: 10000})"
    )


def check_min_precision(splits: Splits, objective: PseudoLabelConfig) -> None:
    """Check that there are gold dev sentences if ``min_precision`` needs them.

    Raises:
        InputError: there are none.
    """
    if objective.min_precision is not None and not splits.dev:
        raise InputError(
            "objective.min_precision: is measured on gold dev sentences, and there are none; give some, or use "
            "min_confidence, which needs none"
        )
