"""The procedure of each training command; each writes the trained model and its scores to the run's folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nlptrain.atomic_files import replacing_folder
from nlptrain.config.objective import AugmentConfig, DistillConfig, PseudoLabelConfig, SelectionMetric
from nlptrain.config.train import TrainConfig
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits, write_dev_sample
from nlptrain.distillation.augmentation import add_synthetic_sentences
from nlptrain.distillation.labeling import label_with_ensemble
from nlptrain.distillation.logit_store import Precision
from nlptrain.distillation.losses import DistillObjective, PseudoLabelObjective
from nlptrain.distillation.pseudo_label_filter import (
    check_any_labeled,
    check_min_precision,
    confidence_thresholds,
    filter_pseudo_labels,
)
from nlptrain.distillation.sampling import inverse_label_frequency, take_agreement_dev
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.distillation.transfer_set import TeacherLogitsDataset
from nlptrain.errors import InputError
from nlptrain.models.token_model import TokenModel
from nlptrain.run.finished_run import finish_run
from nlptrain.run.run import Run
from nlptrain.training.evaluation import Scores, evaluate_tags
from nlptrain.training.examples import Examples
from nlptrain.training.loop import Fit, fit
from nlptrain.training.model_selection import final_scores
from nlptrain.training.objective import Objective, SupervisedObjective


def train_on_gold(model: TokenModel, splits: Splits, config: TrainConfig, run: Run) -> dict[str, Any]:
    """Train ``model``, teacher or student, on the gold tags alone; the procedure of transformer_token and of tagger.

    Returns:
        What ``scores.json`` holds.
    """
    examples = Examples(model, splits.train, label_pipeline_words=config.label_pipeline_words)
    run.log(f"training on {examples.sentences:,} gold sentences, {examples.words:,} words")
    done = fit(model, examples, splits.dev, SupervisedObjective(), config, run)
    return _finish(model, splits, done, run)


train_transformer = train_on_gold
train_tagger = train_on_gold


def distill(
    student: TokenModel,
    teacher: TokenModel | TeacherEnsemble,
    splits: Splits,
    raw: Iterable[Sentence],
    objective: DistillConfig,
    config: TrainConfig,
    run: Run,
    *,
    transfer_dir: str | Path,
    teacher_precision: Precision = "fp32",
    augment: AugmentConfig | None = None,
) -> dict[str, Any]:
    """Train ``student`` on the gold tags and on the logits of ``teacher``, which runs once and then leaves the device.

    Args:
        student: with the teacher's labels in their order.
        teacher: a token classifier, or several with what makes one of them.
        splits: gold sentences; without train and dev sentences, a share of ``raw`` becomes dev.
        raw: unlabeled sentences; may be empty.
        objective: the loss.
        config: length, batches, optimizer.
        run: where all this happens.
        transfer_dir: where the teacher's logits are kept for all runs.
        teacher_precision: what the teacher computes in while it labels.
        augment: how sentences are made out of the train sentences, to be labeled, too; None: none are.

    Returns:
        What ``scores.json`` holds.
    """
    ensemble = TeacherEnsemble.of(teacher)
    check_distillable(student, ensemble, splits, objective)
    raw = add_synthetic_sentences(raw, augment if splits.dev else None, splits, ensemble, run.log)
    splits, text = _taught(ensemble, splits, raw, run, Path(transfer_dir), teacher_precision)
    taught = _teachers_scores(ensemble, splits, text, run)
    gold = len(splits.train)
    sentences = chain(splits.train, map(text.sentence, range(gold, len(text))))
    frequency = inverse_label_frequency(text) if objective.oversampling or objective.rare_label_weight else None
    examples = Examples(
        student,
        sentences,
        teacher_logits=text,
        label_pipeline_words=config.label_pipeline_words,
        sampling_weights=None if frequency is None else frequency.sampling_weights(gold),
        oversampling=objective.oversampling,
        source_weights=text.source_weights(gold),
    )
    run.log(f"training on {gold:,} gold and {examples.sentences - gold:,} other sentences, {examples.words:,} words")
    matched = DistillObjective(objective, None if frequency is None else torch.from_numpy(frequency.labels))
    done = _fit(student, examples, splits, matched, config, run, taught, objective.selection_metric)
    return _finish(student, splits, done, run, teacher=taught)


def pseudo_label(
    student: TokenModel,
    teacher: TokenModel | TeacherEnsemble,
    splits: Splits,
    raw: Iterable[Sentence],
    objective: PseudoLabelConfig,
    config: TrainConfig,
    run: Run,
    *,
    transfer_dir: str | Path,
    teacher_precision: Precision = "fp32",
    augment: AugmentConfig | None = None,
) -> dict[str, Any]:
    """Train ``student`` on the gold tags and on raw text tagged by ``teacher``; arguments as above."""
    ensemble = TeacherEnsemble.of(teacher)
    check_distillable(student, ensemble, splits)
    check_min_precision(splits, objective)
    written = _Counted(raw)
    raw = add_synthetic_sentences(written, augment if splits.dev else None, splits, ensemble, run.log)
    splits, text = _taught(ensemble, splits, raw, run, Path(transfer_dir), teacher_precision)
    taught = _teachers_scores(ensemble, splits, text, run)
    gold = len(splits.train)
    unlabeled = text.select(np.arange(gold, len(text)))
    limits = confidence_thresholds(ensemble, splits, objective, run, Path(transfer_dir), teacher_precision)
    labeled = filter_pseudo_labels(
        unlabeled, objective, limits, run, valid_only=student.decoder.constrained, synthetic_from=written.count
    )
    check_any_labeled(labeled)
    sampling_weights = None
    if objective.oversampling:
        sampling_weights = np.append(np.zeros(gold), inverse_label_frequency(unlabeled).sentences[labeled.rows])
    examples = Examples(
        student,
        [*splits.train, *labeled.sentences],
        sampling_weights=sampling_weights,
        oversampling=objective.oversampling,
        source_weights=text.select(np.append(np.arange(gold), gold + labeled.rows)).source_weights(gold),
        pseudo_from=gold,
        teacher_logits=unlabeled.select(labeled.rows) if objective.targets == "soft" else None,
        teacher_logits_from=gold,
        label_pipeline_words=config.label_pipeline_words,
    )
    run.log(
        f"training on {gold:,} gold and {len(labeled.sentences):,} pseudo-labeled sentences, {examples.words:,} words"
    )
    done = _fit(
        student, examples, splits, PseudoLabelObjective(objective), config, run, taught, objective.selection_metric
    )
    believed = {"min_precision": {name: limit.to_json() for name, limit in limits.items()}} if limits else {}
    return _finish(student, splits, done, run, teacher=taught, **believed)


class _Counted:
    """Sentences, counted as they are read."""

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        self.sentences = sentences
        self.count = 0

    def __iter__(self) -> Iterator[Sentence]:
        for sentence in self.sentences:
            self.count += 1
            yield sentence


def check_distillable(
    student: TokenModel, ensemble: TeacherEnsemble, splits: Splits, objective: DistillConfig | None = None
) -> None:
    """Refuse what cannot be distilled.

    Raises:
        InputError: student or data have other labels than the teacher, or there are no logits for mse to compare.
    """
    for name, labels in (("student", student.labels), ("data", splits.labels)):
        if labels.names != ensemble.labels.names:
            raise InputError(
                f"{name}: its labels are {', '.join(labels.names)}, the teacher's {', '.join(ensemble.labels.names)}; "
                "the order counts, too: read the data and build the student with teacher.labels"
            )
    if objective is not None and objective.loss == "mse" and student.decoder.constrained:
        raise InputError("objective.loss: mse compares logits, and the student's CRF has marginals; use kl")
    if (
        objective is not None
        and objective.loss == "mse"
        and any(m.model.decoder.constrained for m in ensemble.teachers)
    ):
        raise InputError("objective.loss: mse compares logits, and the teacher's CRF has marginals; use kl")
    if objective is not None and objective.loss == "mse" and ensemble.has_probabilities_only:
        raise InputError(
            "objective.loss: mse compares logits, and where labels are merged or teachers averaged only probabilities "
            "are known; use kl"
        )


def _taught(
    ensemble: TeacherEnsemble, splits: Splits, raw: Iterable[Sentence], run: Run, folder: Path, precision: Precision
) -> tuple[Splits, TeacherLogitsDataset]:
    """The train and raw sentences with the ensemble's logits, in this order; without a dev set, one is taken out."""
    text = label_with_ensemble(ensemble, chain(splits.train, raw), run, folder, precision)
    if splits.dev:
        return splits, text
    return take_agreement_dev(splits, text, log=run.log)


