"""Small formats of texts with spans: output of the pipeline of transformers, LangExtract, ai4privacy, older doccano."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlptrain.config.formats import FORMATS
from nlptrain.data.formats import ReadContext
from nlptrain.errors import InputError
from nlptrain_runtime.schemes import Span
from tests.helpers.reading import entities_of, faults_of, read_rows

TEXT = "Ada Lovelace sings in Accra"
WORDS = ("Ada", "Lovelace", "sings", "in", "Accra")
ALL = ["PER: Ada Lovelace", "LOC: Accra"]


def subword(tag: str, index: int, word: str, start: int | None, score: float = 0.5) -> dict[str, Any]:
    end = None if start is None else start + len(word.removeprefix("##").removeprefix("\u2581"))
    return {"entity": tag, "score": score, "index": index, "word": word, "start": start, "end": end}


OUTPUTS = {
    "groups": [
        {"entity_group": "PER", "score": 0.75, "word": "ada lovelace", "start": 0, "end": 12},
        {"entity_group": "LOC", "score": 0.5, "word": "accra", "start": 22, "end": 27},
    ],
    "subwords": [
        subword("B-PER", 1, "Ada", 0, 1.0),
        subword("I-PER", 2, "Love", 4, 0.75),
        subword("I-PER", 3, "##lace", 8, 0.5),
        subword("B-LOC", 6, "Accra", 22),
    ],
    "a subword tagged as the first one": [
        subword("B-PER", 1, "Ada", 0, 1.0),
        subword("I-PER", 2, "Love", 4, 0.75),
        subword("I-PER", 3, "##lace", 8, 0.5),
        subword("O", 4, "sings", 13),
        subword("B-LOC", 6, "Acc", 22),
        subword("B-LOC", 7, "##ra", 25),
    ],
    "types without prefix": [
        subword("PER", 1, "Ada", 0, 0.75),
        subword("PER", 2, "Lovelace", 4, 0.75),
        subword("LOC", 6, "Accra", 22),
    ],
    "without offsets": [
        subword("B-PER", 1, "\u2581Ada", None, 0.75),
        subword("I-PER", 2, "\u2581Lovelace", None, 0.75),
        subword("B-LOC", 6, "\u2581Accra", None),
    ],
}


@pytest.mark.parametrize("key", ["entities", "predictions"])
@pytest.mark.parametrize("items", OUTPUTS.values(), ids=OUTPUTS)
def test_output_of_the_pipeline_is_read(tmp_path: Path, items: list[object], key: str) -> None:
    rows = [{"text": TEXT, key: items}, {"text": "It rains", key: []}]
    (first, second), context = read_rows(tmp_path, "pipeline", *rows)
    assert (first.words, entities_of(first)) == (WORDS, ALL)
    assert first.scores == {Span("PER", 0, 2): 0.75, Span("LOC", 4, 5): 0.5}
    assert (second.words, second.tags) == (("It", "rains"), ("O", "O"))
    assert not context.report.causes


def test_neighbors_are_entities_of_their_own(tmp_path: Path) -> None:
    items = [subword("B-PER", 1, "Ada", 0), subword("B-PER", 2, "Lovelace", 4), subword("I-LOC", 6, "Accra", 22)]
    (sentence,), _ = read_rows(tmp_path, "pipeline", {"text": TEXT, "entities": items})
    assert entities_of(sentence) == ["PER: Ada", "PER: Lovelace", "LOC: Accra"]


def extraction(kind: str, text: str, start: int | None, end: int = 0, status: str | None = "match_exact") -> object:
    interval = None if start is None else {"start_pos": start, "end_pos": end}
    keys = {"char_interval": interval, "alignment_status": status if interval else None}
    return {"extraction_class": kind, "extraction_text": text, "attributes": {}, **keys}


def test_documents_of_langextract_are_read(tmp_path: Path) -> None:
    extractions = [
        extraction("PER", "Ada Lovelace", 0, 12),
        extraction("act", "singing", 13, 18, "match_fuzzy"),
        extraction("LOC", "accra", None),
        extraction("LOC", "Kumasi", None),
    ]
    rows = [{"extractions": extractions, "text": TEXT, "document_id": "d1"}, {"extractions": 5, "text": TEXT}]
    (sentence,), context = read_rows(tmp_path, "langextract", *rows)
    assert (sentence.words, sentence.id) == (WORDS, "d1")
    assert entities_of(sentence) == ["PER: Ada Lovelace", "act: sings", "LOC: Accra"]
    assert context.report.mentions == {"exact": 2, "case": 1, "lost": 1}
    assert ("skipped", "row that is malformed", 1) in faults_of(context)


MASK = [
    {"value": "Ada Lovelace", "start": 0, "end": 12, "label": "PER"},
    {"value": "Accra", "start": 22, "end": 27, "label": "LOC"},
]


@pytest.mark.parametrize(
    "mask", [MASK, json.dumps(MASK), {"[PER_1]": "Ada Lovelace", "[LOC_1]": "Accra"}], ids=["list", "JSON", "map"]
)
def test_masks_are_read(tmp_path: Path, mask: object) -> None:
    row = {"source_text": TEXT, "masked_text": "[PER_1] sings in [LOC_1]", "privacy_mask": mask, "language": "en"}
    (sentence,), context = read_rows(tmp_path, "privacy-mask", row)
    assert (sentence.words, sentence.text, entities_of(sentence)) == (WORDS, TEXT, ALL)
    assert not context.report.causes
    ignored = FORMATS.load("privacy-mask", FORMATS["privacy-mask"].ignored)
    assert ignored(tmp_path / "a.jsonl", ReadContext()) == ["language"]


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ("[oops", 'found "[oops", which is not JSON'),
        (5, "found 5 in 'privacy_mask'; expected a list of spans"),
        ([5], "found 5 in 'privacy_mask'; expected an object"),
    ],
)
def test_malformed_masks_are_skipped(tmp_path: Path, mask: object, message: str) -> None:
    good = {"source_text": TEXT, "privacy_mask": MASK}
    sentences, context = read_rows(tmp_path, "privacy-mask", good, {**good, "privacy_mask": mask})
    assert [entities_of(sentence) for sentence in sentences] == [ALL]
    assert faults_of(context) == [("skipped", "row that is malformed", 1)]
    assert context.report.causes[0].problems[0].render() == f"{tmp_path}/a.jsonl:2: {message}"


LOC = [22, 27, "LOC"]
OLD_DOCCANO = {
    "id": 1,
    "text": TEXT,
    "annotations": [{"id": 1, "label": 2, "start_offset": 0, "end_offset": 12, "user": 1}],
    "meta": {},
}


def test_numbers_of_labels_of_doccano_need_names(tmp_path: Path) -> None:
    (sentence,), _ = read_rows(tmp_path, "jsonl", OLD_DOCCANO, context=ReadContext(tag_names={"2": "PER"}))
    assert (entities_of(sentence), sentence.id) == (["PER: Ada Lovelace"], "1")
    message = (
        r"^.*a\.jsonl:1: found the number 2 as a label; expected its name; "
        r"set data\.tag_names to the names, e\.g\. \{2: PER\}, or to the list of all$"
    )
    with pytest.raises(InputError, match=message):
        read_rows(tmp_path, "jsonl", OLD_DOCCANO)


@pytest.mark.parametrize(
    "row",
    [
        {"id": 1, "data": TEXT, "label": [[0, 12, "PER"], [22, 27, "LOC"]]},
        {"id": 1, "text": TEXT, "labels": [[0, 12, "PER"], [22, 27, "LOC"]], "meta": {}, "annotation_approver": None},
        {
            "id": 1,
            "text": TEXT,
            "annotations": [{"label": "PER", "start_offset": 0, "end_offset": 12}, [22, 27, "LOC"]],
        },
    ],
    ids=["1.8", "older", "annotations with names"],
)
def test_exports_of_older_doccano_are_read(tmp_path: Path, row: object) -> None:
    (sentence,), context = read_rows(tmp_path, "jsonl", row)
    assert (entities_of(sentence), sentence.id, sentence.text) == (ALL, "1", TEXT)
    assert not context.report.causes
