"""Synthetic sentences: what they consist of, and that they are a function of seed and index."""

from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nlptrain.config.train import AugmentConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits
from nlptrain.distillation.augmentation import (
    Augmenter,
    WordBank,
    _has_only_letters,
    _scripts,
    _single_subword_words,
    add_synthetic_sentences,
    planned_sentences,
)
from nlptrain.models import TokenModel, TransformerTokenClassifier
from tests.helpers.corpora import PEOPLE, PLACES, make_sentences
from tests.helpers.small_models import small_model

NOTHING = {"swap": 0.0, "join": 0.0, "insert": 0.0, "replace": 0.0, "noise": 0.0}
GOLD = [Sentence(*sentence) for sentence in make_sentences(60, 1)]


@pytest.fixture(scope="module")
def teacher(tiny_bert: Path) -> TokenModel:
    labels = Labels.collect((sentence.tags or () for sentence in GOLD), "iob2")
    return TransformerTokenClassifier.from_pretrained(str(tiny_bert), labels, seed=0)


def augmenter(teacher: TokenModel, gold: list[Sentence] = GOLD, scheme: str = "iob2", **rates: object) -> Augmenter:
    return Augmenter(gold, scheme, AugmentConfig(**{**NOTHING, **rates}), teacher)


def test_sentences_depend_only_on_seed_and_index(teacher: TokenModel):
    first, again, other = (Augmenter(GOLD, "iob2", AugmentConfig(seed=seed), teacher) for seed in (3, 3, 4))
    sentences = [first.synthesize(index) for index in range(40)]
    assert sentences == [again.synthesize(index) for index in reversed(range(40))][::-1]
    assert sentences != [other.synthesize(index) for index in range(40)]
    assert all(sentence.tags is None for sentence in sentences)


def test_entities_are_swapped_and_nothing_else_changes(teacher: TokenModel):
    gold = [
        Sentence(("Ada", "Smith", "saw", "Oslo", "."), ("B-person", "I-person", "O", "B-place", "O")),
        Sentence(("then", "Boris", "ran"), ("O", "B-person", "O")),
    ]
    synthetic = {sentence.words for sentence in augmenter(teacher, gold, swap=1.0)(500)}
    entities = [("Ada", "Smith"), ("Boris",), ("Oslo",)]
    allowed = {(*first, "saw", *second, ".") for first in entities for second in entities}
    allowed |= {("then", *entity, "ran") for entity in entities}
    assert synthetic == allowed  # entities of another type, too; 500 sentences contain all combinations


def test_words_are_replaced_by_words_of_the_same_plain_tag(teacher: TokenModel):
    gold = [Sentence(("dogs", "bark"), ("NOUN", "VERB")), Sentence(("cats", "sleep"), ("NOUN", "VERB"))]
    synthetic = {sentence.words for sentence in augmenter(teacher, gold, "plain", swap=1.0)(100)}
    assert synthetic == {(noun, verb) for noun in ("dogs", "cats") for verb in ("bark", "sleep")}


def test_joined_sentences_are_a_prefix_and_a_suffix(teacher: TokenModel):
    gold = [Sentence(("a", "b", "c"), ("O",) * 3), Sentence(("x", "y"), ("O",) * 2)]
    synthetic = {sentence.words for sentence in augmenter(teacher, gold, join=1.0)(200)}
    parts = [("a", "b", "c"), ("x", "y")]
    assert synthetic == {
        (*first[:end], *second[start:])
        for first in parts
        for second in parts
        for end in range(1, len(first) + 1)
        for start in range(len(second))
    }


def test_entities_are_inserted_at_any_position(teacher: TokenModel):
    gold = [Sentence(("a", "Oslo"), ("O", "B-place"))]
    synthetic = {sentence.words for sentence in augmenter(teacher, gold, insert=1.0)(50)}
    assert synthetic == {("Oslo", "a", "Oslo"), ("a", "Oslo", "Oslo")}


def test_replacement_words_keep_case_and_punctuation(teacher: TokenModel):
    gold = [Sentence(("Dog", "runs", ",", "42"), ("O",) * 4)]
    synthetic = [sentence.words for sentence in augmenter(teacher, gold, replace=1.0)(300)]
    assert len({words[0] for words in synthetic}) > 20
    assert all(words[0][0].isupper() for words in synthetic)
    assert any(words[1][0].islower() for words in synthetic)
    assert {words[2] for words in synthetic} == {","}


