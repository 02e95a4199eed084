"""The scores of a model that is done: how good it is, and how honest its confidences are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlptrain.data.splits import Splits
from nlptrain.models.confidence import tagged
from nlptrain.models.token_model import TokenModel
from nlptrain.training.calibration import CalibrationErrors, calibration_errors, fit_temperature
from nlptrain.training.divergence import Logits, divergence
from nlptrain.training.evaluation import Scores, evaluate_tags


@dataclass(frozen=True)
class FinalScores:
    """What there is to say of a model that is done.

    Attributes:
        scores: of dev and test.
        calibration: as it stands in ``scores.json``.
        divergence: of dev and test, from the teacher's probabilities; empty without a teacher.
    """

    scores: dict[str, Scores]
    calibration: dict[str, Any]
    divergence: dict[str, float]


def final_scores(
    model: TokenModel,
    splits: Splits,
    *,
    log: Callable[[str], None],
    teacher: Mapping[str, Sequence[Logits]] | None = None,
) -> FinalScores:
    """Scores and calibration errors on dev and test, by split; ``model`` is given the temperature that fits dev.

    The errors without a temperature stand beside those with it. The net reads each sentence once.

    Args:
        model: with its final weights.
        splits: gold sentences, or dev sentences with a teacher's tags; test may be empty.
        log: receives the calibration errors.
        teacher: the teacher's logits of each sentence, by split.
    """
    parts = {"dev": splits.dev, **({"test": splits.test} if splits.test else {})}
    read = {split: model.read([sentence.words for sentence in part]) for split, part in parts.items()}
    gold = {split: [sentence.tags or () for sentence in part] for split, part in parts.items()}
    labels, rule = model.labels, model.rule
    # A teacher's best labels are no sample of what is right: by them its student could be as sure as it likes.
    by_gold = splits.dev_metric is None
    model.temperature = fit_temperature(rule, read["dev"], gold["dev"], labels) if by_gold else 1.0
    scores: dict[str, Scores] = {}
    calibrated, uncalibrated = {}, {}
    distances: dict[str, float] = {}
    for split, part in parts.items():
        bare_answers = rule.answers(read[split], 1.0)
        before = [tagged(answer, labels) for answer in bare_answers]
        after = [tagged(answer, labels) for answer in rule.answers(read[split], model.temperature)]
        if teacher is not None:
            distances[split] = divergence(teacher[split], [answer.logits for answer in bare_answers])
        metric = splits.dev_metric if split == "dev" else None
        scores[split] = evaluate_tags(part, [one.tags for one in after], labels.scheme, metric=metric)
        bare, honest = (calibration_errors(gold[split], answers, labels.scheme) for answers in (before, after))
        uncalibrated[split], calibrated[split] = bare.to_json(), honest.to_json()
        log(
            f"calibration on {split}: expected error {honest.describe()} at temperature {model.temperature:.3f}"
            + _origin(model.temperature, bare, by_gold=by_gold)
        )
    calibration = {"temperature": model.temperature, **calibrated, "uncalibrated": uncalibrated}
    return FinalScores(scores, calibration, distances)


def _origin(temperature: float, bare: CalibrationErrors, *, by_gold: bool) -> str:
    if not by_gold:
        return ", not fitted: dev has no gold tags"
    if temperature == 1.0:
        return ", not fitted: too few mistakes on dev, or no temperature is better"
    return f", fitted on dev; {bare.describe()} without"
