"""Students that start from trained weights: another student, or layers of a transformer."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from nlptrain.config.student import Student
from nlptrain.data.labels import Labels
from nlptrain.errors import InputError
from nlptrain.models import TokenModel, TransformerTokenClassifier, build_student
from tests.helpers.corpora import make_sentences

NAMES = ["O", "B-person", "I-person", "B-place", "I-place"]
LABELS = Labels.from_names(NAMES)
WORDS = [words for words, _ in make_sentences(6, 5)]


def build(labels: Labels = LABELS, teacher: TokenModel | None = None, **shape: object) -> TokenModel:
    return build_student(TypeAdapter(Student).validate_python(shape), labels, seed=0, teacher=teacher)


@pytest.fixture(params=["softmax", "crf"])
def parts(request: pytest.FixtureRequest) -> dict[str, object]:
    return {"embedder": {"dim": 8}, "encoder": {"hidden": 4, "layers": 2}, "head": {"kind": request.param}}


@pytest.fixture
def start(tiny_bert: Path, tmp_path: Path, parts: dict[str, object]) -> TokenModel:
    model = build(tokenizer=str(tiny_bert), **parts)
    with torch.no_grad():
        for parameter in model.model.parameters():
            parameter.add_(torch.randn_like(parameter))
    model.save_pretrained(tmp_path / "start")
    return model


def test_weights_are_copied_for_the_same_labels(start: TokenModel, tmp_path: Path, parts: dict[str, object]) -> None:
    again = build(init_from=str(tmp_path / "start"), dropout=0.7, **parts)
    for actual, expected in zip(start.logits(WORDS), again.logits(WORDS), strict=True):
        assert np.array_equal(actual, expected)
    assert again.model.dropout.p == again.model.encoder.net.dropout == 0.7


def test_the_head_and_the_layers_of_the_saved_student_are_logged(
    start: TokenModel, tmp_path: Path, parts: dict[str, object]
) -> None:
    logged: list[str] = []
    open_ones = {"encoder": {"hidden": 4}, "head": {"kind": "auto"}}
    shape = {**parts, "init_from": str(tmp_path / "start"), **open_ones}
    again = build_student(TypeAdapter(Student).validate_python(shape), LABELS, seed=0, log=logged.append)
    assert type(again.model.head) is type(start.model.head)
    kind = again.model.config.head["kind"]
    assert again.model.encoder.net.num_layers == 2
    assert logged == [
        f"student.head.kind=auto: {kind} (from {tmp_path / 'start'})",
        f"student.encoder.layers=auto: 2 (from {tmp_path / 'start'})",
    ]


def test_columns_follow_reordered_and_mapped_labels(
    start: TokenModel, tmp_path: Path, parts: dict[str, object]
) -> None:
    turned = Labels.from_names(["O", "B-LOC", "I-LOC", "B-PER", "I-PER"])
    again = build(turned, init_from=str(tmp_path / "start"), init_label_map={"person": "PER", "place": "LOC"}, **parts)
    for actual, expected in zip(start.logits(WORDS), again.logits(WORDS), strict=True):
        np.testing.assert_allclose(actual[:, [0, 3, 4, 1, 2]], expected, atol=1e-5)
    again.save_pretrained(tmp_path / "again")
    assert build(turned, init_from=str(tmp_path / "again"), **parts).labels == turned


def test_labels_can_be_dropped_but_not_added(start: TokenModel, tmp_path: Path, parts: dict[str, object]) -> None:
    folder = str(tmp_path / "start")
    fewer = build(Labels.from_names(NAMES[:3]), init_from=folder, init_label_map={"place": "O"}, **parts)
    assert fewer.logits(WORDS)[0].shape == (len(WORDS[0]), 3)
    with pytest.raises(InputError, match="not in this run, map to O: B-place, I-place"):
        build(Labels.from_names(NAMES[:3]), init_from=folder, **parts)
    with pytest.raises(InputError, match="missing: B-group, I-group"):
        build(Labels.from_names([*NAMES, "B-group", "I-group"]), init_from=folder, **parts)
    with pytest.raises(InputError, match="more than once: B-person, I-person"):
        build(init_from=folder, init_label_map={"place": "person"}, **parts)
    with pytest.raises(InputError, match=r"student\.init_label_map: found plaice; expected a label or type"):
        build(init_from=folder, init_label_map={"plaice": "place"}, **parts)


def test_the_default_head_is_that_of_the_initial_student(
    start: TokenModel, tmp_path: Path, parts: dict[str, object]
) -> None:
    unnamed = {name: part for name, part in parts.items() if name != "head"}
    again = build(init_from=str(tmp_path / "start"), **unnamed)
    assert type(again.model.head) is type(start.model.head)
    for actual, expected in zip(start.logits(WORDS), again.logits(WORDS), strict=True):
        assert np.array_equal(actual, expected)


def test_error_if_the_initial_student_has_another_structure(
    start: TokenModel, tmp_path: Path, parts: dict[str, object]
) -> None:
    folder = str(tmp_path / "start")
    with pytest.raises(InputError, match=r"student\.encoder\.hidden: found 5; expected 4, as in "):
        build(init_from=folder, **{**parts, "encoder": {"hidden": 5, "layers": 2}})
    with pytest.raises(InputError, match=r"student\.encoder\.kind: found 'gru'; expected 'lstm', as in "):
        build(init_from=folder, **{**parts, "encoder": {"kind": "gru", "hidden": 4}})
    with pytest.raises(InputError, match=r"is of kind tagger; expected transformer, as student\.kind"):
        build(init_from=folder, kind="transformer")


@pytest.fixture
def teacher(tiny_bert: Path) -> TransformerTokenClassifier:
    return TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)


def test_layers_are_copied_from_the_teacher(teacher: TransformerTokenClassifier, tmp_path: Path) -> None:
    actual = build(teacher=teacher, kind="transformer", layers=1)
    assert actual.model.config.num_hidden_layers == 1
    inner, outer = actual.model.bert, teacher.model.bert
    assert len(inner.encoder.layer) == 1
    assert torch.equal(inner.encoder.layer[0].output.dense.weight, outer.encoder.layer[0].output.dense.weight)
    assert torch.equal(actual.model.classifier.weight, teacher.model.classifier.weight)
    whole = build(teacher=teacher, kind="transformer", layers=2)
    for a, b in zip(whole.logits(WORDS), teacher.logits(WORDS), strict=True):
        assert np.array_equal(a, b)
    with torch.no_grad():
        whole.model.classifier.weight.zero_()
    assert teacher.model.classifier.weight.abs().sum() > 0  # a copy, not the teacher itself
    actual.save_pretrained(tmp_path)
    again = build(init_from=str(tmp_path), kind="transformer", layers=1)
    for a, b in zip(actual.logits(WORDS), again.logits(WORDS), strict=True):
        assert np.array_equal(a, b)


def test_copied_layers_are_evenly_spread(tiny_bert: Path) -> None:
    from transformers import BertConfig, BertForTokenClassification

    from nlptrain.models.students.warm_start import keep_layers

    config = BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=6, num_attention_heads=1, intermediate_size=8)
    deep = BertForTokenClassification(config)
    cut = keep_layers(deep, 3)
    kept = [deep.bert.encoder.layer[index] for index in (0, 2, 5)]
    for actual, expected in zip(cut.bert.encoder.layer, kept, strict=True):
        assert torch.equal(actual.output.dense.weight, expected.output.dense.weight)
    with pytest.raises(InputError, match=r"student\.layers: found 7; expected at most 6"):
        keep_layers(deep, 7)


def test_a_student_from_a_pretrained_folder(tiny_bert: Path) -> None:
    model = build(kind="transformer", model=str(tiny_bert), layers=1)
    assert len(model.model.bert.encoder.layer) == 1
    assert model.logits(WORDS)[0].shape[1] == 5
