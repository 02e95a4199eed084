"""Raw text: sentences that are used, split, omitted and counted; files of rows."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.duplicates import HeldOut
from nlptrain.data.raw_files import find_tag_column
from nlptrain.data.raw_text import RawCounts, read_raw, read_raw_texts, read_raw_words, split_long
from nlptrain.data.sentence import Sentence
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError


class Spaces:
    """Word splitter that splits at white space."""

    def words(self, text: str) -> tuple[str, ...]:
        """Return the parts between white space."""
        return tuple(text.split())


def _read(
    path: Path, text: str, min_words: int = 2, max_words: int = 8, held_out: HeldOut | None = None
) -> tuple[list[str], RawCounts]:
    path.write_text(text, encoding="utf-8")
    counts = RawCounts()
    limits = {"min_words": min_words, "max_words": max_words}
    sentences = list(read_raw([path], Spaces(), **limits, held_out=held_out, counts=counts))
    assert all(sentence.tags is None for sentence in sentences)
    return [" ".join(sentence.words) for sentence in sentences], counts


def test_lines_words_and_sentences_are_counted(tmp_path: Path) -> None:
    """Blank and short lines, repeats and held-out sentences are omitted; the order is kept."""
    text = "a b c\n\n \none\na  b c\nd e\nx y z\n1 2 3 4 . 5 6 7 8 .\n"
    sentences, counts = _read(tmp_path / "a.txt", text, held_out=HeldOut([Sentence(("x", "y", "z"))]))
    assert sentences == ["a b c", "d e", "1 2 3 4 .", "5 6 7 8 ."]
    assert counts == RawCounts(2, 8, 8, blank=2, short=1, cut=1, parts=2, repeats=1, held_out=1, sentences=4, words=15)
    assert counts.describe() == (
        "4 sentences (15 words) from 8 lines; omitted 2 blank, 1 of fewer than 2 words, 1 repeat, "
        "1 that occur in dev or test; 1 line of more than 8 words cut into 2"
    )


def test_near_duplicates_of_held_out_sentences_are_omitted_and_counted(tmp_path: Path) -> None:
    """Case, punctuation and numbers make no difference, and nor does a word in a long sentence."""
    long_sentence = Sentence(tuple("we will meet again in the town hall of Graz on Monday".split()))
    held_out = HeldOut([Sentence(("It", "'s", "10:30", "!")), long_sentence])
    text = "It 's 10:30 !\nits 9:15 .\nIT 'S 10:31\n"
    text += "we will meet again in the town hall of Graz , Tuesday .\nwe meet in the town hall\n"
    sentences, counts = _read(tmp_path / "a.txt", text, max_words=20, held_out=held_out)
    assert sentences == ["we meet in the town hall"]
    assert (counts.held_out, counts.near_held_out, counts.sentences) == (1, 3, 1)
    assert counts.describe() == (
        "1 sentence (6 words) from 5 lines; omitted 1 that occur in dev or test, 3 that nearly occur in dev or test"
    )


def test_the_description_omits_counts_of_zero() -> None:
    """Thousands are separated by commas."""
    counts = RawCounts(4, 80, 89_843, short=3_901, repeats=842, cut=12, parts=30, sentences=85_100, words=1_160_000)
    assert counts.describe() == (
        "85,100 sentences (1,160,000 words) from 89,843 lines; omitted 3,901 of fewer than 4 words, 842 repeats; "
        "12 lines of more than 80 words cut into 30"
    )
    assert RawCounts(lines=1, sentences=1, words=4).describe() == "1 sentence (4 words) from 1 line"


def test_sentences_know_their_lines_and_repeats_span_files(tmp_path: Path) -> None:
    """A sentence that occurs in an earlier file is a repeat."""
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path in paths:
        path.write_text("short\nthe same words\n")
    assert list(read_raw(paths, Spaces(), min_words=2, max_words=8)) == [
        Sentence(("the", "same", "words"), None, f"{paths[0]}:2")
    ]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("a b c d e f g h", ["a b c d e f g h"]),  # not too long
        ("a . b c . d e f g h i", ["a . b c .", "d e f g h i"]),  # the last end in reach
        ("a b c d e f g h i j k", ["a b c d e f g h", "i j k"]),  # no end
        ("a b c d e f g h i", ["a b c d e f g", "h i"]),  # a tail of one word would be omitted
        ('a b c . " ) d e f g h i', ['a b c . " )', "d e f g h i"]),  # closing marks go with their sentence
        ('a b c d." e f g h i', ['a b c d."', "e f g h i"]),  # words that were not split from their marks
        ("a b c ?! e \u3002 f g h i", ["a b c ?! e \u3002", "f g h i"]),
        ("a b c d \u2026 \u201d f g h i", ["a b c d \u2026 \u201d", "f g h i"]),
        (". a b c d e f g h i", [". a b c d e f g", "h i"]),  # an end that would make the part too short
        ("a b . c d e f g . h", ["a b .", "c d e f g . h"]),
    ],
)
def test_long_lines_are_cut_after_sentences(words: str, parts: list[str]) -> None:
    """Lines are split into parts of 2 to 8 words."""
    assert [" ".join(part) for part in split_long(tuple(words.split()), 2, 8)] == parts


@given(
    st.lists(st.sampled_from(["a", "b.", ".", '"', "!"]), max_size=60),
    st.integers(1, 8),
    st.integers(8, 20),
)
def test_splitting_long_lines_keeps_all_words(words: list[str], min_words: int, max_words: int) -> None:
    """No part is longer than max_words, and none is too short if min_words allows it."""
    parts = list(split_long(tuple(words), min_words, max_words))
    assert [word for part in parts for word in part] == words
    assert all(len(part) <= max_words for part in parts)
    if 2 * min_words <= max_words + 1 and len(words) >= min_words:
        assert all(len(part) >= min_words for part in parts)


def test_contradicting_limits_are_refused(tmp_path: Path) -> None:
    """The error is raised before a line is read."""
    with pytest.raises(InputError, match=r"^data\.min_words: found 9; expected at most data\.max_words \(8\)$"):
        _read(tmp_path / "a.txt", "a", min_words=9)


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
    assert list(read_raw_words(path, SPLITTER)) == WORDS
    path = write(tmp_path, kind, {"tokens": [["don't"], ["a", "b c"]], "tags": [["O"], ["O", "O"]]})
    assert list(read_raw_words(path, SPLITTER)) == [(1, ("don't",)), (2, ("a", "b c"))]


def test_tables_and_lists_have_texts_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,text\n1,"I don\'t, know."\n2,"one\ntwo  lines"\n')
    assert list(read_raw_words(tmp_path / "a.csv", SPLITTER)) == [
        (2, ("I", "do", "n't", ",", "know", ".")),
        (3, ("one",)),
        (3, ("two", "lines")),
    ]
    (tmp_path / "a.json").write_text(
        json.dumps([{"text": "a b"}, {"data": {"text": "c"}, "annotations": []}, {"text": "d", "data": {"url": "x"}}])
    )
    assert list(read_raw_words(tmp_path / "a.json", SPLITTER)) == [(1, ("a", "b")), (2, ("c",)), (3, ("d",))]


@pytest.mark.parametrize("kind", ["parquet", "feather", "jsonl"])
def test_columns_of_tags_are_found(tmp_path: Path, kind: str) -> None:
    assert find_tag_column(write(tmp_path, kind, {"tokens": [["a"]], "tags": [["O"]]})) == "tags"
    assert find_tag_column(write(tmp_path, kind, {"text": ["a"], "label": ["good"]})) is None
    assert find_tag_column(write(tmp_path, kind, {"text": ["a"], "entities": [[{"start": 0}]]})) == "entities"


def test_other_columns_are_not_read(tmp_path: Path) -> None:
    far = pa.array([10**17], pa.timestamp("us"))  # outside of the range of Python's dates
    tags = pa.array([["O"]])
    pq.write_table(pa.table({"text": ["a"], "at": far}), tmp_path / "a.parquet")
    assert find_tag_column(tmp_path / "a.parquet") is None
    pq.write_table(
        pa.Table.from_arrays([pa.array(["a"]), far, far, tags], names=["text", "x", "x", "tags"]),
        tmp_path / "b.parquet",
    )
    assert find_tag_column(tmp_path / "b.parquet") == "tags"


def test_lines_have_no_columns_of_tags(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    assert find_tag_column(tmp_path / "a.txt") is None
    (tmp_path / "a.jsonl").write_text("")
    assert find_tag_column(tmp_path / "a.jsonl") is None
    (tmp_path / "a.json").write_text(json.dumps([{"data": {"text": "c"}, "annotations": [{"result": []}]}]))
    assert find_tag_column(tmp_path / "a.json") == "annotations"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "Ada\tB-p\nsings\tO\n\nBo\tB-p\nsings\tO\n"),
        ("a.conll", "Ada NNP B-p\nsings VBZ O\n\nBo NNP B-p\nsings VBZ O\n"),
        ("a.csv", "sentence,word,tag\n1,Ada,B-p\n1,sings,O\n2,Bo,B-p\n2,sings,O\n"),
        (
            "a.txt",
            '{"tokens": ["Ada", "sings"], "tags": ["B-p", "O"]}\n{"tokens": ["Bo", "sings"], "tags": ["B-p", "O"]}\n',
        ),
        ("a.txt", '[{"text": "Ada sings"}, {"text": "Bo sings", "x": 1}]'),
        ("a.tsv", "id\ttext\n1\tAda sings\n2\tBo sings\n"),
    ],
)
def test_files_are_what_they_hold_whatever_their_names(tmp_path: Path, name: str, text: str) -> None:
    """Of gold files the words are read."""
    (tmp_path / name).write_text(text)
    words = [words for _, words in read_raw_words(tmp_path / name, SPLITTER)]
    assert words == [("Ada", "sings"), ("Bo", "sings")]
    assert [sentence.words for sentence in read_raw([tmp_path / name], SPLITTER, min_words=2, max_words=8)] == words


_RAW_WITH_FAULTS = {
    "a.jsonl": (
        '{"text": "Ada sings"}\n{"text": "Bo",\n{"id": 3}\n{"text": 4}\n[5]\n{"text": "Cy sings"}\n',
        {"row that is malformed": 2, "row without a text or words": 2},
        "a.jsonl:2: not JSON",
    ),
    "a.csv": (
        "id,text\n1,Ada sings\n2\n3,Bo,sings\n4,Cy sings\n",
        {"row with another number of columns": 2},
        "a.csv:3: found 1 columns",
    ),
    "a.conll": (
        "Ada B-p\nsings O\n\nBo B-p\nsings\n\nCy B-p\nsings O\n",
        {"line without a tag": 1},
        "a.conll:5: found 1 column",
    ),
}


@pytest.mark.parametrize("name", list(_RAW_WITH_FAULTS))
def test_faulty_rows_and_gold_sentences_of_raw_text_are_skipped_and_reported(tmp_path: Path, name: str) -> None:
    """Reading without a report, as ``predict`` does, raises."""
    text, skipped, first = _RAW_WITH_FAULTS[name]
    (tmp_path / name).write_text(text)
    log: list[str] = []
    corpus = Corpus(tmp_path / name, DataConfig(min_words=2), log=log.append)
    assert [sentence.words for sentence in corpus.raw()] == [("Ada", "sings"), ("Cy", "sings")]
    assert [line.split(" (")[0] for line in log if "skipped" in line] == [
        f"skipped: {cause}: {count}" for cause, count in skipped.items()
    ]
    with pytest.raises(InputError, match=re.escape(first)):
        list(read_raw_words(tmp_path / name, SPLITTER))
    with pytest.raises(InputError) as caught:
        list(Corpus(tmp_path / name, DataConfig(min_words=2, strict=True)).raw())
    assert len(caught.value.problems) == sum(skipped.values())


def test_gold_files_of_raw_text_are_read_with_the_columns_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("1 Ada ada B-p\n2 sings sing O\n\n1 Bo bo B-p\n2 sings sing O\n")
    data = DataConfig(min_words=2, columns={"words": 3, "tags": 4})
    words = [sentence.words for sentence in Corpus(tmp_path / "a.conll", data).raw()]
    assert words == [("ada", "sing"), ("bo", "sing")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_raw_text_in_utf16_is_converted_and_reported(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes("Ada sings in Graz\nBo hums in Zürich\n".encode(encoding))
    log: list[str] = []
    words = [sentence.words for sentence in Corpus(tmp_path / "a.txt", log=log.append).raw()]
    assert words == [("Ada", "sings", "in", "Graz"), ("Bo", "hums", "in", "Zürich")]
    assert log == [f"{tmp_path / 'a.txt'}: UTF-16, converted"]


def test_raw_text_without_any_text_or_with_too_many_faults_is_refused(tmp_path: Path) -> None:
    """A strict reading ends after the file, before the next one is labeled."""
    path, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    path.write_text('{"content": "Ada sings"}\n' * 3)
    with pytest.raises(InputError, match="a.jsonl:1: found the keys content; expected 'text' or 'tokens'"):
        list(Corpus(path).raw())
    path.write_text('{"text": "Ada sings"}\n' * 4_000 + "{}\n" * 101)
    assert len(list(Corpus(path, DataConfig(max_faulty=0.03)).raw())) == 0
    with pytest.raises(InputError, match=r"skipped 101 of 4,101 sentences \(2\.5%\)"):
        list(Corpus(path).raw())
    path.write_text('{"text": "Ada sings"}\n{}\n')
    other.write_text('{"text": "Bo sings"}\n')
    raw = Corpus([path, other], DataConfig(min_words=2, strict=True)).raw()
    with pytest.raises(InputError, match="a.jsonl:2: row without a text or words: found the keys"):
        next(raw)


def test_files_that_are_no_sentences_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for text, message in (
        ("<html><body>\n<p>a b</p>\n<p>c d</p>\n</body></html>\n", "found HTML or XML"),
        ("1\n00:00:01,000 --> 00:00:02,500\na b c d\n", "found subtitles"),
        ("1\ta b c\n2\td e f\n", r"found 2 columns separated by tabs .*cut -f2"),
        ("word\n" * 12, r"found a word on each line \(word, word, word, \.\.\.\)"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            list(read_raw([path], SPLITTER, min_words=1, max_words=8))
    path.write_text("word\n" * 12)
    assert len(list(read_raw_words(path, SPLITTER))) == 12


def test_rows_are_counted_as_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "parquet", {"text": ["a b c d", "a b", "a b c d", "e f g h"]})
    counts = RawCounts()
    sentences = list(read_raw([path], SPLITTER, min_words=4, max_words=8, counts=counts))
    assert [(sentence.words[0], sentence.where) for sentence in sentences] == [("a", f"{path}:1"), ("e", f"{path}:4")]
    assert (counts.lines, counts.short, counts.repeats) == (4, 1, 1)


def test_texts_are_lines_or_words_joined_by_spaces(tmp_path: Path) -> None:
    path = write(tmp_path, "jsonl", {"text": TEXTS})
    assert list(read_raw_texts(path)) == ["I don't know.", "one", "two  lines", ""]
    path = write(tmp_path, "parquet", {"words": [["a", "b"]]})
    assert list(read_raw_texts(path)) == ["a b"]
    (tmp_path / "raw.txt").write_text("a\n\nb\n")
    assert list(read_raw_texts(tmp_path / "raw.txt")) == ["a", "", "b"]


@pytest.mark.parametrize(
    ("kind", "rows", "message"),
    [
        ("parquet", {"x": [1]}, r": found the columns x; expected a column 'text' or 'tokens' or 'words'"),
        ("parquet", {"text": [1]}, r":1: found a number in 'text'; expected a string"),
        ("jsonl", {"x": ["a"]}, r":1: found the keys x; expected 'text' or 'tokens'"),
        ("jsonl", {"tokens": ["a"]}, r":1: found a string in 'tokens'; expected a list of strings"),
    ],
)
def test_invalid_rows_are_reported(tmp_path: Path, kind: str, rows: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"raw\.{kind}{message}"):
        list(read_raw_words(write(tmp_path, kind, rows), SPLITTER))
