"""The scores of a model that is done: how good it is, and how honest its confidences are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nlptrain.data.splits import Splits
from nlptrain.models.confidence import tagged
from nlptrain.models.token_model import TokenModel
from nlptrain.training.calibration import calibration_errors, fit_temperature
from nlptrain.training.evaluation import Scores, evaluate_tags


def final_scores(
    model: TokenModel, splits: Splits, *, say: Callable[[str], None]
) -> tuple[dict[str, Scores], dict[str, Any]]:
    """Scores and calibration errors on dev and test, by split; ``model`` is given the temperature that fits dev.

    The errors without a temperature stand beside those with it. The net reads each sentence once.

    Args:
        model: with its final weights.
        splits: gold sentences, or dev sentences with a teacher's tags; test may be empty.
        say: told the calibration errors.
    """
    parts = {"dev": splits.dev, **({"test": splits.test} if splits.test else {})}
    read = {split: model.read([sentence.words for sentence in part]) for split, part in parts.items()}
    gold = {split: [sentence.tags or () for sentence in part] for split, part in parts.items()}
    labels, rule = model.labels, model.rule
    model.temperature = fit_temperature(rule, read["dev"], gold["dev"], labels)
    scores: dict[str, Scores] = {}
    calibrated, uncalibrated = {}, {}
    for split, part in parts.items():
        before, after = (
            [tagged(answer, labels) for answer in rule.answers(read[split], temperature)]
            for temperature in (1.0, model.temperature)
        )
        metric = splits.dev_metric if split == "dev" else None
        scores[split] = evaluate_tags(part, [one.tags for one in after], labels.scheme, metric=metric)
        bare, honest = (calibration_errors(gold[split], answers, labels.scheme) for answers in (before, after))
        uncalibrated[split], calibrated[split] = bare.to_json(), honest.to_json()
        say(
            f"calibration on {split}: expected error {honest.describe()} at temperature {model.temperature:.3f}, "
            f"fitted on dev; {bare.describe()} without"
        )
    return scores, {"temperature": model.temperature, **calibrated, "uncalibrated": uncalibrated}
