"""A teacher, or a trained model, without any correct prediction is reported."""

from pathlib import Path

import pytest
import torch

from nlptrain.config.objectives import KLConfig
from nlptrain.config.student import StudentConfig
from nlptrain.config.train import TrainConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits
from nlptrain.distillation.teachers import TransformerTeacher
from nlptrain.models import TransformerTokenClassifier, build_student
from nlptrain.procedures.finish import finish
from nlptrain.procedures.student_training import train_on_logits
from nlptrain.run.run import Run
from nlptrain.training.loop import Fit
from tests.helpers.corpora import LABEL_NAMES, make_sentences

LABELS = Labels.from_names(LABEL_NAMES, "iob2")
TEN = [Sentence(words, tags) for words, tags in make_sentences(10, 11)]


@pytest.mark.parametrize("opens", [False, True])
def test_a_teacher_without_correct_predictions_is_reported(tiny_bert: Path, tmp_path: Path, opens: bool) -> None:
    teacher = TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)
    with torch.no_grad():
        teacher.model.classifier.weight.zero_()
        teacher.model.classifier.bias.copy_(torch.tensor([0.0, 9.0, 0.0, 0.0, 0.0] if opens else [9.0, 0, 0, 0, 0]))
    shape = StudentConfig.model_validate({"embedder": {"dim": 8}, "encoder": {"hidden": 8, "layers": 1}})
    student = build_student(shape, LABELS, seed=0, teacher=teacher)
    run, lines = Run(None, device="cpu"), []
    run.log = lines.append  # type: ignore[method-assign]
    settings = TrainConfig.model_validate({"steps": 1, "warmup_steps": 0, "eval_every": 1})
    splits = Splits(LABELS, TEN, TEN, [], is_dev_from_train=False)
    train_on_logits(student, TransformerTeacher(teacher), splits, [], KLConfig(), settings, run, transfer_dir=tmp_path)
    assert any("teacher (dev): no prediction is correct" in line for line in lines) == (not opens)


def test_a_teacher_is_not_reported_if_dev_has_no_entity(tiny_bert: Path, tmp_path: Path) -> None:
    teacher = TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)
    shape = StudentConfig.model_validate({"embedder": {"dim": 8}, "encoder": {"hidden": 8, "layers": 1}})
    student = build_student(shape, LABELS, seed=0, teacher=teacher)
    run, lines = Run(None, device="cpu"), []
    run.log = lines.append  # type: ignore[method-assign]
    settings = TrainConfig.model_validate({"steps": 1, "warmup_steps": 0, "eval_every": 1})
    bare = [Sentence(sentence.words, ("O",) * len(sentence.words)) for sentence in TEN]
    splits = Splits(LABELS, TEN, bare, [], is_dev_from_train=False)
    train_on_logits(student, TransformerTeacher(teacher), splits, [], KLConfig(), settings, run, transfer_dir=tmp_path)
    assert not any("no prediction is correct" in line for line in lines)


@pytest.mark.parametrize("opens", [False, True])
def test_a_model_without_correct_predictions_on_dev_is_reported(tiny_bert: Path, opens: bool) -> None:
    model = TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)
    with torch.no_grad():
        model.model.classifier.weight.zero_()
        model.model.classifier.bias.copy_(torch.tensor([0.0, 9.0, 0.0, 0.0, 0.0] if opens else [9.0, 0, 0, 0, 0]))
    run, lines = Run(None, device="cpu"), []
    run.log = lines.append  # type: ignore[method-assign]
    splits = Splits(LABELS, TEN, TEN, [], is_dev_from_train=False)
    finish(model, splits, Fit(steps=80, best_step=80, best_score=0.0, seconds=1.0), run)
    assert any("dev: no prediction is correct after 80 steps" in line for line in lines) == (not opens)
