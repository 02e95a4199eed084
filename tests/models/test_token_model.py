import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

import nlptrain.models  # noqa: F401
from nlptrain.config.student import StudentConfig
from nlptrain.data.labels import Labels
from nlptrain.errors import InputError
from nlptrain.models import TokenModel, TransformerTokenClassifier, build_tagger, load_token_model
from nlptrain.models.encoders import LSTMEncoder
from nlptrain.models.prediction import predict_texts
from nlptrain.models.students.embeddings import principal_components
from tests.helpers.corpora import LABELS, make_sentences


@pytest.fixture(params=["teacher", "student"])
def model(request: pytest.FixtureRequest, tiny_bert: Path) -> TokenModel:
    if request.param == "teacher":
        return TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)
    return student(tiny_bert)


def student(tiny_bert: Path) -> TokenModel:
    config = StudentConfig.model_validate(
        {"tokenizer": str(tiny_bert), "embedder": {"dim": 16}, "encoder": {"hidden": 8}, "max_subwords": 128}
    )
    return build_tagger(config, LABELS, seed=0)


def test_logits_do_not_depend_on_the_batch(model: TokenModel) -> None:
    sentences = [words for words, _ in make_sentences(12, 5)] + [("hm",)]
    together = model.logits(sentences)
    for words, values in zip(sentences, together, strict=True):
        np.testing.assert_allclose(model.logits([words])[0], values, atol=1e-5)


def test_a_saved_model_has_identical_logits_after_loading(model: TokenModel, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    again = load_token_model(str(tmp_path))
    sentences = [words for words, _ in make_sentences(5, 6)]
    for actual, expected in zip(model.logits(sentences), again.logits(sentences), strict=True):
        assert np.array_equal(actual, expected)
    assert again.labels == model.labels
    assert again.max_subwords == model.max_subwords
    assert again.fingerprint() == model.fingerprint()
    assert not list(tmp_path.glob("*.bin"))
    assert not list(tmp_path.glob("*.py"))


def test_all_3000_words_of_a_sentence_are_tagged(model: TokenModel) -> None:
    words = [word for words, _ in make_sentences(800, 7) for word in words][:3000]
    (tags,) = model.tag([words])
    assert len(tags) == 3000
    # The emissions of the last word are those of the last window, computed alone.
    with torch.no_grad():
        alone = model.emissions(model.pad(model.windows(words)[-1:]))
    assert model.predict_emissions([words])[0][-1] == pytest.approx(alone[-1].numpy(), abs=1e-5)


def test_every_word_has_a_subword(model: TokenModel) -> None:
    words = ["Ada", "\ufe0f", "\u200f", "🙂", "\x00", "x" * 500, "e\u0301", "a-b"]
    assert all(subwords for subwords in model.featurizer(words))
    assert len(model.tag([words])[0]) == len(words)
    assert model.featurizer(["\ufe0f"])[0] == (model.tokenizer.unk_token_id,)


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=12))
def test_words_have_the_subwords_of_a_tokenized_sentence(tiny_bert: Path, words: list[str]) -> None:
    model = student(tiny_bert)
    (window,) = model.windows(words)
    encoded = model.tokenizer(words, is_split_into_words=True)
    heads = {word: position for position, word in reversed(list(enumerate(encoded.word_ids()))) if word is not None}
    if len(heads) == len(words):  # the tokenizer itself drops words without a subword
        assert window.subwords == encoded["input_ids"]
        assert window.word_starts == [heads[index] for index in range(len(words))]


def test_a_loaded_uncased_tokenizer_lowercases(tiny_bert: Path, tmp_path: Path) -> None:
    TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS).save_pretrained(tmp_path)
    again = load_token_model(str(tmp_path))
    assert again.featurizer(["PARIS"]) == again.featurizer(["paris"])
    assert again.tokenizer.unk_token_id not in again.featurizer(["PARIS"])[0]


def test_a_loaded_cased_student_shares_rows_between_cases(tiny_bert: Path, tmp_path: Path) -> None:
    student(tiny_bert).save_pretrained(tmp_path)
    again = load_token_model(str(tmp_path))
    (upper,), (lower,) = again.featurizer(["PARIS"]), again.featurizer(["paris"])
    assert upper != lower
    rows = again.model.embedder.rows
    assert rows[list(upper)].tolist() == rows[list(lower)].tolist()
    assert again.tokenizer.unk_token_id not in upper


def test_a_student_folder_is_loaded_by_a_pipeline(tiny_bert: Path, tmp_path: Path) -> None:
    student(tiny_bert).save_pretrained(tmp_path)
    loaded = AutoModelForTokenClassification.from_pretrained(tmp_path)
    tagger = pipeline("token-classification", model=str(tmp_path), aggregation_strategy="first")
    words = [word for words, _ in make_sentences(300, 8) for word in words][:100]
    text = " ".join(words * 8)
    whole = tagger(text, ignore_labels=[])
    assert whole[-1]["end"] == len(text)  # 800 words, to the last one
    (alike,) = predict_texts(load_token_model(str(tmp_path)), [text])
    groups = [(group["start"], group["end"], group["entity_group"]) for group in tagger(text)]
    assert groups == [(entity["start"], entity["end"], entity["label"]) for entity in alike["entities"]]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer(" ".join(words * 8))["input_ids"]) > 800  # nothing is cut in silence
    ids = tokenizer("Ada lives in Oslo", return_tensors="pt", return_token_type_ids=True)
    assert loaded(**ids).logits.shape == (1, 6, 5)


