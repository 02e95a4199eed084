"""The end of a training: evaluate the teacher and the trained model, and save model and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptrain.atomic_files import replacing_folder
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits, write_dev_sample
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.stored_predictions import predict_once
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.models.heads import Prediction
from nlptrain.models.token_model import TokenModel
from nlptrain.run.finished_run import finish_run
from nlptrain.run.run import Run
from nlptrain.training.evaluation import Scores, evaluate_tags
from nlptrain.training.loop import Fit
from nlptrain.training.model_selection import final_scores


@dataclass(frozen=True)
class TeacherScores:
    """The scores of a teacher.

    Attributes:
        description: its name, key and number of parameters.
        scores: by split.
        logits: of each sentence, by split, [words, C].
    """

    description: dict[str, Any]
    scores: dict[str, Scores]
    logits: dict[str, list[NDArray[np.float32]]]


def evaluate_teacher(
    ensemble: TeacherEnsemble, splits: Splits, stores: Sequence[BlockStore], run: Run
) -> TeacherScores:
    """Return the teacher's scores and logits on dev and test; nothing in other processes than rank 0.

    Its predictions are stored next to its logits, and computed once.
    """
    if not run.processes.is_rank_zero:
        return TeacherScores({}, {}, {})
    weights = [
        f"{store.key} {part.weight} {part.columns}" for store, part in zip(stores, ensemble.teachers, strict=True)
    ]
    own_labels = [part.teacher.labels for part in ensemble.teachers]  # their schemes decide what the decoder allows
    key = f"{ensemble.labels} {own_labels} {weights} {run.device.type}"

    def predict(part: Sequence[Sentence]) -> Sequence[Prediction]:
        ensemble.to(run.device)
        with run.processes.all_threads():
            predictions = ensemble.predict_labels(part)
        ensemble.to("cpu")
        return predictions

    scores: dict[str, Scores] = {}
    logits: dict[str, list[NDArray[np.float32]]] = {}
    names, scheme = ensemble.labels.names, ensemble.labels.scheme
    for split, part in (("dev", splits.dev), ("test", splits.test)):
        if not part:
            continue
        predictions = predict_once(partial(predict, part), part, key, stores[0].folder)
        tags = [[names[label_id] for label_id in prediction.label_ids] for prediction in predictions]
        scores[split] = evaluate_tags(part, tags, scheme, metric=splits.dev_metric if split == "dev" else None)
        logits[split] = [prediction.logits for prediction in predictions]
    for split, split_scores in scores.items():
        if split_scores.value == 0.0 and any(split_scores.counts.gold):
            run.log(
                f"teacher ({split}): no prediction is correct; check the order of data.labels, the names in "
                "data.label_map and the training of the teacher; nlptrain evaluate TEACHER FILES lists its mistakes"
            )
    keys = ", ".join(store.key for store in stores)
    description = {"name": ensemble.name, "key": keys, "parameters": ensemble.parameters()}
    return TeacherScores(description, scores, logits)


def _scores_json(scores_by_split: dict[str, Scores]) -> dict[str, Any]:
    return {split: scores.to_json() for split, scores in scores_by_split.items()}


def _counts_json(scores_by_split: dict[str, Scores]) -> dict[str, Any]:
    return {split: scores.counts.to_json() for split, scores in scores_by_split.items()}


def finish(
    model: TokenModel,
    splits: Splits,
    result: Fit,
    run: Run,
    teacher: TeacherScores | None = None,
    **extra: dict[str, Any],
) -> dict[str, Any]:
    """Evaluate and save ``model`` on rank 0, and return the content of ``scores.json`` in all processes."""
    with run.processes.all_threads():
        return run.processes.broadcast_from_rank0(
            lambda: _evaluate_and_save(model, splits, result, run, teacher, extra)
        )


def _evaluate_and_save(
    model: TokenModel,
    splits: Splits,
    result: Fit,
    run: Run,
    teacher: TeacherScores | None,
    extra: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Evaluate the best weights, save them, and write the scores last: they mark the run as finished."""
    final = final_scores(model, splits, log=run.log, teacher_logits=teacher.logits if teacher else None)
    dev = final.scores["dev"]
    if dev.value == 0.0 and any(dev.counts.gold):
        run.log(
            f"dev: no prediction is correct after {result.steps:,} steps; train longer (train.steps, train.epochs), or "
            "with another train.learning_rate"
        )
    scores = {
        **_scores_json(final.scores),
        "calibration": final.calibration,
        "parameters": model.parameters(),
        "steps": result.steps,
        "best_step": result.best_step,
        "seconds": round(result.seconds, 1),
    }
    if teacher is not None:
        scores["teacher"] = {**teacher.description, **_scores_json(teacher.scores)}
        scores["divergence"] = final.divergence
    scores |= extra
    if run.folder is not None:
        with replacing_folder(run.folder / "model") as part:
            model.write(part)
        scores["bytes"] = sum(file.stat().st_size for file in (run.folder / "model").iterdir())
        teacher_counts = {"teacher": _counts_json(teacher.scores)} if teacher else {}
        write_dev_sample(run.folder, splits.dev)
        finish_run(run.folder, {**scores, **run.provenance}, {**_counts_json(final.scores), **teacher_counts})
    return scores
