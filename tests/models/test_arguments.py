"""Arguments of the library: paths are strings or ``Path``, lists are not strings."""

from __future__ import annotations

from pathlib import Path

import pytest

import nlptrain
from nlptrain import Corpus, Run, TokenModel, TransformerTokenClassifier, WordSplitter, load_config
from nlptrain.deployment.card import ModelInfo, model_card
from nlptrain.deployment.export import export_onnx
from nlptrain.errors import InputError
from nlptrain.models.prediction import predict_columns, predict_rows, predict_texts
from nlptrain.training import score_model
from tests.helpers.corpora import write_corpus
from tests.helpers.small_models import LABELS, SENTENCES, small_model

WORDS = [["Ada", "sings"], ["in", "Oslo"]]


@pytest.fixture(scope="module")
def model(tiny_bert: Path) -> TokenModel:
    """Return a student."""
    return small_model(tiny_bert, "pooled-lstm-crf")


@pytest.mark.parametrize("as_path", [str, Path])
def test_paths_are_strings_or_path_objects(model, tiny_bert, tmp_path, as_path):
    folder = as_path(tmp_path / "saved")
    model.save_pretrained(folder)
    assert nlptrain.load(folder).tag(WORDS) == model.tag(WORDS)
    TransformerTokenClassifier.from_pretrained(as_path(tiny_bert), LABELS)
    write_corpus(tmp_path)
    assert len(list(Corpus(as_path(tmp_path / "train.conll")))) == 60
    assert len(list(Corpus([as_path(tmp_path / "train.conll")]))) == 60
    assert Run(as_path(tmp_path / "run"), device="cpu").folder == tmp_path / "run"
    WordSplitter.default().save(as_path(tmp_path))
    assert WordSplitter.load(as_path(tmp_path)) == WordSplitter.default()
    export_onnx(model, as_path(tmp_path / "out"), ["fp32"])
    for function in (
        lambda: nlptrain.compare([as_path(tmp_path)]),
        lambda: model_card(as_path(tmp_path), ModelInfo("", "")),
    ):
        with pytest.raises(InputError, match=r"no scores\.json"):
            function()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: predict_texts(model, "Victoria Osei left"), "texts: found the string 'Victoria Osei left'"),
        (lambda model: predict_columns(model, "Victoria Osei left"), "texts: found the string"),
        (lambda model: predict_rows(model, "Victoria"), "rows: found the string"),
        (lambda model: predict_rows(model, {"text": "Ada"}), "rows: found NoneType; expected a list of rows"),
        (lambda model: predict_texts(model, None), "texts: found NoneType"),
        (lambda model: list(predict_texts(model, ["Ada", 7])), r"texts\[1\]: found int 7; expected a string"),
        (lambda model: predict_texts("runs/demo", ["Ada"]), "model: found 'runs/demo'; load it first"),
        (lambda model: model.tag(["Ada sings"]), r"sentences\[0\]: found the string 'Ada sings'; expected a list"),
        (lambda model: model.tag("Ada sings"), "sentences: found the string"),
        (lambda model: model.tag([["Ada", 7]]), r"sentences\[0\]\[1\]: found int 7"),
        (lambda model: model.predict_labels(["Ada"]), r"sentences\[0\]: found the string"),
        (lambda model: model.logits(["Ada"]), r"sentences\[0\]: found the string"),
        (lambda model: model.predict_emissions(["Ada"]), r"sentences\[0\]: found the string"),
        (lambda model: model.windows("Ada"), "words: found the string"),
        (lambda model: score_model(model, "Ada"), "sentences: found the string"),
        (lambda model: score_model(model, WORDS), r"sentences\[0\]: found list; must be a Sentence"),
        (lambda model: nlptrain.compare("runs/demo"), "runs: found the string"),
        (lambda model: nlptrain.compare(Path("runs/demo")), "runs: found PosixPath"),
        (lambda model: export_onnx(model, "out", "fp32"), "precisions: found the string"),
        (lambda model: load_config(nlptrain.COMMANDS["tagger"], None, "train.steps=5"), "settings: found"),
    ],
)  # fmt: skip
def test_error_if_a_string_is_given_for_a_list(model, call, message):
    with pytest.raises(TypeError, match=message):
        call(model)


def test_generators_and_tuples_are_accepted_as_lists(model):
    expected = model.tag(WORDS)
    assert model.tag(tuple(map(tuple, WORDS))) == expected
    assert model.tag((word for word in words) for words in WORDS) == expected
    texts = ["Ada sings", "in Oslo"]
    assert list(predict_texts(model, iter(texts))) == list(predict_texts(model, texts))
    assert score_model(model, iter(SENTENCES)) == score_model(model, SENTENCES)
