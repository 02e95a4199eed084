"""Labels, schemes and spans; spans are held against seqeval's own."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from nlptrain.errors import InputError
from nlptrain.labels import Labels, detect_scheme, first_break, mend, spans

TAGS = st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b", "B-c-d", "I-c-d"]), max_size=12)


@pytest.mark.parametrize(
    ("tagged", "scheme"),
    [
        ([["B-a", "I-a", "O"]], "iob2"),
        ([["O", "O"]], "iob2"),
        ([["B-creative-work", "I-creative-work"]], "iob2"),
        ([["I-a", "O"], ["B-a"]], "iob2"),  # the B- stands where IOB1 has none: IOB2 with a slip
        ([["B-a", "I-b"]], "iob2"),
        ([["NOUN", "VERB"]], "plain"),
        ([["B-a", "NOUN"]], "plain"),
        ([["B-"]], "plain"),
        ([["B", "I", "O"]], "plain"),
        ([["-LRB-", "NN"]], "plain"),
    ],
)
def test_scheme_is_found_by_the_tags(tagged: list[list[str]], scheme: str) -> None:
    """IOB2 is what has only O, B-x and I-x; all else that is not refused is plain."""
    assert detect_scheme(tagged) == scheme


@pytest.mark.parametrize(
    ("tagged", "message"),
    [
        ([["B-a", "E-a", "O"]], r"in IOBES \(found B-, E-\); this version reads IOB2 and plain tags: convert them"),
        ([["S-a", "O"]], r"in IOBES \(found S-\)"),
        ([["B-a", "L-a"], ["U-b"]], r"in BILOU \(found B-, L-, U-\)"),
        ([["I-a", "I-a", "O"]], r"in IOB1 \(an I- opens entities, and no B- does\)"),
        ([["I-a", "B-a", "O"]], r"in IOB1 .*: write the first word of each entity with B-"),
    ],
)
def test_schemes_that_are_not_read_are_refused_by_name(tagged: list[list[str]], message: str) -> None:
    """A scheme that is known, but not read, is no plain one."""
    with pytest.raises(InputError, match=message):
        detect_scheme(tagged)


def test_names_alone_prove_no_iob1() -> None:
    """In a list of labels an I- stands behind anything."""
    assert Labels.named(["I-a", "O", "B-a"]) == Labels(("I-a", "O", "B-a"), "iob2")


def test_collected_labels_have_one_order() -> None:
    """The logit columns depend on which tags there are, not on the order of the sentences; each type has its I-."""
    sentences = [["B-b", "O"], ["B-a", "I-a"]]
    names = ("O", "B-a", "I-a", "B-b", "I-b")
    assert Labels.collect(sentences).names == Labels.collect(sentences[::-1]).names == names
    assert Labels.collect([["VERB", "NOUN"], ["ADJ"]]).names == ("ADJ", "NOUN", "VERB")


def test_ids_are_the_columns() -> None:
    """A name's id is its place."""
    labels = Labels(("NOUN", "VERB"), "plain")
    assert labels.ids == {"NOUN": 0, "VERB": 1}
    assert len(labels) == 2


def test_labels_that_are_no_columns_are_refused() -> None:
    """A label twice would have two columns, one label leaves nothing to choose."""
    with pytest.raises(InputError, match="^labels: B-a stands more than once; each label is one logit column$"):
        Labels(("O", "B-a", "B-a"), "iob2")
    with pytest.raises(InputError, match=r"^labels: found \['O'\]; a tagger needs at least two labels"):
        Labels.collect([["O", "O"]])


@pytest.mark.parametrize(
    ("tags", "fault"),
    [
        (["B-a", "I-a", "B-a", "O"], None),
        ([], None),
        (["I-a"], (0, "B-a")),
        (["B-a", "I-b"], (1, "B-b")),
        (["O", "I-creative-work"], (1, "B-creative-work")),
        (["O", "B-"], (1, "O, B-TYPE or I-TYPE")),
        (["E-a"], (0, "O, B-TYPE or I-TYPE")),
        (["NOUN"], (0, "O, B-TYPE or I-TYPE")),
    ],
)
def test_first_break_names_the_word_and_what_is_right(tags: list[str], fault: tuple[int, str] | None) -> None:
    """The first fault only: later ones may follow from it."""
    assert first_break(tags) == fault


@given(TAGS)
def test_spans_are_those_of_seqeval(tags: list[str]) -> None:
    """Also for tags that are not valid IOB2; seqeval's end is the last word, ours the one behind it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = [(label, start, end + 1) for label, start, end in get_entities(tags)]
    assert [tuple(span) for span in spans(tags)] == expected


@given(TAGS)
def test_mended_tags_are_valid_and_have_the_same_spans(tags: list[str]) -> None:
    """Mending changes how an entity is written, never which words it has; and nothing that was right."""
    mended = mend(tags)
    assert first_break(mended) is None
    assert spans(mended) == spans(tags)
    assert mend(mended) == mended
    assert first_break(tags) is not None or mended == tags
