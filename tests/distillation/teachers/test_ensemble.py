"""One teacher or several, with the data's labels."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from nlptrain.config.commands import TaggerKDConfig
from nlptrain.config.student import StudentConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Scheme
from nlptrain.distillation.teachers import TeacherEnsemble, TransformerTeacher
from nlptrain.distillation.teachers.ensemble import check_label_map, infer_scheme
from nlptrain.errors import InputError
from nlptrain.models import TokenModel, TransformerTokenClassifier, build_student
from nlptrain.procedures.models import load_ensemble
from nlptrain.run.run import Run
from tests.helpers.corpora import make_sentences
from tests.helpers.transfer_sets import label_all

NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
WORDS = [words for words, _ in make_sentences(12, 5)]


def teacher(tiny_bert: Path, names: Sequence[str] = NAMES, seed: int = 0) -> TokenModel:
    return TransformerTokenClassifier.from_pretrained(str(tiny_bert), Labels.from_names(names), seed=seed)


def ensemble_of(
    models: TokenModel | list[tuple[TokenModel, float]], label_map: dict[str, str] | None = None
) -> TeacherEnsemble:
    pairs = models if isinstance(models, list) else [(models, 1.0)]
    return TeacherEnsemble.of([(TransformerTeacher(model), weight) for model, weight in pairs], label_map)


def tags_of(ensemble: TeacherEnsemble) -> list[list[str]]:
    predictions = ensemble.predict_labels([Sentence(words) for words in WORDS])
    return [[ensemble.labels.names[index] for index in prediction.label_ids] for prediction in predictions]


def softmax(logits: np.ndarray) -> np.ndarray:
    exact = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exact / exact.sum(axis=-1, keepdims=True)


def test_an_ensemble_of_one_is_the_teacher(tiny_bert: Path) -> None:
    model = teacher(tiny_bert)
    ensemble = ensemble_of(model)
    (values, *_) = model.logits(WORDS)
    assert ensemble.labels == model.labels
    assert ensemble.mix([values]).tobytes() == values.tobytes()
    assert tags_of(ensemble) == model.tag(WORDS)
    assert ensemble.has_raw_logits
    assert TeacherEnsemble.of(ensemble) is ensemble


def test_mapped_labels_have_the_same_logits(tiny_bert: Path) -> None:
    model = teacher(tiny_bert)
    ensemble = ensemble_of(model, {"PER": "person", "B-LOC": "B-place", "I-LOC": "I-place"})
    assert ensemble.labels.names == ("O", "B-person", "I-person", "B-place", "I-place")
    assert ensemble.has_raw_logits
    values = model.logits(WORDS)[0]
    assert np.array_equal(ensemble.mix([values]), values)


def test_merged_labels_have_summed_probabilities(tiny_bert: Path) -> None:
    ensemble = ensemble_of(teacher(tiny_bert), {"LOC": "O"})
    assert ensemble.labels.names == ("O", "B-PER", "I-PER")
    assert not ensemble.has_raw_logits
    # by hand: softmax of [ln 1, ln 2, ln 3, ln 4, ln 10] is [1, 2, 3, 4, 10] / 20; O gets 1 + 4 + 10
    mixed = ensemble.mix([np.log([[1.0, 2.0, 3.0, 4.0, 10.0]])])
    np.testing.assert_allclose(softmax(mixed), [[0.75, 0.1, 0.15]], atol=1e-6)
    assert {tag for tags in tags_of(ensemble) for tag in tags} <= {"O", "B-PER", "I-PER"}


def test_several_teachers_average_their_probabilities(tiny_bert: Path) -> None:
    first, second = teacher(tiny_bert), teacher(tiny_bert, [*reversed(NAMES)], seed=1)  # columns in reverse order
    ensemble = ensemble_of([(first, 3.0), (second, 1.0)])
    for row, (a, b) in enumerate(zip(first.logits(WORDS), second.logits(WORDS), strict=True)):
        mixed = ensemble.mix([a, b])
        np.testing.assert_allclose(np.exp(mixed), 0.75 * softmax(a) + 0.25 * softmax(b)[:, ::-1], atol=1e-6)
        best = [ensemble.labels.names[index] for index in mixed.argmax(axis=1)]
        assert tags_of(ensemble)[row] == best
    assert ensemble.parameters() == first.parameters() + second.parameters()
    assert math.isfinite(ensemble.mix([np.array([[900.0, 0, 0, 0, 0]]), np.array([[0, 0, 0, 0, 900.0]])]).max())


def test_error_if_teachers_have_different_labels(tiny_bert: Path) -> None:
    third = teacher(tiny_bert, ["O", "B-PER", "I-PER", "B-ORG", "I-ORG"])
    difference = r"differ: missing B-LOC, I-LOC, additional B-ORG, I-ORG; expected .*; map them in data\.label_map"
    with pytest.raises(InputError, match=difference):
        ensemble_of([(teacher(tiny_bert), 1.0), (third, 1.0)])
    same = ensemble_of([(teacher(tiny_bert), 1.0), (third, 1.0)], {"LOC": "other", "ORG": "other"})
    assert same.labels.names == ("O", "B-PER", "I-PER", "B-other", "I-other")


def test_error_if_a_label_map_has_an_unknown_name(tiny_bert: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"data\.label_map: found PRE; expected a label or type of the model \(PER, LOC, O\); did you mean 'PER'",
    ):
        ensemble_of(teacher(tiny_bert), {"PRE": "person"})


def test_error_lists_mapped_names_missing_in_the_data(tiny_bert: Path) -> None:
    gold = {"O", "B-person", "B-place"}
    mapping = {"PER": "person"}
    ensemble = ensemble_of(teacher(tiny_bert), mapping)
    with pytest.raises(
        InputError, match="teacher's LOC is neither mapped nor in the data; expected a label of the data: person, place"
    ):
        check_label_map(ensemble.labels, gold, mapping)
    mapping["LOC"] = "O"
    check_label_map(ensemble_of(teacher(tiny_bert), mapping).labels, gold, mapping)


def test_teachers_are_stored_separately_and_averaged_on_reading(tiny_bert: Path, tmp_path: Path) -> None:
    models = [teacher(tiny_bert, seed=seed) for seed in (0, 1)]
    sentences = [Sentence(words) for words in WORDS]
    run = Run(None, device="cpu")
    text = label_all(ensemble_of([(models[0], 1.0), (models[1], 1.0)]), sentences, run, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == sorted(
        f"{model.fingerprint()}-torch-fp32" for model in models
    )
    expected = [np.log((softmax(a) + softmax(b)) / 2) for a, b in zip(*(m.logits(WORDS) for m in models), strict=True)]
    for row in range(len(WORDS)):
        np.testing.assert_allclose(text.teacher_logits(row), expected[row], atol=5e-3)  # stored in float16
    joined = text.gather([(3, 1, 2), (0, 0, 1)])
    np.testing.assert_allclose(joined, np.concatenate([expected[3][1:3], expected[0][:1]]), atol=5e-3)
    stored = {path: path.read_bytes() for path in tmp_path.rglob("*.arrow")}
    label_all(ensemble_of([(models[1], 1.0), (models[0], 5.0)]), sentences, run, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.arrow")} == stored  # other weights, nothing computed


def test_teachers_may_have_different_tokenizers(tiny_bert: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    other = teacher(tiny_bert, seed=1)
    other.max_subwords = 16  # other windows, at least
    ensemble = ensemble_of([(teacher(tiny_bert), 1.0), (other, 1.0)])
    long = [Sentence(tuple(word for words in WORDS for word in words))]
    text = label_all(ensemble, long, Run(None, device="cpu"), tmp_path)
    assert text.teacher_logits(0).shape == (len(long[0].words), 5)


def test_a_student_as_teacher_has_its_own_predictions(tiny_bert: Path, tmp_path: Path) -> None:
    labels = Labels.from_names(["O", "B-x", "I-x", "B-y", "I-y"], "iob2")
    shape = {"embedder": {"dim": 8}, "encoder": {"hidden": 8, "layers": 1}, "head": {"kind": "softmax"}}
    config = StudentConfig.model_validate(shape)
    student = build_student(config, labels, seed=0, teacher=teacher(tiny_bert))
    with torch.no_grad():
        student.model.head.weight.mul_(40)
    ensemble = ensemble_of(student)
    sentences = [Sentence(words) for words, _ in make_sentences(20, 3)]
    text = label_all(ensemble, sentences, Run(None, device="cpu"), tmp_path)
    tags = [[labels.names[index] for index in text.prediction(row).label_ids] for row in range(len(text))]
    assert tags == student.tag([sentence.words for sentence in sentences])
    argmax_tags = [
        [labels.names[index] for index in text.teacher_logits(row).argmax(axis=1)] for row in range(len(text))
    ]
    assert tags != argmax_tags  # the tag scheme forbids some of these


IOB = ("O", "B-x", "I-x", "B-y", "I-y")
OPENED_BY_B = [["B-x", "I-x", "O", "B-y", "B-y"]] * 10
OPENED_BY_I = [["I-x", "I-x", "O", "I-y", "B-y"]] * 10


@pytest.mark.parametrize(
    ("names", "predictions", "scheme", "guessed"),
    [
        (IOB, OPENED_BY_B, "iob2", False),
        (IOB, OPENED_BY_I, "iob1", False),
        (IOB, OPENED_BY_I[:9], "iob2", True),  # too few
        (IOB, OPENED_BY_B * 2 + OPENED_BY_I, "iob2", True),  # ambiguous
        (IOB, OPENED_BY_B * 9 + OPENED_BY_I, "iob2", False),
        (("O", "B-x", "I-x", "I-y"), OPENED_BY_I, "iob1", False),  # y is never repeated
        (("O", "B-x", "I-x", "I-y"), OPENED_BY_B, "iob2", True),  # y cannot be predicted in iob2
        (("O", "I-x", "I-y"), OPENED_BY_I, "iob1", False),
        (("O", "B-x", "I-x", "L-x", "U-x"), [], "bilou", False),
        (("O", "B-x", "I-x", "L-x", "U-y"), [], "bilou", True),
        (("O", "B-x", "I-x", "E-x", "S-x"), [], "iobes", False),
        (("NOUN", "VERB"), [], "plain", False),
    ],
)
def test_the_scheme_is_inferred_from_predicted_tags(
    names: tuple[str, ...], predictions: list[list[str]], scheme: Scheme, guessed: bool
) -> None:
    assert infer_scheme(Labels.from_names(names), predictions) == Labels(names, scheme, guessed)


def test_a_known_scheme_is_kept() -> None:
    known = Labels.from_names(IOB, "iob2")
    assert infer_scheme(known, OPENED_BY_I) is known


@pytest.mark.parametrize("foreign", [False, True])
def test_the_scheme_comes_from_the_folder_or_from_predictions(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreign: bool
) -> None:
    TransformerTokenClassifier.from_pretrained(str(tiny_bert), Labels.from_names(IOB, "iob2")).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    if foreign:
        path.write_text(json.dumps({**json.loads(path.read_text()), "nlptrain_scheme": None}))
    tagged: list[object] = []

    def tag(_: TokenModel, words: object) -> list[list[str]]:
        tagged.append(words)
        return OPENED_BY_I

    monkeypatch.setattr(TokenModel, "tag", tag)
    config = TaggerKDConfig.model_validate(
        {"teacher": str(tmp_path), "data": {"unlabeled": "raw.txt"}, "output_dir": str(tmp_path / "run")}
    )
    lines: list[str] = []
    labels = load_ensemble(config, lambda: [("Ada", "sings")], log=lines.append).labels
    assert labels == Labels(IOB, "iob1" if foreign else "iob2")
    assert tagged == [[("Ada", "sings")]] * foreign
    assert ["iob1, detected from the predictions of" in line for line in lines] == [True] * foreign