def test_noise_drops_misspells_and_changes_the_case(teacher: TokenModel):
    gold = [Sentence(tuple("the weather stays lovely here".split()), ("O",) * 5)]
    synthetic = {sentence.words for sentence in augmenter(teacher, gold, noise=1.0)(300)}
    assert any(len(words) < 5 for words in synthetic)
    assert ("THE", "WEATHER", "STAYS", "LOVELY", "HERE") in synthetic
    assert any(word not in gold[0].words for words in synthetic for word in map(str.lower, words))


def test_no_sentence_is_repeated_and_none_is_excluded(teacher: TokenModel):
    augmented = list(augmenter(teacher, swap=1.0)(400))
    hashes = [sentence.hash() for sentence in augmented]
    assert len(set(hashes)) == len(hashes)
    excluded = set(hashes[::2])
    left = {sentence.hash() for sentence in augmenter(teacher, swap=1.0)(400, excluded=excluded)}
    assert left
    assert not left & excluded


def test_augmentation_ends_if_no_new_sentence_is_possible(teacher: TokenModel):
    excluded = {sentence.hash() for sentence in GOLD}
    assert list(augmenter(teacher)(100, excluded=excluded)) == []


def test_the_default_number_of_synthetic_sentences():
    sentence = Sentence(("a",) * 20, ("O",) * 20)
    assert planned_sentences(AugmentConfig(), [sentence] * 10, 200) == 3_000
    assert planned_sentences(AugmentConfig(), [sentence] * 200, 4_000) == 49_800
    assert planned_sentences(AugmentConfig(), [sentence] * 10_000, 200_000) == 40_000
    assert planned_sentences(AugmentConfig(), [sentence] * 25_000, 500_000) == 25_000
    assert planned_sentences(AugmentConfig(), [sentence] * 10_000, 1_000_001) == 0
    assert planned_sentences(AugmentConfig(), [], 0) == 0
    assert planned_sentences(AugmentConfig(sentences=7), [sentence] * 10, 10_000_000) == 7


def augment(
    teacher: TokenModel, raw: list[Sentence], splits: Splits, sentences: int | str = "auto", **rates: object
) -> tuple[list[Sentence], list[str]]:
    """Return the synthetic sentences after ``raw``, and the log."""
    lines: list[str] = []
    of_model: Any = SimpleNamespace(name="teacher", token_model=teacher)
    settings = AugmentConfig(**{**NOTHING, "sentences": sentences, **rates})
    augmented = list(add_synthetic_sentences(raw, settings, splits, of_model, lines.append))
    assert augmented[: len(raw)] == raw
    return augmented[len(raw) :], lines


def test_no_synthetic_sentence_occurs_elsewhere(teacher: TokenModel):
    """Swaps would produce sentences of train, dev, test and the unlabeled text."""
    people = ("Ada", "Boris", "Cid", "Dee", "Eve")
    lives = {name: Sentence((name, "lives"), ("B-person", "O")) for name in people}
    runs = [Sentence((name, "runs"), ("B-person", "O")) for name in people]
    labels = Labels.collect((sentence.tags or () for sentence in runs), "iob2")
    train = [lives["Ada"], *runs]
    splits = Splits(labels, train, [lives["Boris"]], [lives["Cid"]], is_dev_from_train=False)
    synthetic, _ = augment(teacher, [Sentence(("Dee", "lives"))], splits, 100, swap=1.0)
    assert {sentence.words for sentence in synthetic} == {("Eve", "lives")}


def test_unlabeled_sentences_are_used_too(teacher: TokenModel):
    """They have no tags, so their words are not swapped; they count for the index of synthetic sentences."""
    raw = [Sentence((f"raw{index}", "x", "y", "z")) for index in range(40)]
    labels = Labels.collect((sentence.tags or () for sentence in GOLD), "iob2")
    for train in (GOLD, []):
        splits = Splits(labels, list(train), GOLD[:3], [], is_dev_from_train=False)
        synthetic, lines = augment(teacher, raw, splits, 2000, join=0.5, swap=1.0, replace=0.5)
        assert len(synthetic) == 2000
        assert {sentence.words[0] for sentence in synthetic} >= {sentence.words[0] for sentence in raw}
        assert "60 train and 40 unlabeled sentences" in lines[-1] or not train
    assert "from 40 unlabeled sentences)" in lines[-1]
    few, lines = augment(teacher, raw, splits, 10, join=1.0)
    assert len(few) == 10
    assert "from 10 unlabeled sentences)" in lines[-1]
    augmented, _ = augment(teacher, raw[:2], splits, replace=1.0)
    assert len(augmented) == 600  # 300 of each


