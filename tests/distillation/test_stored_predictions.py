"""A teacher's predictions on dev and test are computed once; damaged ones are computed again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from nlptrain.data.sentence import Sentence
from nlptrain.distillation.sealed_files import sealed_content
from nlptrain.distillation.stored_predictions import predict_once
from nlptrain.models.heads import Prediction

SENTENCES = [Sentence(("Ada", "sings")), Sentence(()), Sentence(("Oslo",))]


class Teacher:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Sequence[Prediction]:
        self.calls += 1
        random = np.random.default_rng(0)
        shapes = [(len(sentence.words), 3) for sentence in SENTENCES]
        return [Prediction(random.normal(size=s).astype(np.float32), random.integers(0, 3, s[0])) for s in shapes]


def assert_equal(first: Sequence[Prediction], second: Sequence[Prediction]) -> None:
    for actual, expected in zip(first, second, strict=True):
        np.testing.assert_array_equal(actual.label_ids, expected.label_ids)
        if len(expected.label_ids):
            np.testing.assert_array_equal(actual.logits, expected.logits)


def test_predictions_are_computed_once_for_each_key_and_text(tmp_path: Path) -> None:
    teacher = Teacher()
    first = predict_once(teacher, SENTENCES, "key", tmp_path)
    assert_equal(predict_once(teacher, SENTENCES, "key", tmp_path), first)
    assert teacher.calls == 1
    predict_once(teacher, SENTENCES, "another key", tmp_path)
    predict_once(teacher, [*SENTENCES[:2], Sentence(("Rome",))], "key", tmp_path)
    assert teacher.calls == 3
    assert len(list((tmp_path / "predictions").iterdir())) == 3


def test_damaged_predictions_are_computed_again(tmp_path: Path) -> None:
    teacher = Teacher()
    first = predict_once(teacher, SENTENCES, "key", tmp_path)
    (path,) = (tmp_path / "predictions").iterdir()
    content = path.read_bytes()
    others = [
        content[:-40],
        sealed_content(pa.record_batch({"label_ids": pa.array([[1]])})),
        sealed_content(pa.record_batch({"label_ids": pa.array([[1]] * 3), "logits": pa.array([[0.5]] * 3)})),
    ]
    for calls, damaged in enumerate(others, start=2):
        path.write_bytes(damaged)
        assert_equal(predict_once(teacher, SENTENCES, "key", tmp_path), first)
        assert (teacher.calls, path.read_bytes()) == (calls, content)
