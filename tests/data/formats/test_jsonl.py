"""JSON Lines: rows that are read, and invalid rows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.fields import is_blank
from nlptrain.data.formats.jsonl import ignored_keys, jsonl_lines, read_jsonl
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Span
from nlptrain.errors import InputError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
EXAMPLE = '{"tokens": ["Ada", "sings"], "tags": ["B-person", "O"]}'


ENTITIES = '{"text": "Ada sings", "entities": [{"start": 0, "end": 3, "label": "person"}]}'


def _file(folder: Path, text: str) -> Path:
    path = folder / "a.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


WORDS = TEXT.filter(lambda word: word == word.strip() and not is_blank(word))


@given(st.lists(st.lists(st.tuples(WORDS, TEXT), min_size=1), max_size=3), st.booleans())
def test_written_sentences_are_read_again(
    tmp_path_factory: pytest.TempPathFactory, tagged: list[list[tuple[str, str]]], ascii_only: bool
) -> None:
    """Any words, also with line ends, are kept, but for blanks around them."""
    rows = [{"tokens": [word for word, _ in pairs], "tags": [tag for _, tag in pairs]} for pairs in tagged]
    text = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    read = [
        list(zip(s.words, s.tags or (), strict=True))
        for s in read_jsonl(_file(tmp_path_factory.getbasetemp(), text), ReadContext())
    ]
    assert read == tagged


def test_other_keys_blank_lines_and_nan_are_ignored(tmp_path: Path) -> None:
    """For example, files of pseudo-labels have confidences; rows without a word are skipped."""
    path = _file(
        tmp_path, '\n{"tokens": ["a"], "tags": ["O"], "confidences": [NaN], "x": {}}\n \n{"tokens": [], "tags": []}'
    )
    assert list(read_jsonl(path, ReadContext())) == [Sentence(("a",), ("O",), f"{path}:2")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON: Expecting property name enclosed in double quotes at column 2"),
        ("[" * 100_000, "JSON that cannot be read: "),
        ("[]", "found a list; expected an object"),
        ("3", "found a number; expected "),
        ('{"words": ["a"]}', f"found no 'tags' (keys: words); expected {EXAMPLE} or {ENTITIES}"),
        (
            '{"text": "a"}',
            f"found no 'tags' (keys: text); expected {EXAMPLE} or {ENTITIES}; a text without an entity has",
        ),
        ("{}", f"found no 'tokens' (keys: none); expected {EXAMPLE}"),
        ('{"tokens": ["a", "b"], "tags": ["O"]}', "found 2 tokens and 1 tags; expected one tag for each token"),
        (
            '{"tokens": "a b", "tags": ["O"]}',
            f"found a string in 'tokens'; expected a list of strings, as in {EXAMPLE}",
        ),
        ('{"tokens": ["a"], "tags": null}', "found null in 'tags'; expected a list of strings"),
        ('{"tokens": ["a", true], "tags": ["O", "O"]}', "'tokens' 2: found true; expected a string"),
        ('{"tokens": ["a"], "tags": [true]}', "'tags' 1: found true; expected a string"),
        ('{"tokens": [""], "tags": ["B-p"]}', "'tokens' 1: found an empty string; omit the word and its tag"),
        (
            '{"tokens": ["a", ""], "tags": [{"x": 1}, "I-p"]}',
            "'tokens' 2: found an empty string; omit the word and its tag",
        ),
        ('{"tokens": ["a"], "tags": [""]}', "'tags' 1: found an empty string; name the tag"),
        (
            '{"tokens": ["a", "b\\ud83d"], "tags": ["O", "O"]}',
            r"'tokens' 2: found \ud83d, half of a character, which UTF-8 cannot encode",
        ),
    ],
    ids=range(16),
)
def test_invalid_lines_are_skipped_and_reported(tmp_path: Path, line: str, message: str) -> None:
    """The message has file, line, what was found and what was expected."""
    path, context = _file(tmp_path, f"\n{line}\n{EXAMPLE}\n"), ReadContext()
    assert [sentence.words for sentence in read_jsonl(path, context)] == [("Ada", "sings")]
    (cause,) = context.report.causes
    assert (cause.action, cause.text, cause.count) == ("skipped", "row that is malformed", 1)
    assert cause.problems[0].render().startswith(f"{path}:2: {message}")


@pytest.mark.parametrize("words", ["tokens", "words", "token", "text"])
@pytest.mark.parametrize("tags", ["tags", "ner_tags", "labels", "ner", "pos_tags", "upos", "label"])
def test_usual_keys_of_words_and_tags_are_read(tmp_path: Path, words: str, tags: str) -> None:
    """Data sets of the Hub have all of them."""
    for name, dump in (("a.jsonl", "{}\n"), ("a.json", "[{}]"), ("a.json", '{{"rows": [{{"row": {}}}]}}')):
        path = tmp_path / name
        path.write_text(dump.format(json.dumps({"id": "0", words: ["Ada", "sings"], tags: ["B-p", "O"]})))
        (sentence,) = Corpus(str(path))
        assert (sentence.words, sentence.tags, sentence.id) == (("Ada", "sings"), ("B-p", "O"), "0")


def test_columns_name_the_keys(tmp_path: Path) -> None:
    path = _file(tmp_path, '{"tokens": ["Ada"], "tags": ["B-p"], "forms": ["Ida"], "ner": ["B-q"], "x": 1}\n')
    context = ReadContext(columns=ColumnsConfig(words="forms", tags="ner"))
    assert list(read_jsonl(path, context)) == [Sentence(("Ida",), ("B-q",), f"{path}:1")]
    assert ignored_keys(path, context) == ["tokens", "tags", "x"]
    with pytest.raises(
        InputError, match=r"a\.jsonl: found tags of entities under tags, ner; name one of them in data\."
    ):
        list(read_jsonl(path, ReadContext()))


def test_tags_of_entities_are_read_rather_than_parts_of_speech(tmp_path: Path) -> None:
    """The choice is in the report."""
    path = _file(tmp_path, '{"tokens": ["Ada", "sings"], "tags": ["PROPN", "VERB"], "ner": ["B-p", "O"]}\n' * 2)
    context = ReadContext()
    assert [sentence.tags for sentence in read_jsonl(path, context)] == [("B-p", "O")] * 2
    assert ignored_keys(path, ReadContext()) == ["tags"]
    assert list(context.report.notes) == [f"{path}: tags under 'ner' (data.columns.tags)"]


def test_tags_may_be_numbers_with_names(tmp_path: Path) -> None:
    path = _file(tmp_path, '{"tokens": ["Ada", "sings"], "ner_tags": [1, 0]}\n')
    (sentence,) = read_jsonl(path, ReadContext(tag_names={"0": "O", "1": "B-p"}))
    assert sentence.tags == ("B-p", "O")
    message = r"a\.jsonl:1: found the number 1 as a label; expected its name; set data\.tag_names to the names"
    with pytest.raises(InputError, match=message):
        list(read_jsonl(path, ReadContext(tag_names={"0": "O"})))


def test_names_of_tags_are_read_from_a_dump_of_the_hub(tmp_path: Path) -> None:
    """The viewer of the Hub gives the first rows with the names of the classes."""
    feature = {"feature": {"names": ["O", "B-p"], "_type": "ClassLabel"}, "_type": "Sequence"}
    features = [
        {"feature_idx": 0, "name": "tokens", "type": {}},
        {"feature_idx": 1, "name": "ner_tags", "type": feature},
    ]
    row = {"row_idx": 0, "row": {"tokens": ["Ada", "sings"], "ner_tags": [1, 0]}, "truncated_cells": []}
    (tmp_path / "a.json").write_text(json.dumps({"features": features, "rows": [row], "num_rows_total": 1}))
    (sentence,) = Corpus(str(tmp_path / "a.json"))
    assert (sentence.words, sentence.tags) == (("Ada", "sings"), ("B-p", "O"))


def test_empty_words_outside_of_entities_are_left_out(tmp_path: Path) -> None:
    path, context = _file(tmp_path, '{"tokens": ["Ada", "", ""], "tags": ["B-p", "O", "O"]}\n'), ReadContext()
    assert list(read_jsonl(path, context)) == [Sentence(("Ada",), ("B-p",), f"{path}:1")]
    assert context.report.to_json()["repaired"] == {"empty word with tag O, left out": 2}


def test_surrogate_pairs_become_one_character(tmp_path: Path) -> None:
    """``json.dumps`` writes characters above U+FFFF as pairs."""
    path = _file(tmp_path, '{"tokens": ["\\ud83d\\ude00"], "tags": ["O"]}')
    assert next(read_jsonl(path, ReadContext())).words == ("\U0001f600",)


@pytest.mark.parametrize("key", ["id", "text"])
def test_lone_surrogates_in_other_keys_are_reported(tmp_path: Path, key: str) -> None:
    path = _file(tmp_path, json.dumps({"tokens": ["a"], "tags": ["O"], key: "x\ud83d"}))
    context = ReadContext()
    assert list(read_jsonl(path, context)) == []
    (cause,) = context.report.causes
    assert cause.problems[0].render().startswith(f"{path}:1: {key!r}: found \\ud83d, half of a character")


MARKED = [
    Sentence(
        ("Ada", "Smith", "sings"),
        ("B-person", "I-person", "O"),
        scores={Span("person", 0, 2): 0.75},
        asked=frozenset({"place", "person"}),
        rejected=(Span("group", 2, 3), Span("person", 0, 1)),
    ),
    Sentence(("Oslo",), ("O",), asked=frozenset()),
    Sentence(("Oslo",), ("B-place",)),
]


def test_partial_marks_and_scores_are_written_and_read(tmp_path: Path) -> None:
    lines = list(jsonl_lines(MARKED, WriteContext("iob2")))
    assert json.loads(lines[0]) == {
        "tokens": ["Ada", "Smith", "sings"],
        "tags": ["B-person", "I-person", "O"],
        "asked": ["person", "place"],
        "rejected": [{"start": 2, "end": 3, "label": "group"}, {"start": 0, "end": 1, "label": "person"}],
        "scores": [{"start": 0, "end": 2, "label": "person", "score": 0.75}],
    }
    assert set(json.loads(lines[2])) == {"tokens", "tags"}
    path = _file(tmp_path, "".join(lines))
    assert ignored_keys(path, ReadContext()) == []
    for read, written in zip(read_jsonl(path, ReadContext()), MARKED, strict=True):
        assert (read.words, read.tags) == (written.words, written.tags)
        assert (read.asked, read.rejected, read.scores) == (written.asked, written.rejected, written.scores)


def test_null_is_no_mark(tmp_path: Path) -> None:
    row = '{"tokens": ["a"], "tags": ["O"], "asked": null, "rejected": null, "scores": null}'
    (sentence,) = read_jsonl(_file(tmp_path, row), ReadContext())
    assert (sentence.asked, sentence.rejected, sentence.scores) == (None, (), {})


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ('"asked": "person"', "found a string in 'asked'; expected a list of strings"),
        ('"asked": [1]', "'asked' 1: found 1; expected a string"),
        ('"rejected": {}', "found an object in 'rejected'; expected a list of spans"),
        ('"rejected": [{"start": 0, "end": 1}]', "'rejected' 1: found .*; expected words from 0 and a type"),
        ('"rejected": ["person"]', "'rejected' 1: found \"person\"; expected words from 0 and a type"),
        ('"rejected": [{"start": true, "end": 1, "label": "x"}]', "'rejected' 1: found .*; expected words from 0"),
        ('"rejected": [{"start": 1, "end": 3, "label": "x"}]', "from 1 to 3; expected .* from 0 to 2"),
        ('"scores": [{"start": 0, "end": 1, "label": "x"}]', "found the score null; expected a number from 0 to 1"),
        ('"scores": [{"start": 0, "end": 1, "label": "x", "score": 2}]', "found the score 2"),
    ],
)
def test_invalid_marks(tmp_path: Path, marks: str, message: str) -> None:
    path = _file(tmp_path, f'{{"tokens": ["Ada", "sings"], "tags": ["O", "O"], {marks}}}')
    context = ReadContext()
    assert list(read_jsonl(path, context)) == []
    (cause,) = context.report.causes
    assert re.search(message, cause.problems[0].render())


@pytest.mark.parametrize(
    ("fields", "document"),
    [
        ('"doc_id": "d1"', "d1"),
        ('"document_id": 7', "7"),
        ('"meta": {"doc_id": "d2", "source": "x"}', "d2"),
        ('"doc_id": null', None),
        ('"meta": "d3"', None),
        ('"doc_id": [1]', None),
    ],
)
def test_the_document_of_a_row(tmp_path: Path, fields: str, document: str | None) -> None:
    """Of words with tags as of texts with entities."""
    for row in (EXAMPLE, ENTITIES):
        sentences = list(read_jsonl(_file(tmp_path, f"{row[:-1]}, {fields}}}\n"), ReadContext()))
        assert [sentence.document for sentence in sentences] == [document]