@dataclass(frozen=True)
class _Teacher:
    about: dict[str, Any]
    scores: dict[str, Scores]
    logits: dict[str, list[NDArray[np.float32]]]


def _teachers_scores(ensemble: TeacherEnsemble, splits: Splits, text: TeacherLogitsDataset, run: Run) -> _Teacher:
    if not run.processes.is_rank_zero:  # nobody asks the others
        return _Teacher({}, {}, {})
    for teacher in ensemble.teachers:
        teacher.model.to(run.device)
    scores: dict[str, Scores] = {}
    logits: dict[str, list[NDArray[np.float32]]] = {}
    names, scheme = ensemble.labels.names, ensemble.labels.scheme
    for split, part in (("dev", splits.dev), ("test", splits.test)):
        if not part:
            continue
        with run.processes.all_threads():
            answers = ensemble.predict([sentence.words for sentence in part])
        tags = [[names[index] for index in answer.label_ids] for answer in answers]
        scores[split] = evaluate_tags(part, tags, scheme, metric=splits.dev_metric if split == "dev" else None)
        logits[split] = [answer.logits for answer in answers]
    for teacher in ensemble.teachers:
        teacher.model.to("cpu")
    for split, scored in scores.items():
        if scored.value == 0.0 and any(scored.counts.gold):
            run.log(
                f"{split}: the teacher is right about nothing; nlptrain evaluate TEACHER FILES shows what it takes for "
                "what; does data.labels have the order of its columns, do its labels mean what the data's do "
                "(data.label_map), and was it trained for long enough?"
            )
    keys = [one.key for one in text.sets]
    about = {"name": ensemble.name, "key": ", ".join(keys), "parameters": ensemble.parameters()}
    return _Teacher(about, scores, logits)


