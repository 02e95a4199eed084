"""Splitting: documents and near-duplicates stay together, types are balanced, the choice is stable."""

import random
from collections import Counter

import pytest

from nlptrain.data.sentence import Sentence
from nlptrain.data.splitting import assign_splits, count_types, take_dev


def word(value: int) -> str:
    """Return a word without digits, another one for each number."""
    letters = ""
    while value or not letters:
        value, digit = divmod(value, 20)
        letters += "bcdfghjklmnpqrstvwxz"[digit] + "aeiou"[digit % 5]
    return letters


def sentence(value: int, *tags: str, document: str | None = None, file: str = "a.conll") -> Sentence:
    tags = tags or ("O",)
    words = tuple(word(value * 100 + index) for index in range(len(tags)))
    return Sentence(words, tags, f"{file}:{value}", document=document)


def test_types_have_about_the_same_share_in_each_split() -> None:
    """Also a type of twenty entities among two thousand sentences."""
    sentences = [sentence(value, "B-person", "O") for value in range(600)]
    sentences += [sentence(value, "B-place", "I-place", "O", "B-person") for value in range(600, 800)]
    sentences += [sentence(value, "O", "B-rare") for value in range(800, 820)]
    sentences += [sentence(value, "O", "O", "O") for value in range(820, 2_000)]
    assignment = assign_splits(sentences, {"dev": 200, "test": 100})
    counts = {name: Counter[str]() for name in ("train", "dev", "test")}
    for row, name in enumerate(assignment.splits):
        counts[name] += count_types(sentences[row])
    assert counts["dev"] == {"person": 80, "place": 20, "rare": 2}
    assert counts["test"] == {"person": 40, "place": 10, "rare": 1}
    assert Counter(assignment.splits) == {"train": 1_700, "dev": 200, "test": 100}


def test_plain_tags_are_balanced_by_words() -> None:
    """The rarest tag of a sentence decides its turn."""
    sentences = [sentence(value, "NOUN", "VERB", *(["INTJ"] if value % 50 == 0 else [])) for value in range(1_000)]
    assignment = assign_splits(sentences, {"dev": 100})
    dev = [sentences[row] for row in assignment.rows("dev")]
    assert sum((count_types(item) for item in dev), Counter()) == {"NOUN": 100, "VERB": 100, "INTJ": 2}


def test_a_type_of_one_entity_stays_in_train() -> None:
    """It could not be learned otherwise."""
    sentences = [sentence(value, "B-x") for value in range(200)] + [sentence(200, "B-only")]
    train, _ = take_dev(sentences)
    assert sentences[-1] in train


def test_near_duplicates_stay_together() -> None:
    """Whatever their tags."""
    text = "we will meet again in the town hall of"
    pairs = []
    for value in range(300):
        words = (*text.split(), *(word(value * 7 + index) * 3 for index in range(6)))
        pairs += [
            Sentence(words, ("O",) * 15, f"a:{value}"),
            Sentence((*words, "!"), ("B-x", *("O",) * 15), f"b:{value}"),
        ]
    splits = assign_splits(pairs, {"dev": 100, "test": 100}).splits
    assert splits[::2] == splits[1::2]
    assert {"dev", "test"} < set(splits)


def test_documents_stay_together() -> None:
    """Of each file on its own; a short sentence that many documents have does not join them."""
    sentences = []
    for document in range(100):
        for line in range(5):
            value = document * 10 + line
            sentences.append(sentence(value, *["O"] * 6, document=str(document % 50), file=f"{document // 50}.conll"))
        sentences.append(
            Sentence(("Thank", "you"), ("O", "O"), f"{document // 50}.conll:1", document=str(document % 50))
        )
    assignment = assign_splits(sentences, {"dev": 60, "test": 60})
    assert (assignment.by_document, assignment.documents) == (True, 100)
    assert all(len(set(assignment.splits[start : start + 6])) == 1 for start in range(0, 600, 6))
    assert Counter(assignment.splits) == {"train": 480, "dev": 60, "test": 60}


def test_documents_that_share_a_sentence_stay_together() -> None:
    """Unless more than three documents share it."""
    shared = Sentence(tuple("we will meet again in the town hall".split()), ("O",) * 8, "a.conll:1")
    sentences = [sentence(value, "O", document=str(value // 3)) for value in range(300)]
    pair = [*sentences, *(Sentence(shared.words, shared.tags, "a.conll:1", document=name) for name in ("1", "2"))]
    splits = assign_splits(pair, {"dev": 30}).splits
    assert len({*splits[3:9], *splits[300:]}) == 1
    many = [*sentences, *(Sentence(shared.words, shared.tags, "a.conll:1", document=str(name)) for name in range(100))]
    assignment = assign_splits(many, {"dev": 40})
    assert Counter(assignment.splits) == {"train": 360, "dev": 40}
    assert assignment.by_document


def test_documents_that_are_too_long_are_split() -> None:
    """By sentence: a dev set is needed."""
    sentences = [sentence(value, "O", document=str(value // 150)) for value in range(300)]
    assignment = assign_splits(sentences, {"dev": 30})
    assert (assignment.by_document, assignment.documents) == (False, 2)
    assert Counter(assignment.splits) == {"train": 270, "dev": 30}


def test_a_group_that_is_larger_than_a_split_is_in_train() -> None:
    """And reported by its size."""
    sentences = [Sentence(("Page", str(value)), ("O", "O"), f"a:{value}") for value in range(50)]
    sentences += [sentence(value, "O") for value in range(200)]
    assignment = assign_splits(sentences, {"dev": 25, "test": 20})
    assert set(assignment.splits[:50]) == {"train"}
    assert assignment.too_large == [50]


@pytest.mark.parametrize("tags", [("O",), ("B-x", "O"), ("NOUN", "VERB")])
def test_the_choice_is_stable(tags: tuple[str, ...]) -> None:
    """The order has no effect, and one more sentence moves at most two others."""
    sentences = [sentence(value, *tags) for value in range(1_500)]
    dev = {item.words for item in take_dev(sentences)[1]}
    assert len(dev) == 150
    shuffled = random.Random(0).sample(sentences, len(sentences))
    assert {item.words for item in take_dev(shuffled)[1]} == dev
    for value in range(1_500, 1_510):
        more = {item.words for item in take_dev([*sentences, sentence(value, *tags)])[1]}
        assert len(dev ^ more) <= 2


def test_types_of_a_sentence() -> None:
    """Entities of any scheme, or the words of each tag."""
    assert count_types(Sentence(("a", "b", "c"), ("U-x", "B-y", "L-y"))) == {"x": 1, "y": 1}
    assert count_types(Sentence(("a", "b", "c"), ("NOUN", "VERB", "NOUN"))) == {"NOUN": 2, "VERB": 1}
    assert count_types(Sentence(("a", "b"), ("O", "O"))) == {}
    assert count_types(Sentence(("a",))) == {}
