"""Check of data: overlaps, contradictions, rare types, long sentences, drift."""

import json

import pytest

from nlptrain.analysis.data_check import check_data, find_conflicts, measure_drift
from nlptrain.data.sentence import Sentence


def sentence(where: str, text: str, tags: str = "") -> Sentence:
    words = tuple(text.split())
    return Sentence(words, tuple(tags.split()) or ("O",) * len(words), where)


TRAIN = [
    sentence("train:1", "Ada sings", "B-person O"),
    sentence("train:2", "Graz is nice", "B-location O O"),
    sentence("train:3", "Ada sings", "O O"),
    sentence("train:4", "Bob hums .", "B-person O O"),
]
DEV = [
    sentence("dev:1", "Ada sings", "B-person O"),
    sentence("dev:2", "bob hums", "B-person O"),
    sentence("dev:3", "Linz rocks", "B-event O"),
]


def test_all_faults_are_described() -> None:
    """One line per topic, with the first locations."""
    check = check_data(
        {"train": TRAIN, "dev": DEV},
        [sentence("raw:1", "Linz rocks"), sentence("raw:2", "linz rocks !"), sentence("raw:3", "other")],
    )
    assert check.describe() == [
        "duplicates: 1 of 3 dev sentences also occur in train, 1 more nearly",
        "  dev:2 is nearly train:4",
        "duplicates: 1 of 3 raw sentences also occur in dev or test, 1 more nearly",
        "  raw:2 is nearly dev:3",
        "same words with other tags: 1 sentences",
        "  train:3: 'Ada' is O, and B-person in train:1",
        "drift (dev): 50.0% of the words and 66.7% of the entities are not in train, distance of the types 0.33 "
        "(0 to 1); types that train lacks: event",
    ]
    values = json.loads(json.dumps(check.to_json()))
    assert values["overlaps"][0] == {
        "split": "dev",
        "other": "train",
        "sentences": 3,
        "exact": 1,
        "near": 1,
        "near_duplicates": [["dev:2", "train:4"]],
    }
    assert values["counts"]["train"]["types"] == {"person": 2, "location": 1}
    assert values["rare_types"] == {"location": 1, "person": 2}


def test_data_without_faults_has_no_line_of_faults() -> None:
    """Only the drift."""
    train = [sentence(f"train:{row}", f"{'a' * (row + 1)}n sings", "B-person O") for row in range(30)]
    check = check_data({"train": train, "dev": [sentence("dev:1", "aan", "B-person")]})
    assert check.describe() == [
        "drift (dev): 0.0% of the words and 0.0% of the entities are not in train, distance of the types 0.00 (0 to 1)",
    ]


def test_long_sentences_are_listed() -> None:
    """The longest ones first."""
    sentences = [sentence(f"a:{size}", "w " * size) for size in (200, 201, 205, 203, 202)]
    check = check_data({"train": sentences})
    assert check.long_sentences == [("a:205", 205), ("a:203", 203), ("a:202", 202), ("a:201", 201)]
    assert check.describe() == [
        "long sentences (more than 200 words): 4",
        "  a:205: 205 words",
        "  a:203: 203 words",
        "  a:202: 202 words",
        "  (+1 more)",
    ]


def test_partly_annotated_sentences_contradict_nothing() -> None:
    """Nor do sentences without tags."""
    partial = Sentence(("Ada", "sings"), ("O", "O"), "a:1", asked=frozenset({"location"}))
    assert find_conflicts([*TRAIN[:2], partial, Sentence(("Ada", "sings"), None, "a:2")]) == []
    assert len(find_conflicts(TRAIN)) == 1


@pytest.mark.parametrize(
    ("tags", "distance"),
    [("B-person B-location", 0.1667), ("B-person B-person", 0.3333), ("B-x B-y", 1.0), ("O O", 0.5)],
)
def test_the_distance_of_types(tags: str, distance: float) -> None:
    """Train has two thirds of persons; without an entity half of the sum of its shares is left."""
    drift = measure_drift("dev", [sentence("dev:1", "a b", tags)], TRAIN)
    assert drift.type_distance == pytest.approx(distance, abs=1e-4)
    assert (drift.unseen_mentions is None) is (tags == "O O")