def _fit(
    student: TokenModel,
    examples: Examples,
    splits: Splits,
    objective: Objective,
    config: TrainConfig,
    run: Run,
    teacher: _Teacher,
    selection_metric: SelectionMetric,
) -> Fit:
    return fit(
        student,
        examples,
        splits.dev,
        objective,
        config,
        run,
        metric=splits.dev_metric,
        teacher_logits=teacher.logits.get("dev"),
        selection_metric=selection_metric,
    )


def _shown(scored: dict[str, Scores]) -> dict[str, Any]:
    return {split: scores.to_json() for split, scores in scored.items()}


def _counted(scored: dict[str, Scores]) -> dict[str, Any]:
    return {split: scores.counts.to_json() for split, scores in scored.items()}


def _finish(
    model: TokenModel, splits: Splits, done: Fit, run: Run, teacher: _Teacher | None = None, **more: dict[str, Any]
) -> dict[str, Any]:
    """What ``_scored_and_saved`` says in the first process, in all of them."""
    with run.processes.all_threads():
        return run.processes.broadcast_from_rank0(lambda: _scored_and_saved(model, splits, done, run, teacher, **more))


def _scored_and_saved(
    model: TokenModel, splits: Splits, done: Fit, run: Run, teacher: _Teacher | None, **more: dict[str, Any]
) -> dict[str, Any]:
    """Score the best weights, save them, and write the scores last: they are what marks a run as finished."""
    found = final_scores(model, splits, log=run.log, teacher_logits=teacher.logits if teacher else None)
    scored = found.scores
    scores = {
        **_shown(scored),
        "calibration": found.calibration,
        "parameters": model.parameters(),
        "steps": done.steps,
        "best_step": done.best_step,
        "seconds": round(done.seconds, 1),
        **({"teacher": {**teacher.about, **_shown(teacher.scores)}, "divergence": found.divergence} if teacher else {}),
        **more,
    }
    if run.folder is not None:
        with replacing_folder(run.folder / "model") as part:
            model.write(part)
        scores["bytes"] = sum(file.stat().st_size for file in (run.folder / "model").iterdir())
        taught = {"teacher": _counted(teacher.scores)} if teacher else {}
        write_dev_sample(run.folder, splits.dev)
        finish_run(run.folder, {**scores, **run.provenance}, {**_counted(scored), **taught})
    return scores
