"""Raw text in files of rows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from nlptrain.data.raw_files import raw_texts, raw_words, tags_beside
from nlptrain.data.raw_text import RawCounts, read_raw
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError

SPLITTER = WordSplitter.default()
TEXTS = ["I don't know.", "one\ntwo  lines", ""]
WORDS = [(1, ("I", "do", "n't", "know", ".")), (2, ("one",)), (2, ("two", "lines")), (3, ())]


def write(folder: Path, kind: str, rows: dict[str, Any]) -> Path:
    path = folder / f"raw.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table(rows), path)
    elif kind == "feather":
        feather.write_feather(pa.table(rows), str(path))
    else:
        lines = (json.dumps(dict(zip(rows, row, strict=True))) + "\n" for row in zip(*rows.values(), strict=True))
        with (gzip.open if kind.endswith("gz") else open)(path, "wt", encoding="utf-8") as file:
            file.write("".join(lines))
    return path


@pytest.mark.parametrize("kind", ["parquet", "feather", "jsonl", "ndjson.gz"])
def test_the_lines_of_each_row_are_read(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, kind, {"id": [1, 2, 3], "text": TEXTS, "tokens": [["x"], ["y"], ["z"]]})
    assert list(raw_words(path, SPLITTER)) == WORDS
    path = write(tmp_path, kind, {"tokens": [["don't"], ["a", "b c"]], "tags": [["O"], ["O", "O"]]})
    assert list(raw_words(path, SPLITTER)) == [(1, ("don't",)), (2, ("a", "b c"))]


def test_tables_and_lists_have_texts_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,text\n1,"I don\'t, know."\n2,"one\ntwo  lines"\n')
    assert list(raw_words(tmp_path / "a.csv", SPLITTER)) == [
        (2, ("I", "do", "n't", ",", "know", ".")),
        (3, ("one",)),
        (3, ("two", "lines")),
    ]
    (tmp_path / "a.json").write_text(
        json.dumps([{"text": "a b"}, {"data": {"text": "c"}, "annotations": []}, {"text": "d", "data": {"url": "x"}}])
    )
    assert list(raw_words(tmp_path / "a.json", SPLITTER)) == [(1, ("a", "b")), (2, ("c",)), (3, ("d",))]


@pytest.mark.parametrize("kind", ["parquet", "feather", "jsonl"])
def test_tags_that_stand_beside_a_text_are_seen(tmp_path: Path, kind: str) -> None:
    assert tags_beside(write(tmp_path, kind, {"tokens": [["a"]], "tags": [["O"]]})) == "tags"
    assert tags_beside(write(tmp_path, kind, {"text": ["a"], "label": ["good"]})) is None
    assert tags_beside(write(tmp_path, kind, {"text": ["a"], "entities": [[{"start": 0}]]})) == "entities"


def test_columns_that_nobody_reads_are_not_looked_at(tmp_path: Path) -> None:
    far = pa.array([10**17], pa.timestamp("us"))  # no date of Python's
    tags = pa.array([["O"]])
    pq.write_table(pa.table({"text": ["a"], "at": far}), tmp_path / "a.parquet")
    assert tags_beside(tmp_path / "a.parquet") is None
    pq.write_table(
        pa.Table.from_arrays([pa.array(["a"]), far, far, tags], names=["text", "x", "x", "tags"]),
        tmp_path / "b.parquet",
    )
    assert tags_beside(tmp_path / "b.parquet") == "tags"


def test_there_are_none_beside_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    assert tags_beside(tmp_path / "a.txt") is None
    (tmp_path / "a.jsonl").write_text("")
    assert tags_beside(tmp_path / "a.jsonl") is None
    (tmp_path / "a.json").write_text(json.dumps([{"data": {"text": "c"}, "annotations": [{"result": []}]}]))
    assert tags_beside(tmp_path / "a.json") == "annotations"


@pytest.mark.parametrize("name", ["a.conll", "a.conllu", "a.iob2.gz", "a.ann"])
def test_gold_files_are_no_raw_text(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"{name}: its name says that it holds words with tags.*convert {name} a"):
        list(raw_words(tmp_path / name, SPLITTER))


def test_rows_are_counted_as_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "parquet", {"text": ["a b c d", "a b", "a b c d", "e f g h"]})
    counts = RawCounts()
    found = list(read_raw([path], SPLITTER, min_words=4, max_words=8, counts=counts))
    assert [(one.words[0], one.where) for one in found] == [("a", f"{path}:1"), ("e", f"{path}:4")]
    assert (counts.lines, counts.short, counts.repeats) == (4, 1, 1)


def test_texts_are_lines_or_words_between_blanks(tmp_path: Path) -> None:
    path = write(tmp_path, "jsonl", {"text": TEXTS})
    assert list(raw_texts(path)) == ["I don't know.", "one", "two  lines", ""]
    path = write(tmp_path, "parquet", {"words": [["a", "b"]]})
    assert list(raw_texts(path)) == ["a b"]
    (tmp_path / "raw.txt").write_text("a\n\nb\n")
    assert list(raw_texts(tmp_path / "raw.txt")) == ["a", "", "b"]


@pytest.mark.parametrize(
    ("kind", "rows", "message"),
    [
        ("parquet", {"x": [1]}, r": found no column 'text' or 'tokens' or 'words' \(columns: x\)"),
        ("parquet", {"text": [1]}, r":1: found a number in 'text'; it is a string"),
        ("jsonl", {"x": ["a"]}, r":1: found no 'text', nor 'tokens' \(keys: x\)"),
        ("jsonl", {"tokens": ["a"]}, r":1: found a string in 'tokens'; it is a list of strings"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, kind: str, rows: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"raw\.{kind}{message}"):
        list(raw_words(write(tmp_path, kind, rows), SPLITTER))
