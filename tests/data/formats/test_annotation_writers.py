"""Scores and partial annotation survive a round trip through the formats that can hold them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.annotation_writers import (
    doccano_lines,
    entities_lines,
    labelstudio_lines,
    prodigy_lines,
)
from nlptrain.data.formats.jsonl import read_jsonl
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Span

WORDS = ("Ada", "Lovelace", "met", "NATO", ".")
TAGS = ("B-p", "I-p", "O", "B-g", "O")
TEXT = "Ada Lovelace  met NATO."
SCORED = Sentence(WORDS, TAGS, "x:1", id="7", text=TEXT, scores={Span("p", 0, 2): 0.25, Span("g", 3, 4): 1.0})
PARTIAL = Sentence(
    WORDS, TAGS, "x:1", text=TEXT, asked=frozenset({"p", "q"}), rejected=(Span("g", 0, 1), Span("q", 2, 4))
)


@pytest.mark.parametrize("lines", [entities_lines, prodigy_lines, labelstudio_lines])
@pytest.mark.parametrize("sentence", [SCORED, Sentence(WORDS, TAGS, "x:1", scores={Span("p", 0, 2): 0.5})])
def test_scores_are_written_and_read(tmp_path: Path, lines: object, sentence: Sentence) -> None:
    name = "a.json" if lines is labelstudio_lines else "a.jsonl"
    context, written = ReadContext(), WriteContext("iob2")
    (tmp_path / name).write_text("".join(lines([sentence], written)))  # type: ignore[operator]
    (again,) = read_jsonl(tmp_path / name, context)
    assert (again.words, again.tags, again.scores) == (WORDS, TAGS, sentence.scores)
    assert again.id == sentence.id
    assert not written.lost
    assert context.report.to_json() == {"sentences": 0, "mentions": {"exact": 2}}


@pytest.mark.parametrize("sentence", [PARTIAL, Sentence(WORDS, ("O",) * 5, "x:1", asked=frozenset()), SCORED])
def test_partial_annotation_is_written_and_read(tmp_path: Path, sentence: Sentence) -> None:
    written = WriteContext("iob2")
    (tmp_path / "a.jsonl").write_text("".join(entities_lines([sentence], written)))
    (again,) = read_jsonl(tmp_path / "a.jsonl", ReadContext())
    assert (again.words, again.tags, again.scores) == (sentence.words, sentence.tags, sentence.scores)
    assert (again.asked, again.rejected) == (sentence.asked, sentence.rejected)
    assert not written.lost


def test_the_keys_of_partial_annotation(tmp_path: Path) -> None:
    context = ReadContext()
    (tmp_path / "a.jsonl").write_text(
        '{"text": "Ada met Eve-Ann", "entities": [{"start": 0, "end": 3, "label": "p", "score": 0.5}], "asked": ["p"], '
        '"rejected": [{"start": 4, "end": 7, "label": "p"}, {"start": 8, "end": 10, "label": "p"}]}\n'
        '{"text": "Ada", "entities": [], "asked": "p"}\n'
        '{"text": "Ada", "entities": [], "rejected": [{"start": 0, "end": 3, "label": "p"}]}\n'
    )
    first, second = read_jsonl(tmp_path / "a.jsonl", context)
    assert (first.tags, first.scores) == (("B-p", "O", "O", "O", "O"), {Span("p", 0, 1): 0.5})
    assert (first.asked, first.rejected) == (frozenset({"p"}), (Span("p", 1, 2),))
    assert (second.asked, second.rejected) == (None, (Span("p", 0, 1),))
    assert context.report.to_json() == {
        "sentences": 0,
        "repaired": {"rejected span that is not whole words, left out": 1},
        "skipped": {"row that is malformed": 1},
        "mentions": {"exact": 1},
    }


def test_what_a_format_cannot_hold_is_counted() -> None:
    for lines, lost in (
        (doccano_lines, {"scores": 1, "types that were looked for and rejected spans": 1}),
        (prodigy_lines, {"types that were looked for and rejected spans": 1}),
        (labelstudio_lines, {"types that were looked for and rejected spans": 1}),
        (entities_lines, {}),
    ):
        written = WriteContext("iob2")
        assert len(list(lines([SCORED, PARTIAL], written))) >= 2
        assert written.lost == lost
