"""GLiNER's training data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.gliner import gliner_lines, ignored_gliner_keys
from nlptrain.data.formats.registry import write_gold
from nlptrain.data.sentence import Sentence
from nlptrain_runtime.schemes import Span
from tests.helpers.reading import entities_of, faults_of, read_file, read_rows

WORDS = ["Omar", "Okoro", "visits", "Accra"]
ROW = {"tokenized_text": WORDS, "ner": [[0, 1, "person"], [3, 3, "city"]]}
TAGS = ("B-person", "I-person", "O", "B-city")


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt"])
def test_ends_are_inclusive(tmp_path: Path, name: str) -> None:
    (sentence,), context = read_rows(tmp_path, "gliner", ROW, name=name)
    assert (sentence.words, sentence.tags, sentence.asked) == (tuple(WORDS), TAGS, None)
    assert sentence.where == f"{tmp_path / name}:1"
    assert not context.report.causes


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        ({"ner_labels": ["person", "city", "animal"]}, {"person", "city", "animal"}),
        ({"ner_labels": ["person"], "ner_negatives": ["animal"]}, {"person", "animal"}),
        ({"ner_negatives": ["animal"]}, {"person", "city", "animal"}),
        ({"ner_labels": []}, set()),
        ({"ner_labels": None}, None),
    ],
)
def test_labels_and_negatives_are_the_types_that_were_looked_for(
    tmp_path: Path, keys: dict[str, object], asked: set[str] | None
) -> None:
    (sentence,), _ = read_rows(tmp_path, "gliner", ROW | keys)
    assert sentence.asked == asked


def test_of_nested_entities_the_longer_one_is_kept(tmp_path: Path) -> None:
    ner = [[0, 0, "person"], [0, 1, "person"], [0, 1, "person"], [1, 3, "city"]]
    (sentence,), context = read_rows(tmp_path, "gliner", ROW | {"ner": ner})
    assert entities_of(sentence) == ["person: Omar", "city: Okoro visits Accra"]
    assert faults_of(context) == [("repaired", "span that overlaps another entity, left out", 2)]
    (sentence,), context = read_rows(tmp_path, "gliner", ROW | {"ner": ner[:3]})
    assert entities_of(sentence) == ["person: Omar Okoro"]
    assert faults_of(context) == [
        ("repaired", "span that is there twice, merged", 1),
        ("repaired", "span that overlaps another entity, left out", 1),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"ner": [[0, 4, "person"]]}, "found an entity 'person' from word 0 to 4; expected words from 0 to 3"),
        ({"ner": [[2, 1, "person"]]}, "found an entity 'person' from word 2 to 1; expected words from 0 to 3"),
        ({"ner": [["0", 1, "person"]]}, 'found the entity ["0", 1, "person"]; expected the first word, the last word'),
        ({"ner": {"a": 1}}, "found {\"a\": 1} in 'ner'; expected a list"),
        ({"tokenized_text": "Omar"}, "found a string in 'tokenized_text'; expected a list of strings"),
    ],
)
def test_malformed_rows_are_skipped(tmp_path: Path, row: dict[str, object], message: str) -> None:
    sentences, context = read_rows(tmp_path, "gliner", ROW, ROW | row, ROW)
    assert [sentence.tags for sentence in sentences] == [TAGS, TAGS]
    assert faults_of(context) == [("skipped", "row that is malformed", 1)]
    assert context.report.causes[0].problems[0].render().startswith(f"{tmp_path}/a.jsonl:2: {message}")


def test_other_keys_are_reported(tmp_path: Path) -> None:
    read_rows(tmp_path, "gliner", ROW | {"relations": []})
    assert ignored_gliner_keys(tmp_path / "a.jsonl", ReadContext()) == ["relations"]


SENTENCES = [
    Sentence(tuple(WORDS), TAGS, scores={Span("city", 3, 4): 0.5}, id="x", text="Omar Okoro visits  Accra"),
    Sentence(("It", "rains"), ("O", "O"), asked=frozenset({"person"}), rejected=(Span("person", 0, 1),)),
    Sentence(("It", "rains"), ("B-person", "O"), asked=frozenset()),
]


def test_written_sentences_are_read_again(tmp_path: Path) -> None:
    path, written = tmp_path / "a.json", WriteContext("iob2")
    write_gold(SENTENCES, path, "gliner", written)
    assert json.loads(path.read_text())[0]["ner"] == [[0, 1, "person"], [3, 3, "city"]]
    copies, context = read_file(path, "gliner")
    for original, copy in zip(SENTENCES, copies, strict=True):
        for name in ("words", "tags", "scores", "asked", "rejected", "id", "text"):
            assert getattr(copy, name) == getattr(original, name), name
    assert not written.lost
    assert not context.report.causes


def test_no_sentence_is_an_empty_list() -> None:
    assert list(gliner_lines([], WriteContext("iob2"))) == ["[]\n"]
