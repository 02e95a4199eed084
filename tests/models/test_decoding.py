"""Students with a tag scheme predict valid sequences only."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from nlptrain.config.student import Student
from nlptrain.data.labels import Labels
from nlptrain.data.tag_schemes import Scheme
from nlptrain.distillation.teachers import TeacherEnsemble, TransformerTeacher
from nlptrain.models import TransformerTokenClassifier, build_student, load_token_model
from nlptrain.models.heads import ConstrainedDecoder, IndependentDecoder
from tests.helpers.tag_sequences import first_invalid_tag

SCHEMES = {
    "iob2": Labels.from_names(["O", "B-x", "I-x", "B-y", "I-y"], "iob2"),
    "bilou": Labels.from_names(["O", "B-x", "I-x", "L-x", "U-x"], "bilou"),
    "iobes": Labels.from_names(["O", "B-x", "I-x", "E-x", "S-x"], "iobes"),
}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
@given(seed=st.integers(0, 10_000), lengths=st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_labels_are_the_best_valid_sequence(scheme: str, seed: int, lengths: list[int]) -> None:
    labels = SCHEMES[scheme]
    assert labels.scheme == scheme
    random = np.random.default_rng(seed)
    emissions = [random.normal(size=(length, len(labels))).astype(np.float32) for length in lengths]
    for values, prediction in zip(emissions, ConstrainedDecoder(labels).predict(emissions), strict=True):
        assert np.array_equal(prediction.logits, values)
        scored = {
            path: float(sum(values[position, label] for position, label in enumerate(path)))
            for path in itertools.product(range(len(labels)), repeat=len(values))
            if first_invalid_tag([labels.names[label] for label in path], labels.scheme) is None
        }
        assert scored[tuple(prediction.label_ids.tolist())] == pytest.approx(max(scored.values()))


def test_valid_sequences_keep_the_best_label_of_each_word() -> None:
    plain = Labels.from_names(["NOUN", "VERB", "B-x"], "plain")
    values = [np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)]
    assert np.array_equal(ConstrainedDecoder(plain).predict(values)[0].label_ids, values[0].argmax(axis=1))
    names = SCHEMES["iob2"]
    fine = np.eye(5, dtype=np.float32)[[0, 1, 2, 0, 3]]
    assert ConstrainedDecoder(names).predict([fine])[0].label_ids.tolist() == [0, 1, 2, 0, 3]


def test_temperature_changes_no_label() -> None:
    values = [np.random.default_rng(1).normal(size=(40, 5)).astype(np.float32)]
    rule = ConstrainedDecoder(SCHEMES["iob2"])
    assert np.array_equal(rule.predict(values)[0].label_ids, rule.predict(values, 3.0)[0].label_ids)
    assert not np.array_equal(rule.predict(values)[0].label_ids, IndependentDecoder().predict(values)[0].label_ids)


def test_only_students_decode_with_the_scheme(tiny_bert: Path) -> None:
    labels = SCHEMES["iob2"]
    teacher = TransformerTokenClassifier.from_pretrained(str(tiny_bert), labels)
    shape = {"embedder": {"dim": 8}, "encoder": {"hidden": 8, "layers": 1}, "head": {"kind": "softmax"}}
    student = build_student(TypeAdapter(Student).validate_python(shape), labels, seed=3, teacher=teacher)
    student.model.head.weight.data.mul_(40)
    text = [["Ada", "sings", "in", "Paris", "and", "Oslo"], ["in", "Oslo"], []]
    raw = student.logits(text)
    assert any(first_invalid_tag([labels.names[k] for k in logits.argmax(1)], "iob2") for logits in raw)
    assert not any(first_invalid_tag(tags, "iob2") for tags in student.tag(text))
    for prediction in teacher.predict_labels(text):
        assert np.array_equal(prediction.label_ids, prediction.logits.argmax(axis=1))


@pytest.mark.parametrize("head", ["softmax", "crf"])
@pytest.mark.parametrize("scheme", [None, "iob2", "iob1"])
def test_a_guessed_scheme_forbids_no_label(tiny_bert: Path, tmp_path: Path, scheme: Scheme | None, head: str) -> None:
    """IOB1 labels can look like IOB2, which would forbid to start entities with I-."""
    names = SCHEMES["iob2"].names
    TransformerTokenClassifier.from_pretrained(str(tiny_bert), Labels.from_names(names, "iob1")).save_pretrained(
        tmp_path / "teacher"
    )
    path = tmp_path / "teacher/config.json"
    config = json.loads(path.read_text())
    del config["nlptrain_scheme"]  # as the classifiers of others are
    path.write_text(json.dumps(config))
    ensemble = TeacherEnsemble.of(TransformerTeacher(load_token_model(str(tmp_path / "teacher"), scheme=scheme)))
    assert ensemble.labels.is_guessed == (scheme is None)
    shape = {"embedder": {"dim": 8}, "encoder": {"hidden": 8, "layers": 1}, "head": {"kind": head}}
    student = build_student(
        TypeAdapter(Student).validate_python(shape), ensemble.labels, seed=0, teacher=ensemble.token_model
    )
    student.save_pretrained(tmp_path / "student")
    for model in (student, load_token_model(str(tmp_path / "student"))):
        assert model.labels == ensemble.labels
        opens = np.array([[0.0, -1.0, 1.0, -1.0, -1.0]], dtype=np.float32)
        (prediction,) = model.decoder.predict([opens])
        assert (names[prediction.label_ids[0]] == "I-x") == (scheme != "iob2")
