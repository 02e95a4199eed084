"""TokenModel.predict: typed results for one text or many, with the values of ``nlptrain predict``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from nlptrain import TokenModel
from nlptrain.models.prediction import predict_texts, tag_with_confidence
from nlptrain.models.tagged_text import TaggedText
from nlptrain_runtime.confidence import round_confidence
from tests.helpers.small_models import DIFFICULT_TEXTS, PLAIN_LABELS, small_model

TEXTS = ["Ada Smith lives in Paris .", *DIFFICULT_TEXTS]


@pytest.fixture(scope="module")
def model(tiny_bert: Path) -> TokenModel:
    return small_model(tiny_bert, "pooled-lstm-crf")


def test_one_text_gives_one_result_and_a_list_gives_a_list(model):
    assert isinstance(model.predict(TEXTS[0]), TaggedText)
    assert model.predict(TEXTS) == model.predict(iter(TEXTS))
    assert model.predict([TEXTS[0]]) == [model.predict(TEXTS[0])]
    assert model.predict([]) == []


def test_entities_are_those_of_the_command(model):
    expected = list(predict_texts(model, TEXTS))
    assert sum(len(row["entities"]) for row in expected) > 20
    actual = [
        {"text": tagged.text, "entities": [asdict(entity) for entity in tagged.entities]}
        for tagged in model.predict(TEXTS)
    ]
    assert actual == expected
    (some,) = model.predict(TEXTS[:1], min_confidence=0.4)
    assert [asdict(entity) for entity in some.entities] == next(predict_texts(model, TEXTS[:1], min_confidence=0.4))[
        "entities"
    ]


def test_words_have_their_tags_offsets_and_confidences(model):
    for tagged in model.predict(TEXTS, min_confidence=1.0):
        words = list(model.splitter.words(tagged.text))
        (expected,) = tag_with_confidence(model, [words])
        assert [word.text for word in tagged.words] == words
        assert [tagged.text[word.start : word.end] for word in tagged.words] == words
        assert [word.tag for word in tagged.words] == expected.tags
        confidences = [round_confidence(value) for value in expected.confidences.tolist()]
        assert [word.confidence for word in tagged.words] == pytest.approx(confidences, abs=2e-4)


def test_plain_tags_are_in_words(tiny_bert):
    model = small_model(tiny_bert, "pooled-gru-softmax", PLAIN_LABELS)
    for tagged, row in zip(model.predict(TEXTS), predict_texts(model, TEXTS), strict=True):
        assert tagged.entities == ()
        assert [asdict(word) for word in tagged.words] == row["words"]


def test_error_if_a_text_is_a_list_of_words(model):
    with pytest.raises(TypeError, match=r"texts\[0\]: found list; expected a string"):
        model.predict([["Ada", "sings"]])


def test_it_is_described_in_a_line_and_moved(model, tmp_path):
    types = ", ".join(model.labels.types)
    assert repr(model) == f"NeuralTagger({model.parameters():,} parameters; {types})"
    assert model.to("cpu") is model
    model.save_pretrained(tmp_path / "saved")
    loaded = TokenModel.from_pretrained(tmp_path / "saved")
    assert loaded.folder == tmp_path / "saved"
    assert repr(loaded).endswith(f"; {types}, {tmp_path / 'saved'})")
    assert loaded.predict(TEXTS) == model.predict(TEXTS)
