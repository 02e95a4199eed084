"""Partial annotation: the labels that words may have, rejected spans, and what splits do with unknown words."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data.labels import Labels
from nlptrain.data.partial_annotation import PossibleLabels, comparable_tags, is_partial, resolve_unknown
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import read_splits
from nlptrain.data.tag_schemes import SCHEME_PREFIXES, Scheme, Span, spans_to_tags, tags_to_spans
from nlptrain.errors import InputError

SCHEMES: list[Scheme] = ["iob1", "iob2", "iobes", "bilou"]


def labels_of(scheme: Scheme) -> Labels:
    return Labels(("O", *(f"{prefix}-{name}" for name in "xy" for prefix in SCHEME_PREFIXES[scheme])), scheme)


def allowed_names(scheme: Scheme, tags: str, asked: str | None) -> list[str]:
    labels = labels_of(scheme)
    rows = PossibleLabels(labels).of_words(tags.split(), None if asked is None else frozenset(asked))
    return [" ".join(name for name, is_allowed in zip(labels.names, row, strict=True) if is_allowed) for row in rows]


def test_a_complete_sentence_has_one_label_per_word() -> None:
    assert allowed_names("iob2", "O B-x I-x", None) == ["O", "B-x", "I-x"]
    assert allowed_names("iob2", "O B-x I-x", "xy") == ["O", "B-x", "I-x"]


def test_unmarked_words_may_have_types_that_were_not_looked_for() -> None:
    assert allowed_names("iob2", "O B-x O O", "x") == ["O B-y I-y", "B-x", "O B-y I-y", "O B-y I-y"]
    assert allowed_names("iob2", "O B-x I-x O O", "") == [
        "O B-x I-x B-y I-y",
        "B-x",
        "I-x",
        "O B-x B-y I-y",  # another I-x would extend the marked entity
        "O B-x I-x B-y I-y",
    ]


def test_no_label_extends_a_marked_entity_in_any_scheme() -> None:
    assert allowed_names("iobes", "S-x O", "y") == ["S-x", "O B-x S-x"]
    assert allowed_names("bilou", "O B-x L-x O", "y") == ["O B-x I-x L-x U-x", "B-x", "L-x", "O B-x U-x"]
    # In IOB1 the word before a marked entity of the type would extend it as well.
    assert allowed_names("iob1", "O I-x O O", "y") == ["O", "I-x", "O B-x", "O B-x I-x"]


def test_nothing_marked_and_nothing_looked_for() -> None:
    for scheme in SCHEMES:
        assert PossibleLabels(labels_of(scheme)).of_words(["O", "O", "O"], frozenset()).all()


def test_plain_tags_and_sentences_checked_for_all_types_are_not_partial() -> None:
    plain = Labels(("NOUN", "VERB"), "plain")
    assert not is_partial(frozenset(), plain)
    assert PossibleLabels(plain).of_words(["NOUN"], frozenset()).tolist() == [[True, False]]
    assert not is_partial(None, labels_of("iob2"))
    assert not is_partial(frozenset("xyz"), labels_of("iob2"))
    assert is_partial(frozenset("x"), labels_of("iob2"))


def test_cases_without_a_span_by_hand() -> None:
    labels = Labels(("O", "B-x", "I-x"), "iob2")
    possible = PossibleLabels(labels)
    first, cases = possible.without_span(Span("x", 0, 1), possible.of_words(["O", "O"], frozenset())) or (None, None)
    assert first == 0
    assert cases is not None
    assert cases.astype(int).tolist() == [
        [[1, 0, 1], [1, 1, 1]],  # the first word does not open it
        [[0, 1, 0], [0, 0, 1]],  # it does, and the second word continues it
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("span", [Span("x", 0, 1), Span("x", 1, 3), Span("y", 2, 4), Span("x", 0, 4)])
@pytest.mark.parametrize(("tags", "asked"), [([], ""), ([Span("y", 0, 1)], "y"), ([Span("x", 3, 4)], "")])
def test_every_valid_labeling_without_the_span_is_in_one_case(
    scheme: Scheme, span: Span, tags: list[Span], asked: str
) -> None:
    labels = labels_of(scheme)
    possible = PossibleLabels(labels)
    allowed = possible.of_words(spans_to_tags(tags, 4, scheme), frozenset(asked))
    masks = possible.without_span(span, allowed)
    counts = {True: 0, False: 0}
    for path in itertools.product(*(np.flatnonzero(row) for row in allowed)):
        names = [labels.names[label] for label in path]
        if spans_to_tags(tags_to_spans(names), 4, scheme) != names:
            continue  # not valid in the scheme
        has_span = span in tags_to_spans(names)
        counts[has_span] += 1
        if masks is None:
            assert not has_span
            continue
        first, cases = masks
        rows = np.arange(cases.shape[1])
        in_cases = sum(bool(case[rows, path[first : first + len(rows)]].all()) for case in cases)
        assert in_cases == (0 if has_span else 1), names
    assert counts[False] > 0
    assert (counts[True] == 0) == (masks is None)


def test_spans_that_are_excluded_or_marked_decide_nothing() -> None:
    possible = PossibleLabels(labels_of("iob2"))
    allowed = possible.of_words(["O", "B-x", "O"], frozenset("y"))
    assert possible.without_span(Span("y", 0, 1), allowed) is None  # y was looked for
    assert possible.without_span(Span("x", 1, 2), allowed) is None  # contradicts the mark
    assert possible.without_span(Span("x", 0, 2), allowed) is None  # overlaps the mark
    assert possible.without_span(Span("z", 0, 1), allowed) is None  # is no label
    assert possible.without_span(Span("x", 0, 9), allowed) is None
    assert possible.without_span(Span("x", 2, 3), allowed) is not None


def test_types_that_were_not_looked_for_are_not_compared() -> None:
    sentences = [
        Sentence(("a", "b", "c"), ("B-x", "I-x", "B-y"), asked=frozenset("y")),
        Sentence(("a",), ("B-x",)),
    ]
    gold, predicted = comparable_tags(sentences, [["B-y", "B-x", "I-x"], ["B-y"]], "iob2")
    assert gold == [["O", "O", "B-y"], ["B-x"]]
    assert predicted == [["B-y", "O", "O"], ["B-y"]]
    assert comparable_tags([Sentence(("a",), ("NOUN",), asked=frozenset())], [["VERB"]], "plain") == (
        [["NOUN"]],
        [["VERB"]],
    )


def resolve(
    *train: Sentence, dev: tuple[Sentence, ...] = (), has_teacher: bool = False, **options: object
) -> tuple[dict[str, list[Sentence]], list[str]]:
    logged: list[str] = []
    data = DataConfig.model_validate({"train": "train.jsonl", **options})
    splits = {"train": list(train), "dev": list(dev), "test": []}
    return resolve_unknown(splits, data.unknown_as, has_teacher=has_teacher, log=logged.append), logged


PERSON = Sentence(("Ada", "x"), ("B-person", "O"), asked=frozenset({"person"}))
UNKNOWN = Sentence(("Acme", "x"), ("B-group", "O"), asked=frozenset(), rejected=(Span("person", 1, 2),))
COMPLETE = Sentence(("a",), ("O",))


def test_training_without_any_known_o_is_refused() -> None:
    message = "data.unknown_as: none of the 2 train sentences has the types that were looked for"
    with pytest.raises(InputError, match=message):
        resolve(UNKNOWN, UNKNOWN)
    for other in (PERSON, COMPLETE):
        assert resolve(UNKNOWN, other)[0]["train"] == [UNKNOWN, other]
    assert resolve(UNKNOWN, has_teacher=True)[0]["train"] == [UNKNOWN]
    assert resolve(COMPLETE, dev=(UNKNOWN,))[1] == [
        "partial annotation: 1 of 1 dev sentences; unmarked words may have types that were not looked for",
        "partial annotation: no dev sentence was checked for any type, so that its F1 is always 0",
    ]
    assert len(resolve(COMPLETE, dev=(UNKNOWN, PERSON))[1]) == 1


def test_unknown_words_may_be_taken_for_o() -> None:
    splits, logged = resolve(UNKNOWN, COMPLETE, dev=(PERSON,), unknown_as="O")
    assert logged == [
        "partial annotation: unmarked words of 1 of 2 train, 1 of 1 dev sentences are taken for O (data.unknown_as)"
    ]
    assert [sentence.asked for part in splits.values() for sentence in part] == [None, None, None]
    assert splits["train"][0].rejected == ()


def test_types_that_no_sentence_was_checked_for_are_logged() -> None:
    assert resolve(UNKNOWN, PERSON)[1] == [
        "partial annotation: 2 of 2 train sentences; unmarked words may have types that were not looked for",
        "partial annotation: no train sentence was checked for group, so that a model learns only where these are, and "
        "not where they are not",
    ]
    assert len(resolve(UNKNOWN, PERSON, COMPLETE)[1]) == 1
    assert resolve(COMPLETE)[1] == []


def test_splits_of_partial_files(tmp_path: Path) -> None:
    train, dev = tmp_path / "train.jsonl", tmp_path / "dev.jsonl"
    row = {"tokens": ["Ada", "x"], "tags": ["B-person", "O"]}
    train.write_text(json.dumps({**row, "asked": []}) + "\n")
    dev.write_text(json.dumps({**row, "asked": ["person"]}) + "\n")
    data = DataConfig(train=str(train), dev=str(dev))
    with pytest.raises(InputError, match="data.unknown_as: none of the 1 train sentences"):
        read_splits(data, log=lambda _: None)
    splits = read_splits(data.model_copy(update={"unknown_as": "O"}), log=lambda _: None)
    assert [sentence.asked for sentence in (*splits.train, *splits.dev)] == [None, None]
    labels = Labels(("O", "B-person", "I-person"), "iob2")  # of a teacher, which labels the words outside of entities
    splits = read_splits(data, labels, log=lambda _: None)
    assert [sentence.asked for sentence in (*splits.train, *splits.dev)] == [frozenset(), frozenset({"person"})]
