"""Cased subwords for students of an uncased teacher."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from transformers import AutoTokenizer, PreTrainedTokenizerFast, pipeline

from nlptrain.config.student import Student
from nlptrain.config.train import TrainConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.models import TokenModel, TransformerTokenClassifier, build_student, load_token_model
from nlptrain.models.tokenization.tokenizer import add_cased_subwords
from nlptrain.run.run import Run
from nlptrain.training import Examples, SupervisedObjective, fit, score_model

LABELS = Labels.from_names(["O", "B-person", "I-person"])


@pytest.fixture(scope="module")
def teacher(tiny_bert: Path) -> TokenModel:
    return TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)


def build(teacher: TokenModel, **embedder: object) -> TokenModel:
    shape = {"embedder": {"dim": 8, **embedder}, "encoder": {"hidden": 8, "layers": 1}, "dropout": 0.0}
    return build_student(TypeAdapter(Student).validate_python(shape), LABELS, seed=0, teacher=teacher)


def spelled(model: TokenModel, word: str) -> list[str]:
    (subwords,) = model.featurizer([word])
    return list(model.tokenizer.convert_ids_to_tokens(list(subwords)))


def test_uppercase_subwords_share_the_row_of_lowercase_ones(teacher: TokenModel) -> None:
    student = build(teacher)
    embedder = student.model.embedder
    rows, forms = {}, {}
    for word in ("paris", "Paris", "PARIS"):
        ((subword,),) = student.featurizer([word])
        rows[word], forms[word] = int(embedder.rows[subword]), int(embedder.form[subword])
    assert len(set(rows.values())) == 1
    assert forms == {"paris": 0, "Paris": 1, "PARIS": 2}
    assert student.parameters() - build(teacher, cased=False).parameters() == 4 * 8
    ((own,),) = teacher.featurizer(["paris"])
    assert student.featurizer(["paris"]) == [(own,)]  # what is in lower case keeps its ids


def test_words_are_split_where_their_case_changes(teacher: TokenModel) -> None:
    student = build(teacher)
    assert spelled(student, "ParisLondon") == ["Paris", *spelled(student, "xLondon")[1:]]
    assert spelled(student, "[MASK]") == ["[MASK]"]
    assert "[Mask]" not in student.tokenizer.get_vocab()


def test_an_untrained_cased_student_predicts_as_an_uncased_one(teacher: TokenModel) -> None:
    sentence = ["Ada", "sings", "in", "PARIS"]
    (with_,), (without,) = (build(teacher, cased=case).logits([sentence]) for case in (True, False))
    assert with_.tobytes() == without.tobytes()


@pytest.mark.slow
def test_a_cased_student_learns_labels_that_depend_on_case(teacher: TokenModel) -> None:
    names = ["paris", "london", "berlin", "ada", "alan"]
    text = [Sentence((name, name.title(), name), ("O", "B-person", "O")) for name in names]
    text += [Sentence((name.title(), name), ("B-person", "O")) for name in names]
    settings = TrainConfig.model_validate(
        {"steps": 100, "warmup_steps": 5, "learning_rate": 0.02, "ema": 0.0, "eval_every": 50, "batch_sentences": 10}
    )
    # Only the embedder can see a capital: the middle word is not the only name.
    text += [Sentence((name, name), ("O", "O")) for name in names]
    scores = {}
    for case in (True, False):
        student = build(teacher, cased=case)
        fit(student, Examples(student, text), text, SupervisedObjective(), settings, Run(None, device="cpu"))
        scores[case] = score_model(student, text).value
    assert scores[True] == 1.0
    assert scores[False] < 0.95


def test_a_reduced_table_and_its_case_vectors_are_saved(teacher: TokenModel, tmp_path: Path) -> None:
    student = build_student(
        TypeAdapter(Student).validate_python({"embedder": {"dim": 8, "vocab_size": 7}, "encoder": {"hidden": 8}}),
        LABELS,
        seed=0,
        teacher=teacher,
        text=lambda: [Sentence(("Ada", "Ada", "sings"))],
    )
    assert len(student.model.embedder.table.weight) == 7
    with torch.no_grad():
        student.model.embedder.forms.weight.normal_()
    student.save_pretrained(tmp_path)
    again = load_token_model(str(tmp_path))
    sentence = ["Ada", "ADA", "ada", "McAda", "zzz"]
    (logits,) = student.logits([sentence])
    assert again.logits([sentence])[0].tobytes() == logits.tobytes()
    ids = {word: student.featurizer([word])[0] for word in sentence}
    assert (
        student.model.embedder.rows[list(ids["Ada"])].tolist() == student.model.embedder.rows[list(ids["ada"])].tolist()
    )
    # transformers alone reads the folder alike
    alone = AutoTokenizer.from_pretrained(tmp_path)
    assert alone("Ada sings", add_special_tokens=False)["input_ids"] == [*ids["Ada"], *student.featurizer(["sings"])[0]]
    assert isinstance(pipeline("token-classification", str(tmp_path))("Ada sings"), list)


def test_other_tokenizers_are_not_changed(teacher: TokenModel) -> None:
    from tokenizers import Tokenizer, models, normalizers
    from transformers import PreTrainedTokenizerFast

    for normalizer in (None, normalizers.BertNormalizer(lowercase=False)):
        inner = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
        if normalizer is not None:
            inner.normalizer = normalizer
        assert add_cased_subwords(PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="[UNK]")) is None
    inner = Tokenizer(models.BPE({"a": 0}, []))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    assert add_cased_subwords(PreTrainedTokenizerFast(tokenizer_object=inner)) is None
    casing = add_cased_subwords(teacher.tokenizer)
    assert casing is not None
    assert add_cased_subwords(casing.tokenizer) is None


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12))
def test_cased_subwords_have_the_letters_of_uncased_ones(teacher: TokenModel, word: str) -> None:
    """A word is unknown in any case if it was unknown in lower case."""
    casing = add_cased_subwords(teacher.tokenizer)
    assert casing is not None

    def letters(subwords: list[int]) -> str:
        names = teacher.tokenizer.convert_ids_to_tokens([casing.uncased_ids[subword] for subword in subwords])
        return "".join(name.removeprefix("##") for name in names)

    for text in (word, word.upper(), word.title()):
        before = teacher.tokenizer(text, add_special_tokens=False, truncation=False)["input_ids"]
        after = casing.tokenizer(text, add_special_tokens=False)["input_ids"]
        assert letters(after) == letters(before)


def test_added_tokens_keep_their_ids_in_any_case(tiny_bert: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    tokenizer.add_tokens(["zyx", "Wvu"])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<USER>"]})
    casing = add_cased_subwords(tokenizer)
    assert casing is not None
    cased = casing.tokenizer
    assert sorted(cased.get_vocab().values()) == list(range(len(cased))) == list(range(len(casing.uncased_ids)))
    for text in ("zyx", "ZYX", "Zyx", "wvu", "Wvu", "WVU", "<USER>"):
        (own,) = tokenizer(text, add_special_tokens=False)["input_ids"]
        (token_id,) = cased(text, add_special_tokens=False)["input_ids"]
        assert casing.uncased_ids[token_id] == own
        assert token_id == own or text not in ("zyx", "Wvu", "<USER>")


def test_a_capital_with_a_longer_lowercase_form_keeps_its_subwords() -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    names = ["[UNK]", "i\u0307zmir", "i", "##\u0307", "##a"]
    inner = Tokenizer(models.WordPiece({name: token_id for token_id, name in enumerate(names)}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="[UNK]")
    casing = add_cased_subwords(tokenizer)
    assert casing is not None
    for word in ("\u0130zmir", "\u0130ZM\u0130R", "\u0130a", "Ia", "ia"):
        before = tokenizer(word, add_special_tokens=False)["input_ids"]
        after = casing.tokenizer(word, add_special_tokens=False)["input_ids"]
        assert [casing.uncased_ids[subword] for subword in after] == before


@pytest.mark.parametrize("embedder", [{"kind": "subword"}, {"kind": "word", "lowercase": False}])
def test_a_cased_student_can_be_a_teacher(teacher: TokenModel, embedder: dict[str, object]) -> None:
    first = build(teacher)
    with torch.no_grad():
        first.model.embedder.forms.weight.normal_()
    vectors = first.subword_vectors()
    assert vectors is not None
    ((upper,),), ((lower,),) = first.featurizer(["Paris"]), first.featurizer(["paris"])
    assert vectors[upper].tolist() == first.model.embedder(torch.tensor(upper)).tolist()
    assert vectors[upper].tolist() != vectors[lower].tolist()
    shape = {"embedder": {"dim": 8, **embedder}, "encoder": {"hidden": 8, "layers": 1}}
    second = build_student(
        TypeAdapter(Student).validate_python(shape),
        LABELS,
        seed=0,
        teacher=first,
        text=lambda: [Sentence(("Paris", "paris"))] * 2,
    )
    assert second.tag([["Paris", "paris"]])
    if embedder["kind"] == "subword":  # the first one's table, turned and scaled: distances keep their ratios
        table = second.model.embedder.table.weight
        table_distances, vector_distances = (torch.pdist(rows[[upper, lower, 0]]) for rows in (table, vectors))
        assert torch.allclose(
            table_distances / table_distances.sum(), vector_distances / vector_distances.sum(), atol=1e-4
        )
    assert (first.featurizer(["Paris"]) == second.featurizer(["Paris"])) == (embedder["kind"] == "subword")
