"""The temperature of a model changes confidences, but not logits, tags or the key of a teacher."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from transformers import AutoModelForTokenClassification, pipeline

from nlptrain.config.student import Student
from nlptrain.data.labels import Labels
from nlptrain.errors import InputError
from nlptrain.models import TokenModel, TransformerTokenClassifier, build_student, load_token_model
from nlptrain.models.prediction import predict_columns, predict_texts, tag_with_confidence
from nlptrain.models.tokenization.inputs import whole_sentences
from tests.helpers.corpora import LABELS, make_sentences

PLAIN = Labels.from_names(["ADP", "NOUN", "VERB"], "plain")
SENTENCES = [words for words, _ in make_sentences(12, 5)]
TEXTS = [" ".join(words) for words in SENTENCES]


def student(tiny_bert: Path, head: str = "softmax", labels: Labels = LABELS) -> TokenModel:
    shape = {"tokenizer": str(tiny_bert), "embedder": {"dim": 8}, "encoder": {"hidden": 4}, "head": {"kind": head}}
    model = build_student(TypeAdapter(Student).validate_python({**shape, "max_subwords": 16}), labels, seed=0)
    torch.manual_seed(0)
    with torch.no_grad():
        model.model.head.weight.mul_(20)  # so that it is surer of some words than of others
        if head == "crf":
            model.model.head.transitions.copy_(torch.randn(len(labels), len(labels)))
    return model


@pytest.fixture(params=["teacher", "softmax", "crf"])
def model(request: pytest.FixtureRequest, tiny_bert: Path) -> TokenModel:
    if request.param == "teacher":
        return TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)
    return student(tiny_bert, request.param)


def test_temperature_changes_confidences_only(model: TokenModel) -> None:
    words = [*SENTENCES, tuple(word for sentence in SENTENCES for word in sentence)]
    tags, logits, key, sure = (
        model.tag(words),
        model.logits(words),
        model.fingerprint(),
        tag_with_confidence(model, words),
    )
    model.temperature = 2.5
    assert model.tag(words) == tags
    assert all(np.array_equal(*pair) for pair in zip(model.logits(words), logits, strict=True))
    assert model.fingerprint() == key
    warmer = tag_with_confidence(model, words)
    assert [tagged.tags for tagged in warmer] == tags
    for emissions, tagged, before in zip(model.predict_emissions(words), warmer, sure, strict=True):
        # of a CRF, the sequence is the whole sentence, not a window
        output = model.decoder.output(torch.from_numpy(emissions).double(), whole_sentences([len(emissions)]))
        expected = output.log_probabilities(2.5).exp().detach().numpy()
        picked = expected[np.arange(len(emissions)), [LABELS.ids[tag] for tag in tagged.tags]]
        np.testing.assert_allclose(tagged.confidences, picked, atol=1e-5)
        assert not np.allclose(tagged.confidences, before.confidences, atol=1e-3)


def test_predict_returns_calibrated_confidences(model: TokenModel) -> None:
    cold = list(predict_texts(model, TEXTS))
    model.temperature = 3.0
    warm = list(predict_texts(model, TEXTS))
    confidences = [[entity for prediction in part for entity in prediction["entities"]] for part in (cold, warm)]
    assert len(confidences[0]) == len(confidences[1]) > 3
    # Only for best labels: a label that the scheme enforces may be improbable, and gains with the temperature.
    sure = [(before["confidence"], after["confidence"]) for before, after in zip(*confidences, strict=True)]
    assert all(after < before for before, after in sure if before > 0.5)
    assert any(after != before for before, after in sure)
    assert [e["text"] for e in confidences[0]] == [e["text"] for e in confidences[1]]


def test_a_saved_temperature_is_the_same_after_loading(model: TokenModel, tmp_path: Path) -> None:
    model.temperature = 1.7
    model.save_pretrained(tmp_path / "one")
    again = load_token_model(str(tmp_path / "one"))
    assert again.temperature == 1.7
    assert again.fingerprint() == model.fingerprint()
    again.save_pretrained(tmp_path / "two")
    assert json.loads((tmp_path / "two/config.json").read_text())["nlptrain_temperature"] == 1.7
    assert load_token_model(str(tmp_path / "two")).temperature == 1.7


def test_a_folder_without_a_temperature_is_not_calibrated(model: TokenModel, tmp_path: Path) -> None:
    model.temperature = 1.7
    model.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    values = json.loads(path.read_text())
    del values["nlptrain_temperature"]
    path.write_text(json.dumps(values))
    again = load_token_model(str(tmp_path))
    assert again.temperature == 1.0
    assert again.fingerprint() == model.fingerprint()  # logits that were stored before there were temperatures
    for wrong in (0, -1.0, "2", True, None):
        path.write_text(json.dumps({**values, "nlptrain_temperature": wrong}))
        with pytest.raises(InputError, match="nlptrain_temperature .*; expected a number above 0, or no such key"):
            load_token_model(str(tmp_path))


def test_transformers_loads_the_folder_and_returns_logits(tiny_bert: Path, tmp_path: Path) -> None:
    teacher = TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)
    teacher.temperature = 1.7
    teacher.save_pretrained(tmp_path)
    plain = AutoModelForTokenClassification.from_pretrained(tmp_path)
    (window,) = teacher.windows(SENTENCES[0])
    with torch.no_grad():
        logits = plain(input_ids=torch.tensor([window.subwords])).logits[0, window.word_starts].numpy()
    np.testing.assert_allclose(logits, teacher.logits([SENTENCES[0]])[0], atol=1e-5)
    assert pipeline("token-classification", model=str(tmp_path), aggregation_strategy="first")(TEXTS[0]) is not None


@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_min_confidence_omits_entities_with_a_lower_confidence(tiny_bert: Path, head: str) -> None:
    model = student(tiny_bert, head)
    everything = list(predict_texts(model, TEXTS))
    sure = sorted(entity["confidence"] for prediction in everything for entity in prediction["entities"])
    threshold = sure[len(sure) // 2]  # one that is shown: it stays
    assert sure[0] < threshold
    kept = [
        {**prediction, "entities": [entity for entity in prediction["entities"] if entity["confidence"] >= threshold]}
        for prediction in everything
    ]
    assert list(predict_texts(model, TEXTS, min_confidence=threshold)) == kept
    columns = "".join(predict_columns(model, TEXTS, min_confidence=threshold))
    assert columns.count("\tB-") == sum(len(prediction["entities"]) for prediction in kept)
    assert "".join(predict_columns(model, TEXTS)).count("\tB-") == len(sure)
    assert "\tB-" not in "".join(predict_columns(model, TEXTS, min_confidence=1.0))


def test_a_plain_tag_below_min_confidence_is_none(tiny_bert: Path) -> None:
    model = student(tiny_bert, labels=PLAIN)
    (everything,) = predict_texts(model, TEXTS[:1])
    threshold = sorted(word["confidence"] for word in everything["words"])[2]
    (prediction,) = predict_texts(model, TEXTS[:1], min_confidence=threshold)
    assert [word["tag"] for word in prediction["words"]] == [
        word["tag"] if word["confidence"] >= threshold else None for word in everything["words"]
    ]
    assert [word["confidence"] for word in prediction["words"]] == [word["confidence"] for word in everything["words"]]
    (columns,) = predict_columns(model, TEXTS[:1], min_confidence=threshold)
    assert [line.split("\t")[1] for line in columns.splitlines()] == [w["tag"] or "_" for w in prediction["words"]]
