"""Prodigy's complete annotations and binary decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlptrain_runtime.schemes import Span
from tests.helpers.reading import entities_of, faults_of, read_rows

TEXT = "Omar Okoro visits New Accra."
PERSON, PLACE, VERB = (0, 10, "PER"), (18, 27, "LOC"), (11, 17, "LOC")


def row(decision: str, *spans: tuple[int, int, str], text: str = TEXT, **more: object) -> dict[str, Any]:
    values = [{"start": start, "end": end, "label": label} for start, end, label in spans]
    return {"text": text, "spans": values, "answer": decision, **more}


CASE = [row("accept", PERSON), row("accept", PLACE), row("reject", VERB)]


def test_binary_decisions_about_one_text_are_merged(tmp_path: Path) -> None:
    other = row("accept", (0, 2, "PER"), text="Al came.")
    sentences, context = read_rows(tmp_path, "prodigy", CASE[0], other, *CASE[1:])
    assert [sentence.where for sentence in sentences] == [f"{tmp_path}/a.jsonl:2", f"{tmp_path}/a.jsonl:1"]
    first, second = sentences
    assert (first.tags, first.asked, first.rejected) == (("B-PER", "O", "O"), frozenset(), ())
    assert second.tags == ("B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O")
    assert (second.asked, second.rejected) == (frozenset(), (Span("LOC", 2, 3),))
    assert list(context.report.notes) == [
        f"{tmp_path}/a.jsonl: binary decisions of Prodigy about 2 texts; words without an accepted or rejected span "
        "are unknown (data.unknown_as)"
    ]
    assert not context.report.omitted


def test_ignored_rows_are_not_used(tmp_path: Path) -> None:
    rows = [*CASE, row("ignore", (0, 4, "ORG")), row("ignore", (0, 1, "ORG"), text="A b")]
    (sentence,), _ = read_rows(tmp_path, "prodigy", *rows)
    assert entities_of(sentence) == ["PER: Omar Okoro", "LOC: New Accra"]
    assert sentence.rejected == (Span("LOC", 2, 3),)


def test_the_same_decision_twice_is_one(tmp_path: Path) -> None:
    (sentence,), context = read_rows(tmp_path, "prodigy", *CASE, *CASE)
    assert (entities_of(sentence), len(sentence.rejected)) == (["PER: Omar Okoro", "LOC: New Accra"], 1)
    assert not context.report.causes


def test_a_span_that_is_accepted_and_rejected_is_left_out(tmp_path: Path) -> None:
    (sentence,), context = read_rows(tmp_path, "prodigy", *CASE, row("accept", VERB))
    assert (entities_of(sentence), sentence.rejected) == (["PER: Omar Okoro", "LOC: New Accra"], ())
    assert faults_of(context) == [("repaired", "span that is both accepted and rejected, left out", 1)]


@pytest.mark.parametrize(
    ("rows", "asked"),
    [
        ([row("accept", PERSON), row("accept", PLACE)], [frozenset()]),
        ([row("accept", PERSON), row("reject", VERB)], [frozenset()]),
        ([row("accept", PERSON, _view_id="ner")], [frozenset()]),
        ([row("accept", PERSON, _view_id="ner_manual")], [None]),
        ([row("accept", PERSON), row("accept", text="It rains.")], [None, None]),
        ([row("accept", PERSON), row("accept", PERSON)], [None, None]),
        ([row("accept", PERSON, PLACE), row("accept", PERSON), row("reject", VERB)], [None, None]),
        ([row("accept", _view_id="ner_manual"), row("accept", PERSON, _view_id="ner")], [None, frozenset()]),
    ],
    ids=[
        "two spans of a text",
        "a rejected span",
        "view ner",
        "view ner_manual",
        "one row per text",
        "two annotators",
        "several spans in a row",
        "two views",
    ],
)  # fmt: skip
def test_binary_decisions_differ_from_complete_annotations(
    tmp_path: Path, rows: list[object], asked: list[frozenset[str] | None]
) -> None:
    sentences, _ = read_rows(tmp_path, "prodigy", *rows)
    assert [sentence.asked for sentence in sentences] == asked


def test_complete_annotations_that_are_rejected_are_omitted(tmp_path: Path) -> None:
    rows = [row("accept", PERSON, PLACE), row("reject", PERSON, PLACE)]
    (sentence,), context = read_rows(tmp_path, "prodigy", *rows)
    assert entities_of(sentence) == ["PER: Omar Okoro", "LOC: New Accra"]
    assert context.report.omitted == {"rejected by the annotator": 1}


def test_a_malformed_row_does_not_harm_the_others(tmp_path: Path) -> None:
    rows = [*CASE, {**CASE[0], "spans": [{"start": 1}]}, {**CASE[0], "text": None}]
    (sentence,), context = read_rows(tmp_path, "prodigy", *rows)
    assert entities_of(sentence) == ["PER: Omar Okoro", "LOC: New Accra"]
    assert faults_of(context) == [("skipped", "row that is malformed", 2)]
    assert [problem.render() for problem in context.report.causes[0].problems] == [
        f"{tmp_path}/a.jsonl:4: found the span {{\"start\": 1}}; expected 'start' and 'end' (integers) and a label",
        f"{tmp_path}/a.jsonl:5: found null in 'text'; expected a string",
    ]
