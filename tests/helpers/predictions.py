"""Comparison of predictions of two engines, and checks of predictions of exported folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlptrain_runtime import Tagger

TEXTS = ["Ada Smith lives in Paris .", "", "\ufe0f x", "Ada \u0301 " * 40]


def same_prediction(prediction: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two predictions are equal up to rounding errors of confidences."""
    parts = prediction.get("entities", prediction.get("words")), other.get("entities", other.get("words"))
    confidences = [[part.pop("confidence") for part in side] for side in parts]
    return prediction == other and confidences[0] == pytest.approx(confidences[1], abs=2e-4)


def check_predictions(texts: list[str], predictions: list[dict[str, Any]]) -> None:
    """Check that the predictions are of these texts, with offsets in order and confidences in [0, 1]."""
    assert [prediction["text"] for prediction in predictions] == texts
    for text, prediction in zip(texts, predictions, strict=True):
        last = 0
        (parts,) = [prediction[name] for name in ("entities", "words") if name in prediction]
        for part in parts:
            assert 0 <= last <= part["start"] < part["end"] <= len(text)
            assert part["text"] == text[part["start"] : part["end"]]
            assert 0 <= part["confidence"] <= 1
            last = part["end"]


def open_and_predict(folder: Path) -> None:
    """Open an exported folder, predict, and check the predictions."""
    tagger = Tagger(folder)
    check_predictions(TEXTS, tagger.predict(TEXTS))
