"""Tag schemes and spans, compared with those of seqeval."""

from __future__ import annotations

import itertools
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from nlptrain.data.tag_schemes import (
    SCHEME_PREFIXES,
    Scheme,
    Span,
    detect_scheme,
    is_transition_allowed,
    spans_to_tags,
    tags_to_spans,
    to_scheme,
)
from nlptrain.errors import InputError
from tests.helpers.tag_sequences import first_invalid_tag

SCHEMES: tuple[Scheme, ...] = ("iob1", "iob2", "iobes", "bilou")
ANY = st.lists(st.sampled_from(["O", *(f"{p}-{t}" for p in "BIES" for t in ("a", "b", "c-d"))]), max_size=12)
BILOU = st.lists(st.sampled_from(["O", *(f"{p}-{t}" for p in "BILU" for t in ("a", "b"))]), max_size=12)


@st.composite
def entities(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Strategy for spans that do not overlap, with the number of words."""
    entity_spans, position = [], 0
    for gap, size, label in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from("ab")))):
        entity_spans.append(Span(label, position + gap, position + gap + size))
        position += gap + size
    return entity_spans, position + draw(st.integers(0, 2))


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        # Ada Lovelace | Boris | met | NATO, by hand; two neighbors of one type
        ("iob1", ["I-p", "I-p", "B-p", "O", "I-g"]),
        ("iob2", ["B-p", "I-p", "B-p", "O", "B-g"]),
        ("iobes", ["B-p", "E-p", "S-p", "O", "S-g"]),
        ("bilou", ["B-p", "L-p", "U-p", "O", "U-g"]),
    ],
)
def test_a_sentence_in_each_scheme(scheme: Scheme, tags: list[str]) -> None:
    expected = [Span("p", 0, 2), Span("p", 2, 3), Span("g", 4, 5)]
    assert tags_to_spans(tags) == expected
    assert spans_to_tags(expected, 5, scheme) == tags


@given(entities(), st.sampled_from(SCHEMES))
def test_tags_and_spans_are_inverse(corpus: tuple[list[Span], int], scheme: Scheme) -> None:
    entity_spans, length = corpus
    tags = spans_to_tags(entity_spans, length, scheme)
    assert tags_to_spans(tags) == entity_spans
    assert first_invalid_tag(tags, scheme) is None
    assert to_scheme(tags, scheme) == tags
    for other in SCHEMES:
        assert to_scheme(to_scheme(tags, other), scheme) == tags


@given(st.one_of(ANY, BILOU), st.sampled_from(SCHEMES))
def test_a_sequence_is_valid_if_each_transition_is(tags: list[str], scheme: Scheme) -> None:
    known = all(tag == "O" or tag[0] in SCHEME_PREFIXES[scheme] for tag in tags)
    follows = all(is_transition_allowed(a, b, scheme) for a, b in itertools.pairwise([None, *tags, None]))
    assert (first_invalid_tag(tags, scheme) is None) == (known and follows)
    assert first_invalid_tag(to_scheme(tags, scheme), scheme) is None
    assert tags_to_spans(to_scheme(tags, scheme)) == tags_to_spans(tags)


def test_plain_tags_have_no_forbidden_transitions() -> None:
    assert is_transition_allowed("NOUN", "I-x", "plain")
    assert first_invalid_tag(["NOUN", "I-x"], "plain") is None
    with pytest.raises(ValueError, match="plain tags have no entities"):
        spans_to_tags([], 2, "plain")


@given(ANY)
def test_spans_equal_those_of_seqeval(tags: list[str]) -> None:
    """Invalid tags are read in the same way; the end is inclusive in seqeval and exclusive here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = [(label, start, end + 1) for label, start, end in get_entities(tags)]
    assert [tuple(span) for span in tags_to_spans(tags)] == expected


@given(BILOU)
def test_bilou_equals_iobes_with_other_prefixes(tags: list[str]) -> None:
    assert tags_to_spans(tags) == tags_to_spans([tag.replace("L-", "E-").replace("U-", "S-") for tag in tags])


@pytest.mark.parametrize(
    ("tagged", "scheme"),
    [
        ([["B-a", "I-a", "O"]], "iob2"),
        ([["O", "O"]], None),
        ([["B-creative-work", "I-creative-work"]], "iob2"),
        ([["I-a", "O"], ["B-a"]], "iob2"),  # IOB1 has no B- there: IOB2 with a typing error
        ([["B-a", "I-b"]], "iob2"),
        ([["I-a", "I-a", "O"]], "iob1"),
        ([["I-a", "B-a", "O"]], "iob1"),
        ([["I-a", "I-b"]], "iob1"),
        ([["B-a", "E-a", "O"]], "iobes"),
        ([["S-a", "O"]], "iobes"),
        ([["B-a", "L-a"], ["U-b"]], "bilou"),
        ([["NOUN", "VERB"]], "plain"),
        ([["B-a", "NOUN"]], "plain"),
        ([["B-"]], "plain"),
        ([["B", "I", "O"]], "plain"),
        ([["-LRB-", "NN"]], "plain"),
    ],
)
def test_a_scheme_is_detected_from_the_tags(tagged: list[list[str]], scheme: Scheme | None) -> None:
    assert detect_scheme(tagged) == scheme


@given(st.lists(entities(), min_size=1), st.sampled_from(SCHEMES))
def test_a_corpus_is_detected_in_its_scheme(corpus: list[tuple[list[Span], int]], scheme: Scheme) -> None:
    """The entities are the same in each scheme; IOB2 is not detected as IOB1, nor IOBES as BILOU."""
    tagged = [spans_to_tags(entity_spans, length, scheme) for entity_spans, length in corpus]
    detected = detect_scheme(tagged) or "iob2"
    assert [tags_to_spans(to_scheme(tags, detected)) for tags in tagged] == [list(entities) for entities, _ in corpus]
    if any(entities for entities, _ in corpus):
        assert detected == scheme


def test_prefixes_of_two_schemes_are_reported() -> None:
    with pytest.raises(
        InputError, match=r"found tags of IOBES and of BILOU \(B-, E-, U-\); expected tags of one scheme"
    ):
        detect_scheme([["B-a", "E-a"], ["U-b"]])