def test_padding_on_either_side_does_not_change_logits() -> None:
    torch.manual_seed(0)
    encoder = LSTMEncoder(4, hidden=3, layers=2, dropout=0.0).eval()
    states = torch.randn(1, 5, 4)
    alone = encoder(states, torch.ones(1, 5))
    junk = torch.full((1, 3, 4), 9.0)
    left = encoder(torch.cat([junk, states], 1), torch.tensor([[0] * 3 + [1] * 5]))
    right = encoder(torch.cat([states, junk], 1), torch.tensor([[1] * 5 + [0] * 3]))
    assert torch.allclose(left[:, 3:], alone, atol=1e-6)
    assert torch.allclose(right[:, :5], alone, atol=1e-6)
    # against torch's own layer, unpacked
    assert torch.allclose(alone, encoder.net(states)[0], atol=1e-6)


def test_pca_keeps_the_largest_variance_deterministically() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(200, 2) @ torch.tensor([[3.0, 0, 0, 1], [0, 1, 0, 0]])
    cut = principal_components(hidden + 5, 2)
    assert torch.equal(cut, principal_components(hidden + 5, 2))
    assert cut.std().item() == pytest.approx(1, abs=1e-5)
    assert cut.mean(0).abs().max() < 1e-5
    # two directions hold all of it: distances are kept up to the one scale
    before, after = torch.pdist(hidden), torch.pdist(cut)
    assert (after / before).std() < 1e-4 * (after / before).mean()
    with pytest.raises(ValueError, match="only 4 columns"):
        principal_components(hidden, 5)


def test_the_embedding_table_starts_from_the_teacher(tiny_bert: Path) -> None:
    teacher = TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)
    config = StudentConfig.model_validate({"embedder": {"dim": 16}, "encoder": {"hidden": 8}})
    table = build_tagger(config, LABELS, seed=0, teacher=teacher).model.get_input_embeddings().weight
    assert torch.equal(table, principal_components(teacher.model.get_input_embeddings().weight, 16))
    random = StudentConfig.model_validate({"embedder": {"dim": 16, "init": "random"}, "encoder": {"hidden": 8}})
    expected = build_tagger(random, LABELS, seed=0, teacher=teacher).model.get_input_embeddings().weight
    assert not torch.equal(table, expected)


def test_error_if_a_folder_is_no_token_classifier(tiny_bert: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found BertModel; expected a token classifier; fine-tune it first"):
        load_token_model(str(tiny_bert))
    with pytest.raises(InputError, match="there is no such folder"):
        load_token_model("./nowhere")
    with pytest.raises(InputError, match="pip install no-such-package"):
        load_token_model("package:no_such_package/model")
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(InputError, match="are a pickle, .*; convert it, if you trust it: python -c"):
        load_token_model(str(tmp_path))


def test_error_if_labels_have_no_names(tiny_bert: Path, tmp_path: Path) -> None:
    TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    config["id2label"] = {str(n): f"LABEL_{n}" for n in range(5)}
    config["label2id"] = {f"LABEL_{n}": n for n in range(5)}
    path.write_text(json.dumps(config))
    with pytest.raises(InputError, match="LABEL_0 to LABEL_4; set data.labels"):
        load_token_model(str(tmp_path))
    assert load_token_model(str(tmp_path), labels=LABELS).labels == LABELS
    with pytest.raises(InputError, match="found 2 names; expected 5, one per logit of"):
        load_token_model(str(tmp_path), labels=Labels.from_names(["O", "B-x"]))


def test_error_if_labels_are_in_another_order(tiny_bert: Path, tmp_path: Path) -> None:
    student(tiny_bert).save_pretrained(tmp_path)
    assert load_token_model(str(tmp_path), labels=LABELS).labels == LABELS
    turned = Labels.from_names(["O", *reversed(LABELS.names[1:])])
    with pytest.raises(InputError, match="in their order; remove data.labels"):
        load_token_model(str(tmp_path), labels=turned)


def test_error_if_the_table_is_wider_than_the_pretrained_one(tiny_bert: Path) -> None:
    shape = {"tokenizer": str(tiny_bert), "embedder": {"dim": 33}}
    with pytest.raises(
        InputError,
        match=r"student\.embedder\.dim: found 33; expected at most 32, .*; or set student\.embedder\.init to random",
    ):
        build_tagger(StudentConfig.model_validate(shape), LABELS, seed=0)
    shape["embedder"] = {"dim": 33, "init": "random"}
    build_tagger(StudentConfig.model_validate(shape), LABELS, seed=0)


def test_the_window_of_a_model_is_saved(tiny_bert: Path, tmp_path: Path) -> None:
    model = TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)
    model.max_subwords = 24  # fewer than its 64 positions, as in the tokenizers of many teachers
    model.save_pretrained(tmp_path)
    again = load_token_model(str(tmp_path))
    assert again.max_subwords == 24
    words = [word for words, _ in make_sentences(20, 7) for word in words]
    assert again.logits([words])[0].tobytes() == model.logits([words])[0].tobytes()
    assert again.fingerprint() == model.fingerprint()


def test_error_if_a_folder_has_no_tokenizer(tiny_bert: Path, tmp_path: Path) -> None:
    student(tiny_bert).save_pretrained(tmp_path)
    for path in tmp_path.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(InputError, match="no tokenizer in"):
        load_token_model(str(tmp_path))
