"""Each architecture of transformers can be fine-tuned, saved, loaded and distilled."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForTokenClassification

from nlptrain.config.objectives import KLConfig
from nlptrain.config.student import StudentConfig, TransformerStudentConfig
from nlptrain.config.train import TrainConfig, TransformerTrainConfig
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits
from nlptrain.distillation import BlockStore
from nlptrain.distillation.block_labeling import label_sentences
from nlptrain.distillation.teachers import TransformerTeacher
from nlptrain.errors import InputError
from nlptrain.models import TokenModel, TransformerTokenClassifier, build_student, load_token_model
from nlptrain.procedures.student_training import train_on_logits
from nlptrain.run.run import Run
from nlptrain.training import Examples, SupervisedObjective, fit, score_model
from tests.helpers.architectures import ARCHITECTURES, SLOW
from tests.helpers.corpora import LABELS, make_sentences

pytestmark = pytest.mark.slow

TEN = [Sentence(words, tags) for words, tags in make_sentences(10, 11)]
WORDS = [words for words, _ in make_sentences(8, 5)] + [("hm",), ("\ufe0f", "Ada", "x" * 90)]
RUN = Run(None, device="cpu")


def pretrained(name: str, folder: Path) -> TokenModel:
    ARCHITECTURES[name](folder)
    language = "fr" if name == "xlm-multilingual" else None
    return TransformerTokenClassifier.from_pretrained(str(folder), LABELS, language=language)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def fine_tuned(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, TokenModel, Path]:
    """Fine-tune an architecture on ten sentences; return its name, the model and its folder."""
    name = request.param
    folder = tmp_path_factory.mktemp(name)
    model = pretrained(name, folder / "pretrained")
    settings = TransformerTrainConfig.model_validate(
        {"steps": 80, "learning_rate": 0.01, "warmup_steps": 10, "eval_every": 80, "batch_sentences": 10}
    )
    fit(model, Examples(model, TEN), TEN, SupervisedObjective(), settings, RUN)
    model.save_pretrained(folder / "model")
    return name, model, folder / "model"


def test_each_architecture_overfits_ten_sentences(fine_tuned: tuple[str, TokenModel, Path]) -> None:
    assert score_model(fine_tuned[1], TEN).value == 1.0


def test_a_saved_model_is_the_same_after_loading(fine_tuned: tuple[str, TokenModel, Path]) -> None:
    name, model, folder = fine_tuned
    again = load_token_model(str(folder))
    for actual, expected in zip(model.logits(WORDS), again.logits(WORDS), strict=True):
        assert actual.tobytes() == expected.tobytes()
    assert again.fingerprint() == model.fingerprint()
    assert again.max_subwords == model.max_subwords == (512 if name in ("xlnet",) else 64)
    plain = AutoModelForTokenClassification.from_pretrained(folder)  # without anything of ours
    assert plain.config.label2id == LABELS.ids


def test_padding_does_not_change_the_logits(fine_tuned: tuple[str, TokenModel, Path]) -> None:
    _, model, _ = fine_tuned
    for words, values in zip(WORDS, model.logits(WORDS), strict=True):
        np.testing.assert_allclose(model.logits([words])[0], values, atol=1e-5)


def test_model_inputs_equal_those_of_the_tokenizer(fine_tuned: tuple[str, TokenModel, Path]) -> None:
    name, model, _ = fine_tuned
    sentences = [["Ada", "lives", "in", "Oslo"], ["hm"]]
    model_inputs = model.pad([window for words in sentences for window in model.windows(words)]).model_inputs
    space = " " if name == "modernbert" else ""  # it puts none in front of words that it is given one by one
    sentences = [[space + word for word in words] for words in sentences]
    if name in SLOW:
        theirs = model.tokenizer(sentences, is_split_into_words=True, padding=True, return_tensors="pt")
        theirs = {key: theirs[key] for key in ("input_ids", "attention_mask")}
    else:
        keys = {"return_token_type_ids": True} if "token_type_ids" in model_inputs else {}
        theirs = model.tokenizer(sentences, is_split_into_words=True, padding=True, return_tensors="pt", **keys)
    for key in model_inputs:
        if key in theirs and not (name == "xlnet" and key == "token_type_ids"):
            assert torch.equal(model_inputs[key], theirs[key]), key
    if name == "xlnet":  # pads left; 2 is the segment of <cls>, 3 that of the padding, which transformers forgets
        assert model_inputs["token_type_ids"][0].tolist()[-2:] == [0, 2]
        padding = int((model_inputs["attention_mask"][1] == 0).sum())
        assert padding > 0
        assert model_inputs["token_type_ids"][1].tolist()[:padding] == [3] * padding
    if name == "xlm-multilingual":
        assert bool((model_inputs["langs"] == 2).all())


def test_long_sentences_are_read_in_windows(fine_tuned: tuple[str, TokenModel, Path]) -> None:
    name, model, _ = fine_tuned
    words = [word for words, _ in make_sentences(60, 7) for word in words][:200]
    assert (len(model.windows(words)) > 2) == (name != "xlnet")
    assert model.logits([words])[0].shape == (200, 5)


def test_each_architecture_can_be_a_teacher(fine_tuned: tuple[str, TokenModel, Path], tmp_path: Path) -> None:
    _, model, _ = fine_tuned
    raw = [Sentence(words) for words, _ in make_sentences(30, 12)]
    store = BlockStore(tmp_path / "transfer", TransformerTeacher(model))
    assert label_sentences(store, raw, TransformerTeacher(model), RUN).computed == len(
        {sentence.words for sentence in raw}
    )
    shape = StudentConfig.model_validate({"embedder": {"dim": 16}, "encoder": {"hidden": 16, "layers": 1}})
    student = build_student(shape, model.labels, seed=0, teacher=model)
    settings = TrainConfig.model_validate(
        {"steps": 60, "learning_rate": 0.02, "warmup_steps": 5, "eval_every": 60, "ema": 0.0, "batch_sentences": 20}
    )
    splits = Splits(model.labels, TEN, TEN, [], is_dev_from_train=False)
    scores = train_on_logits(
        student, TransformerTeacher(model), splits, raw, KLConfig(), settings, RUN, transfer_dir=tmp_path / "transfer"
    )
    assert scores["dev"]["f1"] > 0.9
    student.save_pretrained(tmp_path / "student")
    again = load_token_model(str(tmp_path / "student"))
    for actual, expected in zip(student.logits(WORDS), again.logits(WORDS), strict=True):
        assert actual.tobytes() == expected.tobytes()


def test_a_student_can_have_some_of_its_layers(fine_tuned: tuple[str, TokenModel, Path]) -> None:
    name, model, _ = fine_tuned
    config = TransformerStudentConfig.model_validate({"kind": "transformer", "layers": 1})
    cut = build_student(config, LABELS, seed=0, teacher=model)
    assert cut.model.config.num_hidden_layers == 1
    assert cut.parameters() < model.parameters() or name == "albert"  # whose layers are one
    assert cut.logits(WORDS)[0].shape == (len(WORDS[0]), 5)


def test_a_multilingual_model_needs_the_language(tmp_path: Path) -> None:
    ARCHITECTURES["xlm-multilingual"](tmp_path)
    with pytest.raises(
        InputError, match="language: missing; expected a language of the model: ar, en, fr; set language in"
    ):
        TransformerTokenClassifier.from_pretrained(str(tmp_path), LABELS)
    with pytest.raises(InputError, match="language: found 'de'; expected a language of the model: ar, en, fr"):
        TransformerTokenClassifier.from_pretrained(str(tmp_path), LABELS, language="de")
    french = TransformerTokenClassifier.from_pretrained(str(tmp_path), LABELS, language="fr")
    english = TransformerTokenClassifier.from_pretrained(str(tmp_path), LABELS, language="en")
    assert french.fingerprint() != english.fingerprint()
    assert not np.allclose(french.logits(WORDS)[0], english.logits(WORDS)[0])


def test_error_if_a_model_without_languages_gets_one(tmp_path: Path) -> None:
    ARCHITECTURES["bert"](tmp_path)
    with pytest.raises(
        InputError, match="language: found 'fr'; expected none, since bert models do not depend on the language"
    ):
        TransformerTokenClassifier.from_pretrained(str(tmp_path), LABELS, language="fr")


def test_missing_packages_of_a_slow_tokenizer_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    ARCHITECTURES["xlm"](tmp_path)
    real = builtins.__import__

    def without(name: str, *arguments: object, **options: object) -> object:
        if name.split(".")[0] == "sacremoses":
            raise ImportError("No module named 'sacremoses'")
        return real(name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(__import__("sys").modules, "sacremoses", raising=False)
    with pytest.raises(InputError, match=r"the tokenizer needs more packages .*; pip install 'nlptrain\[slow\]'"):
        TransformerTokenClassifier.from_pretrained(str(tmp_path), LABELS)
