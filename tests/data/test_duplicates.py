"""Duplicates between splits, and held-out sentences."""

from nlptrain.data.duplicates import HeldOut, find_duplicates
from nlptrain.data.sentence import Sentence

MEETING = "we will meet again in the town hall of Graz on Monday"


def sentences(name: str, *texts: str) -> list[Sentence]:
    return [Sentence(tuple(text.split()), where=f"{name}:{line}") for line, text in enumerate(texts, start=1)]


def test_each_duplicate_is_found_once() -> None:
    """However many sentences of train it is like; the first equal one is shown."""
    train = sentences("train", MEETING, f"{MEETING} !", "Hello .", "hello", "bye", "Hello .")
    dev = sentences("dev", "Hello .", f"{MEETING} ?", f"{MEETING} ??", "HELLO", "other")
    duplicates = find_duplicates(dev, train)
    assert [(item.sentence.where, item.is_exact) for item in duplicates] == [
        ("dev:1", True),
        ("dev:2", False),
        ("dev:3", False),
        ("dev:4", False),
    ]
    assert duplicates[0].other.where == "train:3"
    assert duplicates[1].other.where in ("train:1", "train:2")
    assert find_duplicates([], train) == find_duplicates(dev, []) == []


def test_held_out_sentences() -> None:
    """Their hashes, and their near-duplicates."""
    held_out = HeldOut(sentences("dev", "Hello .", MEETING))
    assert held_out.hashes == {sentence.hash() for sentence in sentences("x", "Hello .", MEETING)}
    assert held_out.has_near([("hello",), ("bye",), (*MEETING.split(), "!")]) == [True, False, True]
    assert HeldOut([]).has_near([("a",)]) == [False]