def test_only_part_of_a_large_text_is_augmented(teacher: TokenModel, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("nlptrain.distillation.augmentation.ENOUGH_WORDS", 100)
    labels = Labels.collect((sentence.tags or () for sentence in GOLD), "iob2")
    splits = Splits(labels, GOLD[:2], GOLD[3:5], [], is_dev_from_train=False)
    raw = [Sentence((f"raw{index}", "x", "y", "z")) for index in range(50)]
    assert augment(teacher, raw, splits, replace=1.0) == ([], [])
    synthetic, lines = augment(teacher, raw, splits, 30, join=1.0)
    assert len(synthetic) == 30
    room = (100 - sum(len(sentence.words) for sentence in GOLD[:2])) // 4
    assert f"2 train and {room} unlabeled sentences" in lines[-1]


def test_neighbors_are_computed_for_frequent_words_only(teacher: TokenModel, monkeypatch: pytest.MonkeyPatch):
    """They are replaced by random words."""
    monkeypatch.setattr("nlptrain.distillation.augmentation._MAX_LOOKUPS", 2)
    bank = WordBank(teacher, ["Ada", "Oslo", "Ada", "lives", "Oslo", "Ada"])
    assert set(bank._neighbors) == {"Ada", "Oslo"}
    assert bank.neighbor("lives", Random(0)) in bank.words


def test_neighbors_are_nearest_in_embedding_space(teacher: TokenModel):
    bank = WordBank(teacher, [*PEOPLE, *PLACES, "?"])
    table = teacher.model.get_input_embeddings().weight.detach().numpy()
    table = table - table.mean(axis=0)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    rows = [teacher.featurizer([word])[0][0] for word in bank.words]
    nearest = [
        bank.words[index] for index in (table[rows] @ table[teacher.featurizer(["Oslo"])[0][0]]).argsort()[::-1][:24]
    ]
    random = Random(0)
    neighbors = {bank.neighbor("Oslo", random) for _ in range(2000)}
    assert neighbors == set(nearest)
    assert "oslo" in neighbors


def test_frequent_words_are_sampled_more_often(teacher: TokenModel, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("nlptrain.distillation.augmentation._ZIPF_OFFSET", 1.0)
    bank = WordBank(teacher, PEOPLE)
    random = Random(0)
    indices = [bank.words.index(bank.sample(random)) for _ in range(4000)]
    half = len(bank.words) // 2
    assert sum(index < half for index in indices) > 2400
    assert set(indices) == set(range(len(bank.words)))


def test_scripts_of_the_text_and_words_with_vowel_signs():
    assert _scripts({"Ада": 3, "Ada": 2000}) == {"LATIN", "CYRILLIC"}
    assert _scripts({"Ада": 1, "Ada": 2000}) == {"LATIN"}
    assert _scripts({"東京": 1, "と": 1}) == {"CJK", "HIRAGANA"}
    assert _has_only_letters("दिल्ली")
    assert not _has_only_letters("a1")
    assert not _has_only_letters("\u0301")


def test_vocabulary_words_are_in_the_scripts_of_the_text():
    vocabulary = ["the", "of", "北", "京", "на", "a", "##ing", "42", "www"]
    teacher = SimpleNamespace(featurizer=_Featurizer(vocabulary))
    assert list(_single_subword_words(teacher, {"LATIN"})) == ["the", "of", "www"]
    assert list(_single_subword_words(teacher, {"CJK"})) == ["北", "京"]
    assert list(_single_subword_words(teacher, {"LATIN", "CYRILLIC"})) == ["the", "of", "на", "www"]


class _Tokenizer(list[str]):
    def decode(self, ids: list[int]) -> str:
        return self[ids[0]]


class _Featurizer:
    def __init__(self, vocabulary: list[str]) -> None:
        self.tokenizer = _Tokenizer(vocabulary)

    def subwords(self, words: list[str]) -> list[tuple[int, ...]]:
        return [(self.tokenizer.index(word),) for word in words]


def test_neighbors_of_a_pooled_student_use_subword_rows(tiny_bert: Path):
    """The ids of words in its windows are not rows of the embedding table."""
    subword, pooled_words = small_model(tiny_bert, "subword-lstm-crf"), small_model(tiny_bert, "pooled-lstm-crf")
    pooled_words.model.embedder.table.weight.data = subword.model.embedder.table.weight.data
    pooled_words.featurizer(["so", "that", "numbers", "are", "moved"])
    banks = [WordBank(model, PEOPLE) for model in (subword, pooled_words)]
    assert banks[0].words == banks[1].words
    for word in PEOPLE:
        neighbors = [[bank.neighbor(word, Random(seed)) for seed in range(20)] for bank in banks]
        assert neighbors[0] == neighbors[1]
