"""Rows exported by annotation tools."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.jsonl import read_jsonl
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError

TEXT = "\U0001f642 Ada Lovelace met NATO"
WORDS = ("\U0001f642", "Ada", "Lovelace", "met", "NATO")
TAGS = ("O", "B-p", "I-p", "O", "B-g")
TOKENS = [{"text": word, "start": TEXT.index(word), "end": TEXT.index(word) + len(word)} for word in WORDS]


def read(folder: Path, *rows: object, name: str = "a.jsonl", **data: object) -> tuple[list[Sentence], list[str]]:
    path = folder / name
    path.write_text(json.dumps(rows) if name.endswith(".json") else "".join(json.dumps(row) + "\n" for row in rows))
    logged: list[str] = []
    return list(Corpus(str(path), DataConfig.model_validate(data), log=logged.append)), logged


def task(*spans: tuple[int, int, str, str], **more: object) -> dict[str, Any]:
    """Return a task of Label Studio."""
    values = [{"start": start, "end": end, "text": text, "labels": [label]} for start, end, text, label in spans]
    result = [{"value": value, "from_name": "label", "to_name": "text", "type": "labels"} for value in values]
    choices = {"value": {"choices": ["fine"]}, "from_name": "kind", "to_name": "text", "type": "choices"}
    return {"id": 7, "data": {"text": TEXT}, "annotations": [{"result": [*result, choices], **more}], "predictions": []}


SPANS = ((2, 14, "Ada Lovelace", "p"), (19, 23, "NATO", "g"))
PRODIGY = [
    {"start": 2, "end": 14, "token_start": 1, "token_end": 2, "label": "p"},
    {"start": 19, "end": 23, "token_start": 4, "token_end": 4, "label": "g"},
]
ROWS: dict[str, dict[str, Any]] = {
    "ours": {"id": 7, "text": TEXT, "entities": [{"start": 2, "end": 14, "label": "p"}, [19, 23, "g"]]},
    "prodigy": {"text": TEXT, "tokens": TOKENS, "spans": PRODIGY, "answer": "accept", "id": 7},
    "doccano": {"id": 7, "text": TEXT, "label": [[2, 14, "p"], [19, 23, "g"]], "Comments": []},
    "older doccano": {"id": 7, "text": TEXT, "labels": [[2, 14, "p"], [19, 23, "g"]]},
    "doccano with relations": {
        "id": 7,
        "text": TEXT,
        "entities": [
            {"id": 1, "label": "p", "start_offset": 2, "end_offset": 14},
            {"id": 2, "label": "g", "start_offset": 19, "end_offset": 23},
        ],
        "relations": [],
    },
    "label studio": task(*SPANS),
    "label studio, small": {
        "id": 7,
        "text": TEXT,
        "label": [{"start": start, "end": end, "text": text, "labels": [label]} for start, end, text, label in SPANS],
        "annotator": 1,
    },
}


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_rows_of_each_tool_are_read(tmp_path: Path, kind: str, name: str) -> None:
    ((sentence,), logged) = read(tmp_path, ROWS[kind], name=name)
    assert sentence == Sentence(WORDS, TAGS, f"{tmp_path / name}:1")
    assert (sentence.id, sentence.text) == ("7", TEXT)
    assert not logged


def test_offsets_of_label_studio_may_be_utf16_code_units(tmp_path: Path) -> None:
    """An emoji has two code units; the quoted text of a span shows which unit is used."""
    shifted = [(start + 1, end + 1, text, label) for start, end, text, label in SPANS]
    ((sentence,), _) = read(tmp_path, task(*shifted))
    assert sentence.tags == TAGS


def test_tokens_in_a_file_are_the_words(tmp_path: Path) -> None:
    """The word splitter is not used if a row has tokens."""
    row = {"text": "don't go", "tokens": [{"start": 0, "end": 5}, {"start": 6, "end": 8}], "spans": []}
    ours = {"text": "don't go", "tokens": [[0, 5], [6, 8]], "entities": []}
    sentences, _ = read(tmp_path, row, ours, {"text": "don't go", "spans": []})
    assert [sentence.words for sentence in sentences] == [("don't", "go"), ("don't", "go"), ("do", "n't", "go")]


def test_rows_that_were_not_accepted_are_omitted_and_counted(tmp_path: Path) -> None:
    rows = [ROWS["prodigy"], {**ROWS["prodigy"], "answer": "reject"}, {**ROWS["prodigy"], "answer": "ignore"}]
    sentences, logged = read(tmp_path, *rows)
    assert len(sentences) == 1
    assert logged == ["omitted: 1 text rejected by the annotator", "omitted: 1 text ignored by the annotator"]
    two = {**task(*SPANS), "annotations": [*task(*SPANS)["annotations"], *task(SPANS[0])["annotations"]]}
    canceled = {**task(*SPANS), "annotations": [*task(SPANS[0], was_cancelled=True)["annotations"]]}
    sentences, logged = read(tmp_path, task(*SPANS), two, canceled, {**task(), "annotations": []}, name="a.json")
    assert [sentence.tags for sentence in sentences] == [TAGS, TAGS]
    assert logged == [
        "omitted: 1 text with several different annotations (the first one is used)",
        "omitted: 2 texts without an annotation",
    ]
    with pytest.raises(
        InputError, match=r"found no sentence \(2 texts without an annotation\); expected at least one$"
    ):
        read(tmp_path, canceled, {**task(), "annotations": []})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"data": {"a": "x", "b": "y"}, "annotations": [{"result": []}]},
            "found a, b in 'data'; expected the annotated text as 'text'",
        ),
        (
            {"data": {"text": "x"}, "annotations": [{"result": {}}]},
            "found an object in 'result'; expected a list",
        ),
        ({"text": "Ada", "label": [[0, 3]]}, r"found the entity \[0, 3\]; expected 'start' and 'end'"),
        ({"data": {"text": "x"}, "annotations": 5}, "found a number in 'annotations'; expected a list"),
        ({"text": "Ada", "spans": [], "id": "\ud83d"}, "'id': found .*half of a character"),
    ],
    ids=range(5),
)
def test_malformed_rows_are_skipped(tmp_path: Path, row: object, message: str) -> None:
    path, context = tmp_path / "a.jsonl", ReadContext()
    path.write_text(json.dumps(row) + "\n" + json.dumps(ROWS["ours"]))
    assert [sentence.tags for sentence in read_jsonl(path, context)] == [TAGS]
    (cause,) = context.report.causes
    assert (cause.action, cause.text, cause.count) == ("skipped", "row that is malformed", 1)
    assert re.match(rf".*a\.jsonl:1: {message}", cause.problems[0].render())


def test_a_damaged_json_list_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"text": "Ada", "spans": []}, {"text": "Ada"')
    with pytest.raises(InputError, match=r"a\.json: not JSON: "):
        list(Corpus(str(tmp_path / "a.json")))
