"""The procedure of each training command: train a model, and write it and its scores to the run folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from nlptrain.config.objectives import LossConfig, PseudoLabelConfig, SelectionMetric
from nlptrain.config.train import AugmentConfig, TrainConfig
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits
from nlptrain.distillation.asked_types import label_classes
from nlptrain.distillation.block_store import DEFAULT_CACHE_GB
from nlptrain.distillation.labeling import open_stores
from nlptrain.distillation.objectives import DistillObjective, PseudoLabelObjective
from nlptrain.distillation.pseudo_labels import check_any_labeled, filter_pseudo_labels
from nlptrain.distillation.sampling import inverse_label_frequency
from nlptrain.distillation.teachers import Teacher, TeacherEnsemble
from nlptrain.distillation.thresholds import Threshold, check_min_precision, confidence_thresholds
from nlptrain.errors import InputError, Setting
from nlptrain.models.token_model import TokenModel
from nlptrain.procedures.finish import finish
from nlptrain.procedures.stored_examples import examples_folder
from nlptrain.procedures.text_labeling import LabeledText, TextReading, label_text
from nlptrain.run.run import Run
from nlptrain.training.examples import Examples
from nlptrain.training.loop import Fit, fit
from nlptrain.training.objective import CheckedObjective, Objective, SupervisedObjective


def train_on_gold(model: TokenModel, splits: Splits, config: TrainConfig, run: Run) -> dict[str, Any]:
    """Train ``model``, a teacher or a student, on gold tags alone: ``transformer_token`` and ``tagger``.

    Returns:
        The content of ``scores.json``.
    """
    examples = Examples(model, splits.train, label_pipeline_words=config.label_pipeline_words, folder=run.folder)
    run.log(f"training set: {examples.sentences:,} gold sentences, {examples.words:,} words")
    done = fit(model, examples, splits.dev, SupervisedObjective(), config, run)
    return finish(model, splits, done, run)


def train_on_logits(
    student: TokenModel,
    teacher: Teacher,
    splits: Splits,
    raw: Iterable[Sentence],
    objective: LossConfig,
    config: TrainConfig,
    run: Run,
    *,
    transfer_dir: str | Path,
    transfer_cache_gb: float = DEFAULT_CACHE_GB,
    augment: AugmentConfig | None = None,
    own_objective: Objective | None = None,
) -> dict[str, Any]:
    """Train ``student`` on gold tags and on the logits of ``teacher``, which is run once: ``tagger_kd``.

    Args:
        student: with the teacher's labels in their order.
        teacher: of any kind, e.g. ``TransformerTeacher(model)``, or an ensemble of several.
        splits: gold sentences; without a dev set, a part of ``raw`` becomes dev, with the teacher's tags.
        raw: unlabeled sentences; may be empty.
        objective: the loss and its weights.
        config: steps, batches, optimizer.
        run: device, precision, folder.
        transfer_dir: folder of the teacher's logits, for all runs, or a URL.
        transfer_cache_gb: of copies of what is below a URL, in GB.
        augment: how synthetic sentences are generated; None: there are none.
        own_objective: computes the loss instead of the one that ``objective`` describes.

    Returns:
        The content of ``scores.json``.
    """
    ensemble = TeacherEnsemble.of(teacher)
    check_distillable(student, ensemble, splits, None if own_objective else objective)
    top = own_objective is None and objective.reads_probabilities
    stores = open_stores(ensemble, transfer_dir, top=top, cache_gb=transfer_cache_gb)
    reading = TextReading(student, config, objective, augment)
    labeled = label_text(ensemble, splits, raw, reading, run, stores)
    return learn_from_logits(student, labeled, objective, config, run, own_objective)


def learn_from_logits(
    student: TokenModel,
    labeled: LabeledText,
    objective: LossConfig,
    config: TrainConfig,
    run: Run,
    own_objective: Objective | None = None,
) -> dict[str, Any]:
    """Train ``student`` on gold tags and on logits that are stored, as ``train_on_logits`` does after labeling.

    Returns:
        The content of ``scores.json``.
    """
    splits, transfer_set, gold = labeled.splits, labeled.transfer_set, len(labeled.splits.train)
    ensemble = transfer_set.ensemble
    sentences = chain(splits.train, transfer_set.sentences(gold))
    uses_frequency = objective.oversampling or objective.rare_label_weight
    frequency = inverse_label_frequency(transfer_set, run.folder) if uses_frequency else None
    examples = Examples(
        student,
        sentences,
        teacher_logits=transfer_set,
        label_pipeline_words=config.label_pipeline_words,
        sampling_weights=None if frequency is None else frequency.sampling_weights(gold, slice(gold, None), run.folder),
        oversampling=objective.oversampling,
        source_weights=transfer_set.select(slice(gold, None)).source_weights(gold),
        folder=run.folder,
        stored=examples_folder(labeled, student, transfer_set, config),
    )
    counts = f"{gold:,} gold and {examples.sentences - gold:,} unlabeled sentences"
    run.log(f"training set: {counts}, {examples.words:,} words in all")
    label_weights = torch.from_numpy(frequency.labels) if frequency else None
    classes = label_classes(ensemble.labels, ensemble.asked_types)
    if classes is not None:
        others = ", ".join(name for name in ensemble.labels.types if name not in ensemble.asked_types)
        run.log(f"teacher: was not asked for {others}; the student learns these from gold tags alone")
    own = None if own_objective is None else CheckedObjective(own_objective)
    minimized = own or DistillObjective(objective, label_weights, classes)
    done = _fit(student, examples, labeled, minimized, config, run, objective.selection_metric)
    return finish(student, splits, done, run, labeled.teacher)


def train_on_pseudo_labels(
    student: TokenModel,
    teacher: Teacher,
    splits: Splits,
    raw: Iterable[Sentence],
    objective: PseudoLabelConfig,
    config: TrainConfig,
    run: Run,
    *,
    transfer_dir: str | Path,
    transfer_cache_gb: float = DEFAULT_CACHE_GB,
    augment: AugmentConfig | None = None,
) -> dict[str, Any]:
    """Train ``student`` on gold tags and on text with the tags of ``teacher``: ``pseudo_label``.

    Arguments as for ``train_on_logits``.
    """
    ensemble = TeacherEnsemble.of(teacher)
    check_distillable(student, ensemble, splits)
    _check_all_types_are_asked(ensemble)
    check_min_precision(splits, objective)
    top = objective.reads_probabilities
    stores = open_stores(ensemble, transfer_dir, top=top, cache_gb=transfer_cache_gb)
    reading = TextReading(student, config, objective, augment)
    labeled = label_text(ensemble, splits, raw, reading, run, stores)
    thresholds = confidence_thresholds(ensemble, labeled.splits, objective, run, stores)
    return learn_from_pseudo_labels(student, labeled, thresholds, objective, config, run)


def learn_from_pseudo_labels(
    student: TokenModel,
    labeled: LabeledText,
    thresholds: Mapping[str, Threshold],
    objective: PseudoLabelConfig,
    config: TrainConfig,
    run: Run,
) -> dict[str, Any]:
    """Train ``student`` on gold tags and on pseudo-labels, as ``train_on_pseudo_labels`` does after labeling.

    Returns:
        The content of ``scores.json``.
    """
    splits, gold = labeled.splits, len(labeled.splits.train)
    candidates = labeled.transfer_set.select(slice(gold, None))
    valid_only = student.decoder.is_constrained
    pseudo_labels = filter_pseudo_labels(candidates, objective, thresholds, run, valid_only=valid_only)
    check_any_labeled(pseudo_labels)
    kept = pseudo_labels.kept
    sampling_weights = None
    if objective.oversampling:
        frequency = inverse_label_frequency(candidates, run.folder)
        sampling_weights = frequency.sampling_weights(gold, pseudo_labels.rows, run.folder)
    examples = Examples(
        student,
        chain(splits.train, pseudo_labels.sentences()),
        sampling_weights=sampling_weights,
        oversampling=objective.oversampling,
        source_weights=kept.source_weights(gold),
        pseudo_from=gold,
        teacher_logits=kept if objective.targets == "soft" else None,
        teacher_logits_from=gold,
        label_pipeline_words=config.label_pipeline_words,
        folder=run.folder,
        stored=examples_folder(labeled, student, kept, config, pseudo_labels.label_ids),
    )
    run.log(
        f"training set: {gold:,} gold and {len(pseudo_labels):,} pseudo-labeled sentences, "
        f"{examples.words:,} words in all"
    )
    pseudo_objective = PseudoLabelObjective(objective)
    done = _fit(student, examples, labeled, pseudo_objective, config, run, objective.selection_metric)
    extra = {}
    if thresholds:
        extra["min_precision"] = {name: threshold.to_json() for name, threshold in thresholds.items()}
    return finish(student, splits, done, run, labeled.teacher, **extra)


def _check_all_types_are_asked(ensemble: TeacherEnsemble) -> None:
    if not_asked := sorted(set(ensemble.labels.types) - set(ensemble.asked_types)):
        raise InputError(
            f"the teacher was not asked for {', '.join(not_asked)}, which its tags would be without",
            location=Setting("teacher"),
            hint="use tagger_kd, which learns the other types from it, and these from gold tags",
        )


def check_distillable(
    student: TokenModel, ensemble: TeacherEnsemble, splits: Splits, objective: LossConfig | None = None
) -> None:
    """Check that ``student`` can learn from ``ensemble``.

    Raises:
        InputError: student or data have other labels than the teacher, or there are no logits for mse to compare.
    """
    for name, labels in (("student", student.labels), ("data", splits.labels)):
        if labels.names != ensemble.labels.names:
            raise InputError(
                f"the labels are {', '.join(labels.names)}",
                location=name,
                expected=f"those of the teacher, in its order: {', '.join(ensemble.labels.names)}",
                hint="read the data and build the student with teacher.labels",
            )
    if objective is None or not objective.needs_raw_logits:
        return
    if student.decoder.is_constrained:
        reason = "the student's CRF has marginals"
    elif ensemble.merges_labels or len(ensemble.teachers) > 1:
        reason = "merged labels and several teachers have probabilities only"
    elif not ensemble.has_raw_logits:
        reason = "the teacher has probabilities only, such as a CRF's marginals"
    else:
        return
    compares = f"found {objective.loss}, which compares logits"
    raise InputError(f"{compares}, and {reason}", location=Setting("objective.loss"), expected="kl")


def _fit(
    student: TokenModel,
    examples: Examples,
    labeled: LabeledText,
    objective: Objective,
    config: TrainConfig,
    run: Run,
    selection_metric: SelectionMetric,
) -> Fit:
    return fit(
        student,
        examples,
        labeled.splits.dev,
        objective,
        config.for_sampled_text() if labeled.is_sampled else config,
        run,
        metric=labeled.splits.dev_metric,
        teacher_logits=labeled.teacher.logits.get("dev"),
        selection_metric=selection_metric,
    )
