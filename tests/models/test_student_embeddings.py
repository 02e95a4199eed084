"""Sizes and initial values of a student's embedding table."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from pydantic import TypeAdapter

from nlptrain.config.student import Student
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError
from nlptrain.models import TokenModel, TransformerTokenClassifier, build_student, load_token_model
from nlptrain.models.students import building
from nlptrain.models.students.embeddings import principal_components
from tests.helpers.corpora import LABELS, make_sentences

TEXT = [Sentence(words) for words, _ in make_sentences(40, 1)]
COUNTS = Counter(word for sentence in TEXT for word in sentence.words)


def text_of(words: Counter[str]) -> list[Sentence]:
    return [Sentence((word,)) for word in words.elements()]


def build(teacher: TokenModel | None = None, words: Counter[str] = COUNTS, **shape: object) -> TokenModel:
    config = TypeAdapter(Student).validate_python({"encoder": {"hidden": 4, "layers": 1}, **shape})
    logged: list[str] = []
    model = build_student(config, LABELS, seed=0, teacher=teacher, text=lambda: text_of(words), log=logged.append)
    model.logged = logged  # type: ignore[attr-defined]
    return model


@pytest.fixture
def teacher(tiny_bert: Path) -> TokenModel:
    return TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)


def test_vocab_size_keeps_the_most_frequent_subwords(teacher: TokenModel, tmp_path: Path) -> None:
    model = build(teacher, embedder={"dim": 8, "vocab_size": 20, "cased": False})
    table = model.model.get_input_embeddings().weight
    assert len(table) == 20
    assert len(model.tokenizer) == len(teacher.tokenizer) > 60
    assert "20 of the tokenizer's" in model.logged[0]  # type: ignore[attr-defined]
    special = set(teacher.tokenizer.all_special_ids)
    by_hand = Counter(p for word, n in COUNTS.items() for p in teacher.featurizer([word])[0] for _ in range(n))
    frequent = sorted(set(by_hand) - special, key=lambda subword: (-by_hand[subword], subword))[: 20 - len(special)]
    order = [*sorted(special), *frequent]
    assert model.model.embedder.rows[order].tolist() == list(range(20))
    # A kept subword has its row of the teacher's components, any other one shares the nearest of these.
    start = principal_components(teacher.model.get_input_embeddings().weight[: len(teacher.tokenizer)], 8)
    assert torch.allclose(table, start[order])
    for dropped in set(range(len(teacher.tokenizer))) - set(order):
        nearest = min(range(20), key=lambda row: float((start[dropped] - start[order[row]]).norm()))
        assert model.model.embedder.rows[dropped] == nearest
    assert len(set(model.model.embedder.rows.tolist())) > 10
    model.save_pretrained(tmp_path)
    again = load_token_model(str(tmp_path))
    assert again.logits([["Ada", "zzz"]])[0].tobytes() == model.logits([["Ada", "zzz"]])[0].tobytes()


def test_auto_reduces_large_tables_only(teacher: TokenModel, monkeypatch: pytest.MonkeyPatch) -> None:
    subwords = len(teacher.tokenizer)
    assert len(build(teacher, embedder={"dim": 8}).model.get_input_embeddings().weight) == subwords
    monkeypatch.setattr(building, "MAX_TABLE_PARAMETERS", 8 * 50)
    few = Counter({"Ada": 3})
    cut = build(teacher, few, embedder={"dim": 8})
    assert len(cut.model.get_input_embeddings().weight) == 50  # the text's, and then the tokenizer's first ones
    rows = cut.model.embedder.rows
    special = len(set(teacher.tokenizer.all_special_ids))
    (ada,) = teacher.featurizer(["Ada"])[0]
    assert rows[ada] == special
    own = {ada, *range(50 - (ada >= 50))}
    assert sorted(rows[sorted(own)].tolist()) == list(range(50))
    by_chance = build(teacher, few, embedder={"dim": 8, "init": "random"}).model.embedder.rows
    assert by_chance[subwords - 1] == by_chance[teacher.tokenizer.unk_token_id]
    assert len(build(teacher, few, embedder={"dim": 8, "vocab_size": "all"}).model.embedder.table.weight) == subwords


@pytest.mark.slow
def test_a_large_vocabulary_gives_a_small_default_student(
    tmp_path: Path,
) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForTokenClassification

    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary += [(f"\u2581w{index}", -10.0) for index in range(250_000 - 4)]
    inner = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="<unk>", pad_token="<pad>", cls_token="<s>", sep_token="</s>"
    )
    config = XLMRobertaConfig(
        vocab_size=250_000,
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        num_labels=5,
    )
    from nlptrain.models.tokenization import SubwordFeaturizer

    big = TransformerTokenClassifier(
        XLMRobertaForTokenClassification(config), SubwordFeaturizer(fast), LABELS, max_subwords=64, name="big"
    )
    words = Counter({f"w{index}": 1 for index in range(100, 60_000)})
    student = build_student(
        TypeAdapter(Student).validate_python({"embedder": {"init": "random"}}),
        LABELS,
        seed=0,
        teacher=big,
        text=lambda: text_of(words),
    )
    assert 2_000_000 <= student.parameters() <= 3_500_000
    assert student.logits([["w100", "w249000", "new"]])[0].shape == (3, 5)


def test_word_vectors_start_as_means_of_teacher_subwords(teacher: TokenModel) -> None:
    model = build(teacher, embedder={"kind": "word", "dim": 8, "min_count": 2})
    vocabulary = model.featurizer.vocabulary  # type: ignore[attr-defined]
    table = teacher.model.get_input_embeddings().weight.detach()
    means = torch.stack([table[1], table[1], *(table[list(p)].mean(0) for p in teacher.featurizer(vocabulary.words))])
    start = principal_components(means, 8)
    assert torch.allclose(model.model.embedder.table.weight[1:], start[1:], atol=1e-5)
    assert model.model.embedder.table.weight[0].abs().sum() == 0
    assert "zebra" not in vocabulary.words


def test_word_vectors_start_from_a_file(teacher: TokenModel, tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text("the 1 2 3\nparis 0.5 0.25 -1\nOslo 4 4 4\n")
    model = build(
        embedder={"kind": "word", "dim": 3, "min_count": 1, "vectors": str(path)},
        words=Counter({"Paris": 3, "oslo": 1, "sings": 2}),
    )
    coverage = "2 of 3 words have a vector (66.7 %), 1 of them in another case; 3 dimensions"
    assert model.logged[-1] == f"student.embedder.vectors: {coverage} ({path})"  # type: ignore[attr-defined]
    vocabulary = model.featurizer.vocabulary  # type: ignore[attr-defined]
    rows = torch.tensor([[0.5, 0.25, -1], [4, 4, 4]])
    weight = model.model.embedder.table.weight
    assert torch.allclose(weight[vocabulary.id_of("PARIS")], rows[0] / rows.std())
    assert torch.allclose(weight[vocabulary.id_of("oslo")], rows[1] / rows.std())
    with pytest.raises(InputError, match="student.embedder.dim: found 4; expected at most 3, the dimensions of"):
        build(embedder={"kind": "word", "dim": 4, "min_count": 1, "vectors": str(path)})
    with pytest.raises(InputError, match="has none of the 1 words"):
        build(embedder={"kind": "word", "dim": 3, "min_count": 1, "vectors": str(path)}, words=Counter({"zebra": 2}))


def test_error_if_a_word_student_has_a_tokenizer(tiny_bert: Path) -> None:
    model = build(embedder={"kind": "word", "dim": 4, "min_count": 1})
    assert model.tag([["Ada", "\ufe0f", "x" * 500, "\x00", "e\u0301"]])
    with pytest.raises(InputError, match="reads words and has no tokenizer"):
        _ = model.tokenizer
    with pytest.raises(InputError, match="a student with embedder kind word has no tokenizer"):
        build(embedder={"kind": "word"}, tokenizer=str(tiny_bert))
    with pytest.raises(ValueError, match="reads words, not subwords"):
        model.model(input_ids=torch.tensor([[1, 2]]))


def test_word_dropout_masks_the_row_and_not_the_characters() -> None:
    model = build(embedder={"kind": "word", "dim": 4, "min_count": 1})
    model_inputs = model.pad(model.windows(["Ada", "lives"] * 500)).model_inputs
    torch.manual_seed(0)
    hidden = model.featurizer.word_dropout(model_inputs, 0.3)
    assert (hidden["word_ids"] == 1).float().mean().item() == pytest.approx(0.3, abs=0.05)
    assert all(hidden[name] is model_inputs[name] for name in model_inputs if name != "word_ids")


def test_word_ids_are_cleared_only_between_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    from nlptrain.models.tokenization import featurizers

    monkeypatch.setattr(featurizers, "MAX_CACHED_WORDS", 3)
    model = build(embedder={"kind": "word", "dim": 4, "min_count": 1})
    sentences = [words for words, _ in make_sentences(20, 2)]
    together = model.logits(sentences)
    again = [model.logits([words])[0] for words in sentences]
    for actual, expected in zip(together, again, strict=True):
        assert torch.allclose(torch.from_numpy(actual), torch.from_numpy(expected), atol=1e-5)
    assert len(model.featurizer._rows) < 12  # type: ignore[attr-defined]
