"""Texts with character spans become tagged words."""

import json
from pathlib import Path

import pytest

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.annotated_text import to_annotated_text
from nlptrain.data.formats.jsonl import read_jsonl
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Scheme

TEXT = "\U0001f642 Ada Lovelace met NATO."  # an emoji is one code point


def read(folder: Path, *rows: object, context: ReadContext | None = None) -> list[Sentence]:
    path = folder / "gold.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return list(read_jsonl(path, context or ReadContext()))


def entity(start: object, end: object, label: object = "p") -> dict[str, object]:
    return {"start": start, "end": end, "label": label}


def test_spans_become_tags_in_iob2(tmp_path: Path) -> None:
    row = {"text": TEXT, "entities": [entity(19, 23, "g"), {**entity(2, 14), "text": "Ada Lovelace", "x": 1}], "id": 7}
    (sentence,) = read(tmp_path, row, context=ReadContext(scheme="bilou"))
    assert sentence == Sentence(
        ("\U0001f642", "Ada", "Lovelace", "met", "NATO", "."),
        ("O", "B-p", "I-p", "O", "B-g", "O"),
        f"{tmp_path}/gold.jsonl:1",
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
    "entities",
    [
        [{"start": 2.5, "end": 5, "label": "p"}],
        [entity(True, 5)],
        [entity(2, 5, "")],
        [entity(None, 5)],
        [{"label": "p", "text": " "}],
        [[2, 5]],
        ["Ada"],
        {},
    ],
    ids=str,
)
def test_malformed_entities_skip_their_row_alone(tmp_path: Path, entities: object) -> None:
    context = ReadContext()
    rows = [{"text": TEXT, "entities": entities}, {"text": "fine", "entities": [entity(0, 4)]}]
    assert [sentence.words for sentence in read(tmp_path, *rows, context=context)] == (
        [("fine",)] if entities else [("\U0001f642", "Ada", "Lovelace", "met", "NATO", "."), ("fine",)]
    )
    assert context.report.to_json() == {
        "sentences": 0,
        **({"skipped": {"row that is malformed": 1}} if entities else {}),
        "mentions": {"exact": 1},
    }


def test_a_malformed_row_is_reported_with_its_line_and_the_expected_value(tmp_path: Path) -> None:
    context = ReadContext()
    read(tmp_path, {"text": 3, "entities": []}, {"text": "Ada", "entities": [[0, 3]]}, context=context)
    (cause,) = context.report.causes
    first, second = (problem.render() for problem in cause.problems)
    assert first.startswith(f"{tmp_path}/gold.jsonl:1: found no 'tags' (keys: text, entities); expected ")
    assert second.startswith(f"{tmp_path}/gold.jsonl:2: found the entity [0, 3]; expected 'start' and 'end' (integers)")


def test_labels_that_are_numbers_have_the_names_of_the_configuration(tmp_path: Path) -> None:
    context = ReadContext(tag_names={"7": "person"})
    (sentence,) = read(tmp_path, {"text": "Ada", "entities": [entity(0.0, 3.0, 7)]}, context=context)
    assert sentence.tags == ("B-person",)
    assert not context.report.causes


def test_half_of_a_character_is_replaced(tmp_path: Path) -> None:
    context = ReadContext()
    (sentence,) = read(tmp_path, {"text": "\ud83d Ada", "entities": [entity(2, 5)]}, context=context)
    assert (sentence.words, sentence.tags) == (("\ufffd", "Ada"), ("O", "B-p"))
    assert context.report.to_json()["repaired"] == {"text with half of a character, replaced by U+FFFD": 1}


@pytest.mark.parametrize("text", ["", "  ", "\u200b"])
def test_texts_without_words_are_no_sentences(tmp_path: Path, text: str) -> None:
    context = ReadContext()
    assert read(tmp_path, {"text": text, "entities": []}, context=context) == []
    assert not context.report.causes
    assert read(tmp_path, {"text": text, "entities": [entity(0, 1)]}, context=context) == []
    assert context.report.mentions == {"lost": 1}


def test_plain_tags_become_a_span_per_word(tmp_path: Path) -> None:
    spans = [entity(4, 9, "VERB"), entity(0, 3, "NOUN")]
    context = ReadContext(scheme="plain")
    (sentence,) = read(tmp_path, {"text": "Ada sings", "entities": spans}, context=context)
    assert (sentence.words, sentence.tags) == (("Ada", "sings"), ("NOUN", "VERB"))
    for wrong in (spans[:1], [entity(0, 9)], []):
        context = ReadContext(scheme="plain")
        assert read(tmp_path, {"text": "Ada sings", "entities": wrong}, context=context) == []
        (cause,) = context.report.causes
        assert cause.describe() == (
            "skipped: word that is not exactly one span, though the tags are plain: 1 "
            f"({tmp_path}/gold.jsonl:1: 'Ada' (0-3) is not a span of its own; "
            "expected a span for each word, as data.scheme is plain)"
        )


@pytest.mark.parametrize(
    "tokens", [[[0, 3], [2, 9]], [[0, 4], [4, 10]], [{"start": 0}], ["Ada", "sang"], [[0, 3, 1]], "Ada"], ids=str
)
def test_tokens_that_are_not_in_the_text_are_ignored(tmp_path: Path, tokens: object) -> None:
    context = ReadContext()
    row = {"text": "Ada sings", "entities": [entity(0, 3)], "tokens": tokens}
    (sentence,) = read(tmp_path, row, context=context)
    assert (sentence.words, sentence.tags) == (("Ada", "sings"), ("B-p", "O"))
    assert context.report.to_json()["repaired"] == {"tokens that are not in the text one after the other, ignored": 1}


def test_tokens_may_be_words(tmp_path: Path) -> None:
    row = {"text": "don't go", "entities": [entity(0, 5)], "tokens": ["don't", "go"]}
    (sentence,) = read(tmp_path, row)
    assert (sentence.words, sentence.tags) == (("don't", "go"), ("B-p", "O"))


@pytest.mark.parametrize("score", ["0.9", 97, -0.1, True, None])
def test_scores_outside_of_0_and_1_are_left_out(tmp_path: Path, score: object) -> None:
    context = ReadContext()
    row = {"text": "Ada sings", "entities": [{**entity(0, 3), "score": score}]}
    (sentence,) = read(tmp_path, row, context=context)
    assert (sentence.tags, sentence.scores) == (("B-p", "O"), {})
    expected = {} if score is None else {"repaired": {"score that is no number from 0 to 1, left out": 1}}
    assert context.report.to_json() == {"sentences": 0, "mentions": {"exact": 1}, **expected}


@pytest.mark.parametrize("scheme", ["iob2", "plain"])
@pytest.mark.parametrize("text", [None, "Ada  Lovelace,sings"])
def test_conversion_to_annotated_text_and_back_is_lossless(scheme: Scheme, text: str | None) -> None:
    tags = ("B-p", "I-p", "O", "B-v") if scheme == "iob2" else ("N", "N", ",", "V")
    sentence = Sentence(("Ada", "Lovelace", ",", "sings"), tags, "x:1", id="7", text=text)
    annotated = to_annotated_text(sentence, scheme)
    again = annotated.sentence(ReadContext(scheme=scheme))
    assert again == sentence
    assert again is not None
    assert (again.id, again.text) == ("7", text or "Ada Lovelace , sings")
    assert again.offsets == tuple(annotated.offsets or ())
