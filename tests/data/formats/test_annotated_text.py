"""Texts with character spans become tagged words."""

import json
from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.formats.annotated_text import to_annotated_text
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Scheme
from nlptrain.errors import InputError

TEXT = "\U0001f642 Ada Lovelace met NATO."  # an emoji is one code point


def read(folder: Path, *rows: object, scheme: str = "auto") -> list[Sentence]:
    path = folder / "gold.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return list(Corpus(str(path), DataConfig.model_validate({"scheme": scheme})))


def entity(start: object, end: object, label: object = "p") -> dict[str, object]:
    return {"start": start, "end": end, "label": label}


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("auto", ["O", "B-p", "I-p", "O", "B-g", "O"]),
        ("iob1", ["O", "I-p", "I-p", "O", "I-g", "O"]),
        ("bilou", ["O", "B-p", "L-p", "O", "U-g", "O"]),
    ],
)
def test_spans_become_tags_in_the_scheme_of_the_run(tmp_path: Path, scheme: Scheme, tags: list[str]) -> None:
    row = {"text": TEXT, "entities": [entity(19, 23, "g"), {**entity(2, 14), "text": "Ada Lovelace", "x": 1}], "id": 7}
    (sentence,) = read(tmp_path, row, scheme=scheme)
    assert sentence == Sentence(
        ("\U0001f642", "Ada", "Lovelace", "met", "NATO", "."), tuple(tags), f"{tmp_path}/gold.jsonl:1"
    )


def test_lines_with_spans_and_with_tokens_can_be_mixed(tmp_path: Path) -> None:
    rows = [
        {"tokens": ["a"], "tags": ["O"]},
        {"text": "   ", "entities": []},
        {"text": "Ada", "entities": [entity(0, 3)]},
    ]
    sentences = read(tmp_path, *rows)
    assert [sentence.words for sentence in sentences] == [("a",), ("Ada",)]
    assert sentences[1].tags == ("B-p",)


@pytest.mark.parametrize(
    ("entities", "message"),
    [
        (
            [entity(2, 4)],
            r"entity 'Ad' \(2-4\) cuts the word 'Ada' \(2-5\); expected whole words, e\.g\. 'Ada' \(2-5\)",
        ),
        (
            [entity(3, 14)],
            r"entity 'da Lovelace' \(3-14\) cuts the word 'Ada' \(2-5\); expected whole words, e\.g\. 'Ada Lov",
        ),
        ([entity(2, 6)], r"entity 'Ada ' \(2-6\) begins or ends with white space; expected 'Ada' \(2-5\)"),
        ([entity(5, 6)], r"entity ' ' \(5-6\) begins or ends with white space; remove it"),
        ([entity(2, 2)], r"an entity 'p' from 2 to 2; expected a start before the end, both from 0 to 24"),
        ([entity(20, 25)], r"an entity 'p' from 20 to 25; expected a start before the end, both from 0 to 24"),
        ([entity(-3, 4)], r"an entity 'p' from -3 to 4"),
        ([entity(2, 14), entity(6, 14, "g")], r"p 'Ada Lovelace' \(2-14\) and g 'Lovelace' \(6-14\) overlap"),
        ([entity(2.0, 5)], r'found the entity {"start": 2\.0, .*; expected \'start\' and \'end\' \(integers\)'),
        ([entity(True, 5)], r"expected 'start' and 'end'"),
        ([entity(2, 5, "")], r"and 'label' \(a string\)"),
        ([[2, 5]], r"found the entity \[2, 5\]; expected 'start' and 'end'"),
        (["Ada"], r"found the entity \"Ada\"; expected 'start' and 'end'"),
    ],
)
def test_invalid_entities_are_reported_with_the_expected_value(
    tmp_path: Path, entities: list[object], message: str
) -> None:
    with pytest.raises(InputError, match=rf"gold\.jsonl:2: .*{message}"):
        read(tmp_path, {"text": "fine", "entities": []}, {"text": TEXT, "entities": entities})


def test_texts_and_entities_of_other_types_are_errors(tmp_path: Path) -> None:
    for row in ({"text": 3, "entities": []}, {"text": "a", "entities": {}}):
        with pytest.raises(
            InputError, match="found .* in 'text' and .* in 'entities'; expected a string and a list, as in"
        ):
            read(tmp_path, row)
    with pytest.raises(InputError, match="half of a character"):
        read(tmp_path, {"text": "\ud83d", "entities": []})


def test_plain_tags_become_a_span_per_word(tmp_path: Path) -> None:
    spans = [entity(4, 9, "VERB"), entity(0, 3, "NOUN")]
    (sentence,) = read(tmp_path, {"text": "Ada sings", "entities": spans}, scheme="plain")
    assert (sentence.words, sentence.tags) == (("Ada", "sings"), ("NOUN", "VERB"))
    for wrong in (spans[:1], [entity(0, 9)], []):
        with pytest.raises(
            InputError,
            match=r"'Ada' \(0-3\) is not a span of its own; expected a span for each word, as data\.scheme is plain",
        ):
            read(tmp_path, {"text": "Ada sings", "entities": wrong}, scheme="plain")


@pytest.mark.parametrize("scheme", ["iob2", "plain"])
@pytest.mark.parametrize("text", [None, "Ada  Lovelace,sings"])
def test_conversion_to_annotated_text_and_back_is_lossless(scheme: Scheme, text: str | None) -> None:
    tags = ("B-p", "I-p", "O", "B-v") if scheme == "iob2" else ("N", "N", ",", "V")
    sentence = Sentence(("Ada", "Lovelace", ",", "sings"), tags, "x:1", id="7", text=text)
    annotated = to_annotated_text(sentence, scheme)
    again = annotated.sentence(scheme)
    assert again == sentence
    assert again is not None
    assert (again.id, again.text) == ("7", text or "Ada Lovelace , sings")
    assert again.offsets == tuple(annotated.offsets or ())
