"""A sentence that a teacher fails on does not end a job: it is left out and listed, unless there are too many."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from nlptrain.config.labeling import LabelingConfig
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.labeling import label_with_ensemble, open_stores
from nlptrain.distillation.teachers import Teacher, TeacherEnsemble
from nlptrain.distillation.text_blocks import all_blocks
from nlptrain.errors import InputError
from nlptrain.run.run import Run
from tests.helpers.corpora import LABELS, make_sentences
from tests.helpers.transfer_sets import fixed_blocks, label


class Fragile(Teacher):
    """Scores words by their length; raises for batches with ``crash``, and has no finite logits for ``nan``."""

    name = "fragile"
    labels = LABELS

    def __init__(self) -> None:
        self.batches: list[int] = []

    def fingerprint(self) -> str:
        return "fragile-1"

    def predict_logits(self, sentences: Sequence[Sentence]) -> list[np.ndarray]:
        self.batches.append(len(sentences))
        words = {word for sentence in sentences for word in sentence.words}
        if "crash" in words:
            raise RuntimeError("no room\nfor this")
        special = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}
        return [
            np.array([[special.get(word, len(word))] * len(LABELS) for word in sentence.words], np.float32)
            for sentence in sentences
        ]


def sentences_with(*faulty: str) -> list[Sentence]:
    sentences = [Sentence((*words, str(n))) for n, (words, _) in enumerate(make_sentences(60, 1))]
    for position, word in zip((5, 33, 34), faulty, strict=False):
        sentences[position] = Sentence(("a", word, str(position)), where=f"raw.txt:{position}")
    return sentences


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed_blocks(monkeypatch, 16)


def run_with(max_failed: float, folder: Path | None = None) -> Run:
    return Run(folder, device="cpu", labeling=LabelingConfig(max_failed=max_failed))


def test_a_sentence_that_fails_is_left_out_and_listed(tmp_path: Path) -> None:
    sentences = sentences_with("crash", "nan", "inf")
    (tmp_path / "run").mkdir()
    teacher, run = Fragile(), run_with(0.1, tmp_path / "run")
    ensemble = TeacherEnsemble.of(teacher)
    stores = open_stores(ensemble, tmp_path)
    gold = sentences[40:44]
    dataset = label_with_ensemble(ensemble, gold, run, stores, text=all_blocks(sentences))
    kept = [sentence.words for position, sentence in enumerate(sentences) if position not in (5, 33, 34)]
    assert sorted(sentence.words for sentence in dataset.sentences(len(gold))) == sorted(kept)
    for row, sentence in enumerate(dataset.sentences()):
        assert dataset.teacher_logits(row)[:, 0].tolist() == [len(word) for word in sentence.words]
    dead = [json.loads(line) for line in (tmp_path / "run" / "dead.jsonl").read_text().splitlines()]
    assert [row["tokens"] for row in dead] == [["a", "crash", "5"], ["a", "nan", "33"], ["a", "inf", "34"]]
    assert dead[0] == {
        "text": "a crash 5",
        "tokens": ["a", "crash", "5"],
        "teacher": "fragile",
        "reason": "RuntimeError: no room\\nfor this",
    }
    assert dead[1]["reason"] == "the teacher's logits are not finite"
    assert "64 computed, 3 failed (dead.jsonl), " in (tmp_path / "run" / "log.txt").read_text()

    # They are not tried again, and two teachers omit what either fails on.
    teacher.batches.clear()
    label_with_ensemble(ensemble, gold, run, stores, text=all_blocks(sentences))
    assert teacher.batches == []


def test_logits_of_minus_infinity_are_probabilities_of_zero(tmp_path: Path) -> None:
    _, done = label(tmp_path, Fragile(), sentences_with("-inf"))
    assert not done.failed
    assert done.transfer_set().teacher_logits(5)[1].tolist() == [-60_000.0] * len(LABELS)


@pytest.mark.parametrize(
    ("max_failed", "faulty", "ends"),
    [
        (0.001, ("crash",), False),  # one sentence may always fail
        (0.001, ("crash", "nan"), True),
        (0.04, ("crash", "nan"), False),
        (0.0, ("crash",), True),
    ],
)
def test_too_many_failures_end_the_labeling(
    tmp_path: Path, max_failed: float, faulty: tuple[str, ...], *, ends: bool
) -> None:
    if not ends:
        assert len(label(tmp_path, Fragile(), sentences_with(*faulty), run_with(max_failed))[1].failed) == len(faulty)
        return
    message = re.compile(
        r"labeling\.max_failed: the teacher failed on \d of \d+ sentences; the last reason: .*; expected"
    )
    for _ in range(2):  # also if they are stored
        with pytest.raises(InputError, match=message):
            label(tmp_path, Fragile(), sentences_with(*faulty), run_with(max_failed))


def test_a_teacher_that_always_fails_ends_soon(tmp_path: Path) -> None:
    teacher = Fragile()
    with pytest.raises(InputError, match="the last reason: RuntimeError: no room"):
        label(tmp_path, teacher, [Sentence(("crash", str(n))) for n in range(2_000)], run_with(0.001))
    assert len(teacher.batches) < 60


def test_a_machine_that_fails_is_not_taken_for_the_text(tmp_path: Path) -> None:
    class Broken(Fragile):
        def predict_logits(self, sentences: Sequence[Sentence]) -> list[np.ndarray]:
            if len(self.batches) > 1:
                raise RuntimeError("the GPU is lost")
            return super().predict_logits(sentences)

    with pytest.raises(InputError, match=r"the teacher fails on any sentence \(RuntimeError: the GPU is lost\)"):
        label(tmp_path, Broken(), sentences_with(), run_with(1.0))
    _, done = label(tmp_path, Fragile(), sentences_with(), run_with(0.0))
    assert (done.stored, done.computed, len(done.failed)) == (32, 28, 0)


def test_a_repeated_command_may_have_as_many_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlptrain.distillation.failed_sentences._MIN_SENTENCES", 0)
    good = sentences_with()[:48]
    label(tmp_path, Fragile(), good, run_with(0.042))
    faulty = [Sentence(("a", "crash", "1")), Sentence(("a", "crash", "2"))]
    assert len(label(tmp_path, Fragile(), [*good, *faulty], run_with(0.042))[1].failed) == 2


def test_error_if_a_teacher_fails_on_a_gold_sentence(tmp_path: Path) -> None:
    ensemble = TeacherEnsemble.of(Fragile())
    gold = sentences_with("crash")
    with pytest.raises(InputError, match=r"^raw\.txt:5: fragile failed on this gold sentence: RuntimeError: no room"):
        label_with_ensemble(ensemble, gold, run_with(0.1), open_stores(ensemble, tmp_path))
