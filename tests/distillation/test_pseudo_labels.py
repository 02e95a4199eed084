"""Invalid pseudo-labels are corrected to the tag scheme, or become O."""

import pytest

from nlptrain.data.labels import Labels
from nlptrain.distillation.pseudo_labels import _representable_tags
from tests.helpers.tag_sequences import first_invalid_tag


@pytest.mark.parametrize(
    ("tags", "learned"),
    [
        ("O B-x O B-x E-x", "O O O B-x E-x"),  # S-x would be right, and there is no such label
        ("B-x I-x E-x", "B-x I-x E-x"),
        ("I-x I-x O", "B-x E-x O"),
        ("E-x", "O"),
    ],
)
def test_entities_that_the_labels_cannot_represent_become_o(tags: str, learned: str) -> None:
    labels = Labels.from_names(["O", "B-x", "I-x", "E-x"], "iobes")
    tags_of_entities = _representable_tags(tags.split(), labels)
    assert tags_of_entities == learned.split()
    assert first_invalid_tag(tags_of_entities, "iobes") is None


def test_plain_tags_are_unchanged() -> None:
    assert _representable_tags(["NOUN", "X"], Labels.from_names(["NOUN", "X"], "plain")) == ["NOUN", "X"]
