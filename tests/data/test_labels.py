"""Labels: order, names and ids."""

from __future__ import annotations

import pytest

from nlptrain.data.labels import Labels, map_labels
from nlptrain.errors import InputError


@pytest.mark.parametrize(
    ("names", "scheme"),
    [
        (["I-a", "O", "B-a"], "iob2"),  # in a list of labels an I- may follow anything
        (["O", "I-a", "I-b"], "iob1"),  # without any B-, an I- must open entities
        (["O", "I-a", "B-b", "I-b"], "iob2"),
        (["B-a", "E-a", "I-a", "O", "S-a"], "iobes"),
        (["O", "B-a", "I-a", "L-a", "U-a"], "bilou"),
        (["NOUN", "VERB"], "plain"),
    ],
)
def test_the_scheme_is_guessed_from_the_names(names: list[str], scheme: str) -> None:
    labels = Labels.from_names(names)
    assert (labels.names, labels.scheme) == (tuple(names), scheme)


def test_a_stated_scheme_is_used() -> None:
    assert Labels.from_names(["I-a", "O", "B-a"], "iob1").scheme == "iob1"


def test_collected_labels_have_a_fixed_order() -> None:
    """The order depends on the set of tags, not on the order of the sentences; each type has an I- label."""
    sentences = [["B-b", "O"], ["B-a", "I-a"]]
    names = ("O", "B-a", "I-a", "B-b", "I-b")
    assert Labels.collect(sentences).names == Labels.collect(sentences[::-1]).names == names
    assert Labels.collect([["VERB", "NOUN"], ["ADJ"]]).names == ("ADJ", "NOUN", "VERB")


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [("iob1", ["I-b", "O", "I-a"]), ("iobes", ["S-b", "O", "S-a"]), ("bilou", ["U-b", "O", "U-a"])],
)
def test_labels_are_iob2_for_text_in_any_scheme(scheme: str, tags: list[str]) -> None:
    assert Labels.collect([tags]) == Labels(("O", "B-a", "I-a", "B-b", "I-b"), "iob2")


def test_label_ids_are_column_indices() -> None:
    labels = Labels(("NOUN", "VERB"), "plain")
    assert labels.ids == {"NOUN": 0, "VERB": 1}
    assert len(labels) == 2
    assert labels.types == ("NOUN", "VERB")
    assert Labels.from_names(["O", "B-x", "I-x", "B-creative-work"]).types == ("x", "creative-work")


def test_repeated_and_single_labels_are_refused() -> None:
    """A repeated label would have two columns; with a single label there is nothing to predict."""
    with pytest.raises(InputError, match="^labels: found B-a more than once; expected one logit column per label$"):
        Labels(("O", "B-a", "B-a"), "iob2")
    with pytest.raises(InputError, match=r"^labels: found \['O'\]; expected at least two labels$"):
        Labels.collect([["O", "O"]])


def test_types_and_whole_labels_are_mapped() -> None:
    names = ["O", "B-PER", "I-PER", "B-creative-work", "I-creative-work", "B-MISC"]
    mapping = {"PER": "person", "creative-work": "work", "MISC": "O"}
    assert map_labels(names, mapping, is_plain=False, key="k") == ["O", "B-person", "I-person", "B-work", "I-work", "O"]
    assert map_labels(["O", "B-x", "I-x"], {"B-x": "B-y", "I-x": "I-y"}, is_plain=False, key="k") == ["O", "B-y", "I-y"]
    assert map_labels(["NN", "VB"], {"NN": "NOUN"}, is_plain=True, key="k") == ["NOUN", "VB"]
    with pytest.raises(
        InputError,
        match=r"^k: found PRE; expected a label or type of the model \(PER, creative-work, MISC, O\); did you mean",
    ):
        map_labels(names, {"PRE": "person"}, is_plain=False, key="k")
