"""Names and forms of the fields of an entity, and of the keys of a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlptrain.data.formats.entity_fields import entity_fields
from nlptrain.data.formats.entity_lists import find_entities, to_entities
from nlptrain.data.formats.row_shapes import find_rows, find_text, split_tagged_text, to_row
from nlptrain.errors import InputError
from tests.helpers.reading import entities_of, faults_of, read_rows

TEXT = "Ada sings"
ADA = {"start": 0, "end": 3, "label": "p"}
POSITION = (0, 3, "p", None)
QUOTED = (None, None, "p", "Ada")


@pytest.mark.parametrize(
    "start", ["start", "start_offset", "startOffset", "begin", "BeginOffset", "from", "start_char"]
)
@pytest.mark.parametrize("end", ["end", "end_offset", "endOffset", "stop", "to", "end_pos"])
@pytest.mark.parametrize("label", ["label", "type", "entity_type", "entity_group", "tag", "Category", "class"])
def test_fields_have_many_names(start: str, end: str, label: str) -> None:
    (fields,) = entity_fields({start: 0, end: 3, label: "p", "confidence": 0.5})
    assert fields == (0, 3, "p", None, 0.5)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"word": "Ada", "entity": "p"}, QUOTED),
        ({"entity": "Ada", "type": "p"}, QUOTED),
        ({"name": "Ada", "label": "p"}, QUOTED),
        ({"start": 0, "end": 3, "entity": "p"}, POSITION),
        ({"start": 0, "end": 3, "entity": "p", "value": "Ada Lovelace"}, POSITION),
        ({"start": 0, "end": 3, "name": "p"}, POSITION),
        ({"start": 0, "end": 3, "labels": ["p"]}, POSITION),
        ({"start": 0, "end": 3, "labels": [{"value": "p", "confidence": 0.5}]}, POSITION),
        ({"start": 0, "end": 3, "labels": ["p", "q"]}, (0, 3, ["p", "q"], None)),
        ({"span": [0, 3], "type": "p"}, POSITION),
        ({"offset": 0, "length": 3, "type": "p"}, POSITION),
        ({"type": "p", "location": {"start": 0, "end": 3}}, POSITION),
        ({"type": "p", "start": 0, "end": 3, "note": {"text": "a comment"}}, POSITION),
        ({"type": "p", "text": {"content": "Ada", "beginOffset": 0}}, (0, 3, "p", "Ada")),
        ({"type": "p", "mentions": [{"start": 0, "end": 3, "type": "PROPER"}]}, POSITION),
        ({"type": "p", "offsets": [[0, 3]]}, POSITION),
        ([0, 3, "p"], POSITION),
        (["p", 0, 3], POSITION),
        (["0", "3", "p"], POSITION),
        (["T1", "p", [[0, 3]]], POSITION),
        ([0, 3, "Ada", "p"], (0, 3, "p", "Ada")),
        ([0, 3, "p", "Ada"], (0, 3, "p", "Ada")),
        (["Ada", "p"], QUOTED),
        (["person", "Ada"], (None, None, "person", "Ada")),
        ([0, 3, 7], (0, 3, 7, None)),
    ],
    ids=str,
)
def test_forms_of_an_entity(value: Any, expected: tuple[Any, ...]) -> None:  # noqa: ANN401
    (fields,) = entity_fields(value, TEXT)
    assert fields[:4] == expected


@pytest.mark.parametrize("value", [3, "Ada", None, [], [0, 3], [[0, 3]], [0, 3, "x", "y"], [1, 2, 3, 4]], ids=str)
def test_other_values_are_no_entities(value: object) -> None:
    assert entity_fields(value, TEXT) == []


def test_an_entity_may_have_several_positions() -> None:
    value = {"label": ["p"], "points": [{"start": 0, "end": 2, "text": "Ada"}, {"start": 8, "end": 10, "text": "Ada"}]}
    assert [fields[:4] for fields in entity_fields(value)] == [(0, 2, "p", "Ada"), (8, 10, "p", "Ada")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"p": ["Ada"], "q": []}, [{"text": "Ada", "label": "p"}]),
        ({"p": "Ada", "q": "none"}, [{"text": "Ada", "label": "p"}]),
        ({"Ada": "p"}, [{"text": "Ada", "label": "p"}]),
        ({"p": [[0, 3]]}, [{"label": "p", "start": 0, "end": 3}]),
        ({"p": {"Ada": [[0, 2]]}}, [{"text": "Ada", "label": "p", "start": 0, "end": 2}]),
        ({"reasoning": "Ada is a name", "entities": [{"text": "Ada", "type": "p"}]}, [{"text": "Ada", "label": "p"}]),
        ({"reasoning": "no name", "entities": []}, []),
        ([{"p": "Ada"}], [{"text": "Ada", "label": "p"}]),
    ],
    ids=str,
)
def test_maps_of_types(value: object, expected: list[dict[str, Any]]) -> None:
    assert to_entities(value, TEXT, None, "a:1") == expected


def test_what_is_no_entity_is_refused() -> None:
    with pytest.raises(InputError, match=r'^a:1: found "Ada" instead of an entity; expected objects such as'):
        to_entities(["Ada"], TEXT, None, "a:1")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"entities": [ADA], "labels": ["p", "q"]}, ("entities", [ADA])),
        ({"label": "positive", "spans": [ADA]}, ("spans", [ADA])),
        ({"annotations": [], "predictions": [ADA]}, ("annotations", [])),
        ({"predictions": [ADA]}, ("predictions", [ADA])),
        ({"annotation": None, "prediction": [ADA]}, None),
        ({"annotation": None}, ("annotation", [])),
        ({"result": {"entities": [ADA]}}, ("result", [ADA])),
        ({"names": {"annotations": {"entities": []}}}, ("names", [])),
        ({"facts": [ADA]}, ("facts", [ADA])),
        ({"facts": [ADA], "others": [ADA]}, None),
        ({"tokens": [ADA]}, None),
        ({"meta": {"entities": [ADA]}}, None),
        ({"label": ["travel"]}, ("label", ["travel"])),
        ({"entities": '[{"start": 0, "end": 3, "label": "p"}]'}, ("entities", [ADA])),
    ],
    ids=str,
)
def test_the_key_of_the_entities(row: dict[str, Any], expected: object) -> None:
    assert find_entities(row, TEXT) == expected


def test_the_key_of_the_text() -> None:
    assert find_text({"source": "web", "content": TEXT}) == ("content", TEXT)
    assert find_text({"data": TEXT, "label": []}) == ("data", TEXT)
    assert find_text({"text": 3, "meta": {"text": "x"}}) is None


def test_rows_in_other_shapes() -> None:
    assert to_row([TEXT, [[0, 3, "p"]]]) == {"text": TEXT, "entities": [[0, 3, "p"]]}
    assert to_row([["Ada", "sings"], ["B-p", "O"]]) == {"tokens": ["Ada", "sings"], "tags": ["B-p", "O"]}
    assert to_row([["Ada", "NNP", "B-p"], ["sings", "VBZ", "O"]]) == {"tokens": ["Ada", "sings"], "tags": ["B-p", "O"]}
    for other in (["Ada", "p"], [["Ada", "sings"], ["it", "rains", "now"]], [], [1, 2], "Ada"):
        assert to_row(other) == other
    assert split_tagged_text({"text": TEXT, "label": "positive"}) == {"text": TEXT, "label": "positive"}
    assert split_tagged_text({"text": TEXT, "labels": ["B-p", "O"]}) == {
        "tokens": ["Ada", "sings"],
        "tags": ["B-p", "O"],
    }


def test_rows_in_an_object() -> None:
    row = {"text": TEXT, "entities": []}
    assert find_rows({"examples": [row], "synonyms": [{"value": "x"}]}) == [row]
    assert find_rows({"train": [row], "dev": [row]}) is None
    assert find_rows({"text": TEXT, "mentions": [row]}) is None
    assert find_rows({"messages": [{"role": "user", "content": TEXT, "parts": []}]}) is None


def test_words_next_to_spans_are_the_words_of_the_text(tmp_path: Path) -> None:
    row = {"text": "don't go", "tokens": ["don't", "go"], "spans": [{**ADA, "end": 5}], "asked": ["p", "q"]}
    (sentence,), context = read_rows(tmp_path, "jsonl", row)
    assert (sentence.words, sentence.tags, sentence.asked) == (("don't", "go"), ("B-p", "O"), {"p", "q"})
    assert not context.report.causes


def test_labels_of_whole_texts_among_entities_skip_their_row(tmp_path: Path) -> None:
    rows = [{"text": TEXT, "label": [[0, 3, "p"]]}, {"text": TEXT, "label": ["travel"]}]
    (sentence,), context = read_rows(tmp_path, "jsonl", *rows)
    assert entities_of(sentence) == ["p: Ada"]
    assert faults_of(context) == [("skipped", "row that is malformed", 1)]
    assert (
        context.report.causes[0]
        .problems[0]
        .render()
        .startswith(
            f"{tmp_path}/a.jsonl:2: found [\"travel\"] in 'label', without offsets or types; expected entities, as in "
        )
    )


@pytest.mark.parametrize("labels", [["travel"], "travel", 3])
def test_files_of_text_classification_are_refused(tmp_path: Path, labels: object) -> None:
    with pytest.raises(InputError, match=r"a\.jsonl: found .* in 'label', .*labels of whole texts are no entities$"):
        read_rows(tmp_path, "jsonl", {"text": TEXT, "label": labels}, {"text": TEXT, "label": []})


def test_an_entity_with_several_labels_skips_its_text(tmp_path: Path) -> None:
    rows = [{"text": TEXT, "entities": [ADA]}, {"text": TEXT, "entities": [{"span": [0, 3], "label": ["p", "q"]}]}]
    (sentence,), context = read_rows(tmp_path, "jsonl", *rows)
    assert entities_of(sentence) == ["p: Ada"]
    message = f"{tmp_path}/a.jsonl:2: found the labels p, q of one entity; expected one label"
    assert context.report.causes[0].problems[0].render() == message
