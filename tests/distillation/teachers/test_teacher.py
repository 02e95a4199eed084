"""Teachers of other kinds: what a class that derives from Teacher gets, texts, and types that were not asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from nlptrain.config.data import DataConfig
from nlptrain.config.objectives import KLConfig, PseudoLabelConfig
from nlptrain.config.train import TrainConfig
from nlptrain.data.corpus import raw_text, splitter_of
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits
from nlptrain.distillation.asked_types import label_classes, merge_labels
from nlptrain.distillation.losses import kl_loss
from nlptrain.distillation.objectives import DistillObjective
from nlptrain.distillation.teachers import Teacher, TeacherEnsemble
from nlptrain.errors import InputError
from nlptrain.models.heads.softmax import IndependentWords
from nlptrain.procedures.student_training import train_on_logits, train_on_pseudo_labels
from nlptrain.run.run import Run
from nlptrain.training.objective import NO_LABEL, Targets
from tests.helpers.small_models import LABELS, SENTENCES, small_model
from tests.helpers.transfer_sets import label_all

PERSONS = ("person",)


class TextTeacher(Teacher):
    """A teacher of texts that records them, and finds words in capitals."""

    name = "capitals"
    labels = LABELS
    reads = "text"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def fingerprint(self) -> str:
        return "capitals-1"

    def predict_logits(self, sentences: Sequence[Sentence]) -> list[np.ndarray]:
        logits = []
        for sentence in sentences:
            text, offsets = sentence.as_text()
            self.texts.append(text)
            values = np.zeros((len(offsets), len(self.labels)), dtype=np.float32)
            for row, (start, end) in enumerate(offsets):
                values[row, self.labels.ids["B-person" if text[start:end].isupper() else "O"]] = 5.0
            logits.append(values)
        return logits


def test_a_teacher_of_texts_gets_the_original_lines(tmp_path: Path) -> None:
    lines = ["ADA (1815-1852) lived in London.", "  It's   OK for\tADA now.  ", "ADA came. " * 30]
    (tmp_path / "raw.txt").write_text("\n".join(lines))
    data = DataConfig(unlabeled=str(tmp_path / "raw.txt"), max_words=20)
    teacher = TextTeacher()
    sentences = list(raw_text(data, splitter_of(data), to_label=True))
    label_all(teacher, sentences, Run(None, device="cpu"), tmp_path)
    assert teacher.texts[:2] == [lines[0], lines[1].strip()]
    assert teacher.texts[2] == " ".join(["ADA came."] * 6)  # a long line is cut for every teacher
    without = list(raw_text(data, splitter_of(data)))
    assert [sentence.words for sentence in without] == list(dict.fromkeys(sentence.words for sentence in sentences))
    assert without[0].text is None


def test_words_without_a_text_are_joined(tmp_path: Path) -> None:
    teacher = TextTeacher()
    sentences = [Sentence(("ADA", "sings", ".")), Sentence(("ADA", "!"), text="ADA!")]
    text = label_all(teacher, sentences, Run(None, device="cpu"), tmp_path)
    assert teacher.texts == ["ADA sings .", "ADA!"]
    assert [LABELS.names[label] for label in text.prediction(0).label_ids] == ["B-person", "O", "O"]


def test_teachers_of_texts_and_of_words_have_the_same_sentences(tmp_path: Path) -> None:
    class WordTeacher(TextTeacher):
        reads = "words"

        def fingerprint(self) -> str:
            return "capitals-words"

        def predict_logits(self, sentences: Sequence[Sentence]) -> list[np.ndarray]:
            return super().predict_logits([Sentence(sentence.words) for sentence in sentences])

    class OtherTeacher(TextTeacher):
        def fingerprint(self) -> str:
            return "capitals-2"

    teachers = WordTeacher(), TextTeacher(), OtherTeacher()
    ensemble = TeacherEnsemble.of([(teacher, 1.0) for teacher in teachers])
    dataset = label_all(ensemble, [Sentence(("ADA", "!"), text="ADA!")], Run(None, device="cpu"), tmp_path)
    assert [teacher.texts for teacher in teachers] == [["ADA !"], ["ADA!"], ["ADA!"]]
    assert [part.key for part in dataset.sets] == ["capitals-words", "capitals-1", "capitals-2"]


def test_a_teacher_of_another_kind_teaches(tiny_bert: Path, tmp_path: Path) -> None:
    teacher = TextTeacher()
    splits = Splits(LABELS, SENTENCES[:10], SENTENCES[:10], [], is_dev_from_train=False)
    settings = TrainConfig.model_validate({"steps": 2, "warmup_steps": 0, "eval_every": 2})
    run = Run(None, device="cpu")
    student = small_model(tiny_bert, "subword-lstm-softmax")
    scores = train_on_logits(student, teacher, splits, [], KLConfig(), settings, run, transfer_dir=tmp_path)
    assert scores["teacher"]["name"] == "capitals"
    assert (tmp_path / "capitals-1").is_dir()


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (np.zeros((2, 5)), r"capitals: found logits of shape \[2, 5\]; expected \[3, 5\], words and labels"),
        (np.zeros((3, 4)), r"found logits of shape \[3, 4\]; expected \[3, 5\]"),
        (None, "found 0 arrays; expected 1, one per sentence"),
    ],
)
def test_error_if_a_teacher_returns_other_logits(tmp_path: Path, logits: np.ndarray | None, message: str) -> None:
    class Wrong(TextTeacher):
        def predict_logits(self, sentences: Sequence[Sentence]) -> list[np.ndarray]:
            return [] if logits is None else [logits]

    with pytest.raises(InputError, match=message):
        label_all(Wrong(), [Sentence(("a", "b", "c"))], Run(None, device="cpu"), tmp_path)


def test_error_if_several_processes_should_label(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="workers: found 2, and capitals labels in one process; expected 1"):
        label_all(TextTeacher(), [Sentence(("a",))], Run(None, device="cpu", workers=2), tmp_path)


def test_labels_of_types_that_are_not_asked_for_are_one_class_with_o() -> None:
    labels = Labels.from_names(["O", "B-person", "I-person", "B-place", "I-place"], "iob2")
    classes = label_classes(labels, PERSONS)
    assert classes is not None
    assert classes.tolist() == [0, 1, 2, 0, 0]
    assert label_classes(labels, ("person", "place")) is None
    probabilities = torch.tensor([[0.1, 0.2, 0.3, 0.15, 0.25]])
    torch.testing.assert_close(merge_labels(probabilities.log(), classes).exp(), torch.tensor([[0.5, 0.2, 0.3]]))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_a_student_is_free_in_what_its_teacher_was_not_asked_for(temperature: float) -> None:
    config = KLConfig(temperature=temperature, rare_label_weight=0.0)
    classes = label_classes(LABELS, PERSONS)
    teacher = torch.log(torch.tensor([[0.70, 0.20, 0.05, 0.04, 0.01], [0.10, 0.60, 0.20, 0.05, 0.05]]))
    targets = Targets(torch.full((2,), NO_LABEL), torch.zeros(2, dtype=bool), teacher, torch.ones(2, dtype=bool))

    def teacher_loss(student: torch.Tensor, merged: torch.Tensor | None) -> float:
        objective = DistillObjective(config, None, merged)
        return float(objective.loss(IndependentWords(student), targets).parts["teacher"])

    # The probability of O, B-place and I-place is all that of B-place, at the temperature of the loss.
    moved = torch.log_softmax(teacher / temperature, dim=-1)
    moved[:, LABELS.ids["B-place"]] = torch.logsumexp(moved[:, [0, 3, 4]], dim=1)
    moved[:, [0, 4]] = -50.0
    moved = moved * temperature
    assert teacher_loss(moved, classes) == pytest.approx(0.0, abs=1e-5)
    assert teacher_loss(moved, None) > 0.5
    assert teacher_loss(teacher, classes) == pytest.approx(0.0, abs=1e-6)
    student = torch.randn(2, 5, generator=torch.Generator().manual_seed(1))
    everything = torch.ones(2, dtype=bool)
    expected = kl_loss(
        temperature * merge_labels(student / temperature, classes),
        temperature * merge_labels(teacher / temperature, classes),
        everything,
        temperature,
    )
    assert teacher_loss(student, classes) == pytest.approx(float(expected), rel=1e-5)


def test_an_ensemble_was_asked_for_what_all_its_teachers_were() -> None:
    everything, some = TextTeacher(), TextTeacher()
    some.asked_types = PERSONS
    assert set(TeacherEnsemble.of(everything).asked_types) == set(LABELS.types)
    assert set(TeacherEnsemble.of([(everything, 1.0), (some, 1.0)]).asked_types) == {"person"}
    assert set(TeacherEnsemble.of(some, {"person": "human"}).asked_types) == {"human"}


def test_error_if_a_teacher_was_asked_for_types_that_it_has_no_labels_of() -> None:
    teacher = TextTeacher()
    teacher.asked_types = ("persons",)
    with pytest.raises(InputError, match="capitals: was asked for persons; expected types of its labels: person, "):
        TeacherEnsemble.of(teacher)


def test_pseudo_labels_need_a_teacher_of_all_types(tiny_bert: Path, tmp_path: Path) -> None:
    teacher = TextTeacher()
    teacher.asked_types = PERSONS
    splits = Splits(LABELS, SENTENCES[:10], SENTENCES[:10], [], is_dev_from_train=False)
    student = small_model(tiny_bert, "subword-lstm-softmax")
    run = Run(None, device="cpu")
    with pytest.raises(InputError, match=r"the teacher was not asked for place.*; use tagger_kd"):
        train_on_pseudo_labels(
            student, teacher, splits, [], PseudoLabelConfig(), TrainConfig(), run, transfer_dir=tmp_path
        )
