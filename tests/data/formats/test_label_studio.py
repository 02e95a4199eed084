"""Label Studio's exports: regions of HyperText, labels of other names, JSON-MIN and CSV."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.reading import entities_of, faults_of, read_file, read_rows

TEXT = "Omar Okoro visits New Accra."
ALL = ["PER: Omar Okoro", "LOC: New Accra"]
NO_OFFSETS = "region of Label Studio without offsets in the text, left out"


def hypertext(text: str, start: int, label: str, *, has_global: bool = True, key: str = "hypertextlabels") -> Any:  # noqa: ANN401
    value: dict[str, Any] = {
        "start": "/div[1]/p[1]/text()[1]",
        "end": "/div[1]/p[1]/text()[1]",
        "startOffset": 0,
        "endOffset": len(text),
        "text": text,
        key: [label],
    }
    return value | ({"globalOffsets": {"start": start, "end": start + len(text)}} if has_global else {})


def task(*values: object, text: str = TEXT, **more: object) -> dict[str, Any]:
    result = [{"value": value, "type": "labels"} for value in values]
    return {"id": 1, "data": {"text": text}, "annotations": [{"id": 1, "result": result}], "predictions": [], **more}


REGIONS = (hypertext("Omar Okoro", 0, "PER"), hypertext("New Accra", 18, "LOC"))


def test_regions_with_global_offsets_are_read(tmp_path: Path) -> None:
    (sentence,), context = read_rows(tmp_path, "labelstudio", task(*REGIONS), name="a.json")
    assert sentence.words == ("Omar", "Okoro", "visits", "New", "Accra", ".")
    assert (entities_of(sentence), sentence.id, sentence.asked) == (ALL, "1", None)
    assert not context.report.causes


def test_regions_without_global_offsets_are_counted_as_lost(tmp_path: Path) -> None:
    values = (REGIONS[0], hypertext("New Accra", 18, "LOC", has_global=False))
    (sentence,), context = read_rows(tmp_path, "labelstudio", task(*values), name="a.json")
    assert entities_of(sentence) == ["PER: Omar Okoro"]
    assert faults_of(context) == [("repaired", NO_OFFSETS, 1)]
    assert context.report.mentions == {"exact": 1, "lost": 1}


def test_offsets_in_a_page_count_what_a_browser_shows(tmp_path: Path) -> None:
    page = "<style>p {}</style><p><b>Omar Okoro</b> visits &lt;New Accra&gt;.</p>"
    values = (REGIONS[0], hypertext("New Accra", 19, "LOC"))
    (sentence,), context = read_rows(tmp_path, "labelstudio", task(*values, text=page), name="a.json")
    assert (sentence.text, entities_of(sentence)) == ("Omar Okoro visits <New Accra>.", ALL)
    assert not context.report.causes


@pytest.mark.parametrize("key", ["labels", "hypertextlabels", "paragraphlabels", "htmllabels"])
def test_labels_may_have_other_names(tmp_path: Path, key: str) -> None:
    value = {"start": 0, "end": 10, "text": "Omar Okoro", key: ["PER"]}
    (sentence,), _ = read_rows(tmp_path, "labelstudio", task(value), name="a.json")
    assert entities_of(sentence) == ["PER: Omar Okoro"]


def test_choices_are_no_regions(tmp_path: Path) -> None:
    person = {"start": 0, "end": 10, "text": "Omar Okoro", "labels": ["PER"]}
    values = (person, {"start": 18, "end": 27, "labels": []}, {"choices": ["fine"]})
    (sentence,), context = read_rows(tmp_path, "labelstudio", task(*values), name="a.json")
    assert entities_of(sentence) == ["PER: Omar Okoro"]
    assert faults_of(context) == [("repaired", "region of Label Studio without a label, left out", 1)]


def test_a_text_with_a_region_of_several_labels_is_skipped(tmp_path: Path) -> None:
    several = {"start": 0, "end": 10, "text": "Omar Okoro", "labels": ["PER", "ORG"]}
    sentences, context = read_rows(tmp_path, "labelstudio", task(several), task(*REGIONS), name="a.json")
    assert [entities_of(sentence) for sentence in sentences] == [ALL]
    assert faults_of(context) == [("skipped", "row that is malformed", 1)]
    message = f"{tmp_path}/a.json:1: found the labels PER, ORG of one region; expected one label"
    assert context.report.causes[0].problems[0].render() == message


def test_predictions_are_no_annotations(tmp_path: Path) -> None:
    predicted = {"id": 2, "data": {"text": TEXT}, "predictions": [{"result": [{"value": REGIONS[0]}]}]}
    (sentence,), context = read_rows(tmp_path, "labelstudio", task(*REGIONS), predicted, name="a.json")
    assert (entities_of(sentence), context.report.omitted) == (ALL, {"without an annotation": 1})


@pytest.mark.parametrize("key", ["label", "ner", "tag"])
def test_the_smaller_export_is_read(tmp_path: Path, key: str) -> None:
    labels = [{"start": 0, "end": 10, "text": "Omar Okoro", "labels": ["PER"]}, REGIONS[1]]
    rows = [{"id": 1, "html": TEXT, key: labels, "annotator": 1}, {"id": 2, "text": "It rains", "annotator": 1}]
    (first, second), context = read_rows(tmp_path, "labelstudio", *rows, name="a.json")
    assert (entities_of(first), first.id, first.text) == (ALL, "1", TEXT)
    assert (second.words, second.tags) == (("It", "rains"), ("O", "O"))
    assert not context.report.causes


def test_the_export_as_csv_is_read(tmp_path: Path) -> None:
    labels = json.dumps([{"start": 0, "end": 10, "text": "Omar Okoro", "labels": ["PER"]}, REGIONS[1]])
    cell = labels.replace('"', '""')
    path = tmp_path / "a.csv"
    path.write_text(f'text,id,label,annotator\n{TEXT},1,"{cell}",7\nbroken,3\nIt rains,2,,7\n')
    (first, second), context = read_file(path, "labelstudio")
    assert (entities_of(first), first.id) == (ALL, "1")
    assert (second.words, second.tags) == (("It", "rains"), ("O", "O"))
    assert context.report.to_json()["skipped"] == {"row with another number of columns": 1}


def test_the_export_as_conll_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("-DOCSTART- -X- O\nOmar -X- _ B-PER\nOkoro -X- _ I-PER\nvisits -X- _ O\n\n")
    (sentence,), _ = read_file(path, "conll")
    assert entities_of(sentence) == ["PER: Omar Okoro"]
