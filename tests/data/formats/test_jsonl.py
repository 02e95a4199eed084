"""JSON Lines: rows that are read, and invalid rows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.jsonl import read_jsonl
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
EXAMPLE = '{"tokens": ["Ada", "sings"], "tags": ["B-person", "O"]}'


ENTITIES = '{"text": "Ada sings", "entities": [{"start": 0, "end": 3, "label": "person"}]}'


def _file(folder: Path, text: str) -> Path:
    path = folder / "a.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


@given(st.lists(st.lists(st.tuples(TEXT, TEXT), min_size=1), max_size=3), st.booleans())
def test_written_sentences_are_read_again(
    tmp_path_factory: pytest.TempPathFactory, tagged: list[list[tuple[str, str]]], ascii_only: bool
) -> None:
    """Any strings, also with line ends, are kept."""
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
        ("{", f"not JSON: Expecting property name enclosed in double quotes at column 2; expected {EXAMPLE}"),
        ("[" * 100_000, "JSON that cannot be read: "),
        ("[]", f"found a list; expected {EXAMPLE}"),
        ("3", "found a number; expected "),
        (
            '{"words": ["a"], "tags": ["O"]}',
            f"found no 'tokens' (keys: words, tags); expected {EXAMPLE} or {ENTITIES}; rename 'words' to 'tokens'",
        ),
        (
            '{"tokens": ["a"], "ner_tags": [0]}',
            f"found no 'tags' (keys: tokens, ner_tags); expected {EXAMPLE} or {ENTITIES}; rename 'ner_tags' to 'tags'",
        ),
        (
            '{"tokens": ["a"], "labels": ["O"]}',
            f"found no 'tags' (keys: tokens, labels); expected {EXAMPLE} or {ENTITIES}; rename 'labels' to 'tags'",
        ),
        ("{}", f"found no 'tokens' (keys: none); expected {EXAMPLE}"),
        ('{"tokens": ["a", "b"], "tags": ["O"]}', "found 2 tokens and 1 tags; expected one tag for each token"),
        (
            '{"tokens": "a b", "tags": ["O"]}',
            f"found a string in 'tokens'; expected a list of strings, as in {EXAMPLE}",
        ),
        ('{"tokens": ["a"], "tags": null}', "found null in 'tags'; expected a list of strings"),
        ('{"tokens": ["a", 1], "tags": ["O", "O"]}', "'tokens' 2: found 1; expected a string"),
        ('{"tokens": ["a"], "tags": [3]}', "'tags' 1: found 3; expected the name of a label, not its number"),
        ('{"tokens": ["a"], "tags": [true]}', "'tags' 1: found true; expected a string"),
        ('{"tokens": [""], "tags": ["O"]}', "'tokens' 1: found an empty string; omit the word and its tag"),
        ('{"tokens": ["a"], "tags": [""]}', "'tags' 1: found an empty string; name the tag"),
        (
            '{"tokens": ["a", "b\\ud83d"], "tags": ["O", "O"]}',
            r"'tokens' 2: found \ud83d, half of a character, which UTF-8 cannot encode",
        ),
    ],
    ids=range(17),
)
def test_invalid_lines_are_reported(tmp_path: Path, line: str, message: str) -> None:
    """The message has file, line, what was found and what was expected."""
    path = _file(tmp_path, f"\n{line}\n")
    with pytest.raises(InputError, match=f"^{re.escape(f'{path}:2: {message}')}"):
        list(read_jsonl(path, ReadContext()))


def test_surrogate_pairs_become_one_character(tmp_path: Path) -> None:
    """``json.dumps`` writes characters above U+FFFF as pairs."""
    path = _file(tmp_path, '{"tokens": ["\\ud83d\\ude00"], "tags": ["O"]}')
    assert next(read_jsonl(path, ReadContext())).words == ("\U0001f600",)


@pytest.mark.parametrize("key", ["id", "text"])
def test_lone_surrogates_in_other_keys_are_reported(tmp_path: Path, key: str) -> None:
    path = _file(tmp_path, json.dumps({"tokens": ["a"], "tags": ["O"], key: "x\ud83d"}))
    with pytest.raises(InputError, match=rf"a\.jsonl:1: '{key}': found \\ud83d, half of a character"):
        list(read_jsonl(path, ReadContext()))


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
