"""Hostile files (decompression bombs, huge values, invalid headers) end in an error of one line."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlptrain.data import text_files
from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import ReadContext, arrow_batches, brat, conll, conllu, csv, json_rows, jsonl
from nlptrain.data.formats.annotated_text import AnnotatedText, TextSpan
from nlptrain.data.raw_files import read_rows
from nlptrain.data.read_report import ReadReport
from nlptrain.data.vocabulary import read_vectors
from nlptrain.errors import InputError

pytestmark = pytest.mark.slow


def file(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def refused(path: Path, message: str, read: Callable[[Path], Any] | None = None) -> None:
    """Assert that ``read`` raises an error of one line with ``message``."""
    with pytest.raises(InputError, match=message) as error:
        (read or (lambda file: list(Corpus(file))))(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500 + len(str(path))


def raw(path: Path) -> object:
    return list(Corpus(path).raw())


def read_lines(path: Path) -> object:
    return list(text_files.read_lines(path))


def test_a_file_that_expands_to_a_hundred_times_its_size_is_refused(tmp_path: Path) -> None:
    for name, content in (("a", b"%s\n" % (b"Ada sings " * 100) * 20_000), ("b", b"a" * 2**25)):  # in 60 and 30 kB
        path = file(tmp_path, f"{name}.txt.gz", gzip.compress(content, mtime=0))
        refused(path, "expands to more than 100 times its size; if this is right, decompress it: gunzip -k", read_lines)
    small = gzip.compress(b"Ada O\n\n" * 10_000, mtime=0)  # 400 times its size, and no harm
    assert len(list(Corpus(file(tmp_path, "c.conll.gz", small)))) == 10_000


def test_a_line_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "_MAX_LINE", 2**20)
    path = file(tmp_path, "a.txt", b"a line\n" + b"word " * 2**18)
    refused(
        path, r"a\.txt:2: found a line of more than 1 MB; expected a sentence, a paragraph or a row on each line", raw
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.conll", b"a O\n" * 12),
        ("a.conllu", b"".join(b"%d\ta\t_\tX\t_\t_\t_\t_\t_\t_\n" % word_id for word_id in range(1, 13))),
        ("a.csv", b"word,tag,sentence\n" + b"a,O,1\n" * 12),
    ],
)
def test_a_sentence_without_an_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    for module in (conll, conllu, csv):
        monkeypatch.setattr(module, "MAX_WORDS", 10)
    refused(
        file(tmp_path, name, content),
        "more than 10 words; (expected a blank line after each|set data.columns.sentences to)",
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("[" * 100_000, "is malformed: JSON that cannot be read: maximum recursion depth exceeded"),
        ('{"tokens": [%s], "tags": ["O"]}' % ("9" * 5000), "is malformed: JSON that cannot be read: Exceeds the limit"),
        ('{"tokens": [1e999], "tags": ["O"]}', ":1: 'tokens' 1: .* is malformed: found Infinity"),
        ('{"tokens": [%s], "tags": ["O"]}' % ("[" * 900 + "]" * 900), ":1: 'tokens' 1: .* is malformed: found "),
        ('{"tokens": [{"a": "%s"}], "tags": ["O"]}' % ("b" * 1000), r':1: .* found \{"a": "b+\.\.\.; '),
        (json.dumps({f"key{index}": 1 for index in range(1000)}), r"keys: key0, key1, .* \.\.\.\)"),
    ],
    ids=range(6),
)  # fmt: skip
def test_deep_and_huge_json_and_lone_surrogates_are_errors(tmp_path: Path, row: str, message: str) -> None:
    def read_strictly(path: Path) -> None:
        context = ReadContext(report=ReadReport(is_strict=True))
        list(jsonl.read_jsonl(path, context))
        context.report.check()

    refused(file(tmp_path, "a.jsonl", row.encode()), message, read_strictly)


@pytest.mark.parametrize(
    ("row", "action"),
    [
        ('{"text": "Ada", "entities": [{"start": %s, "end": 3, "label": "p"}]}' % 10**30, "skipped"),
        ('{"text": "Ada", "entities": [{"start": 0, "end": 3, "label": "\\ud800"}]}', "skipped"),
        ('{"text": "Ada", "entities": [{"start": 1e300, "end": 3, "label": "p"}]}', "skipped"),
        ('{"text": "Ada", "tokens": [[0, %s]], "spans": []}' % 10**30, "repaired"),
    ],
    ids=range(4),
)
def test_huge_offsets_and_lone_surrogates_are_counted(tmp_path: Path, row: str, action: str) -> None:
    context = ReadContext()
    sentences = list(jsonl.read_jsonl(file(tmp_path, "a.jsonl", row.encode()), context))
    assert [cause.action for cause in context.report.causes] == [action]
    assert len(sentences) == (action == "repaired")


def test_an_id_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    def deep(levels: int) -> bytes:
        return b'{"id": %s%s, "tokens": ["a"], "tags": ["O"]}' % (b"[" * levels, b"]" * levels)

    for levels in range(800, 1000, 10):  # where parsing still works and writing does not
        path = file(tmp_path, "a.jsonl", deep(levels))
        with contextlib.suppress(InputError):
            list(Corpus(path))


def test_json_of_too_many_characters_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_rows, "_MAX_LINE", 2**20)
    monkeypatch.setattr(json_rows, "_MAX_FILE", 2**21)
    path = file(tmp_path, "a.jsonl", b'{"text": [%s1]}' % (b"[]," * 2**19))
    refused(path, "a.jsonl:1: found more than 1 MB of JSON", lambda file: list(read_rows(file)))
    path = file(tmp_path, "a.json", b'[{"text": 1}, %s 1]' % (b"[]," * 2**20))
    refused(path, "a.json: found more than 2 MB of JSON")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'"' + b"x" * 200_000 + b'",word,tag\n', r"a\.csv:1: not CSV: field larger than field limit"),
        (b"word,tag,tag,sentence\na,O,O,1\n", r"a\.csv: found several columns 'tag'; rename all but one"),
        (b"\xff,word\n", "is not UTF-8"),
        (b"\xff\xfe,word\n", r"not valid UTF-16|found no column 'word'"),
        (b"", r"found no column 'word' or .* \(columns: none\)"),
        (b"\n\n", r"found no column 'word'"),
    ],
)
def test_hostile_csv_headers_are_errors(tmp_path: Path, content: bytes, message: str) -> None:
    refused(file(tmp_path, "a.csv", content), message)


def test_repeated_csv_columns_are_an_error_if_read(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", b"text,more,more\na,b,c\n")
    refused(path, r"found several columns 'more'; rename all but one", lambda file: list(read_rows(file)))
    path = file(tmp_path, "b.csv", b"text,,\na,b,c\n")
    assert [row["text"] for row in read_rows(path)] == ["a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Ada 1e40\n", r":1: found a number that is not finite"),
        (b"Ada " + b"x" * 1000 + b"\n", r":1: found '?x+'?; expected a number"),
    ],
)
def test_hostile_numbers_of_word_vectors_are_errors(tmp_path: Path, content: bytes, message: str) -> None:
    refused(file(tmp_path, "v.txt", content), message, lambda path: read_vectors(path, ["Ada"]))


@pytest.mark.parametrize("digits", [b"9" * 5000, b"9" * 20])
def test_a_first_line_of_huge_numbers_is_no_header(tmp_path: Path, digits: bytes) -> None:
    assert read_vectors(file(tmp_path, "v.txt", b"9 " + digits + b"\nAda 1\n"), ["Ada"]).dim == 1


def test_brat_names_that_are_not_utf8_and_huge_offsets(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff")
    file(tmp_path, f"{name}.txt", b"Ada sings\n")
    (sentence,) = Corpus(file(tmp_path, f"{name}.ann", b"T1\tp 0 3\tAda\n"))
    assert sentence.id == "?:1"
    path, context = file(tmp_path, f"{name}.ann", b"T1\tp 0 99999999999999999999\tAda\n"), ReadContext()
    assert [sentence.tags for sentence in brat.read_brat(path, context)] == [("O", "O")]
    assert context.report.to_json()["repaired"] == {"annotation that is malformed, left out": 1}


@pytest.mark.parametrize("name", ["a" * 300 + ".conll", "a\0.conll", "[z-a].conll"])
def test_impossible_file_names_are_errors(name: str) -> None:
    with pytest.raises(InputError):
        list(Corpus(name))


def test_paths_without_a_file_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.conll")
    for path in (tmp_path / "a.conll", tmp_path, tmp_path / "a.conll" / "b.conll"):
        refused(path, "(found no file|is a folder)")
    refused(tmp_path / "gone.txt", "cannot be read: No such file", read_lines)


def test_many_spans_in_a_long_text_take_little_time() -> None:
    words = 20_000
    spans = [TextSpan(4 * index, 4 * index + 3, "p") for index in range(words)]
    started = time.process_time()
    offsets = [(4 * n, 4 * n + 3) for n in range(words)]
    sentence = AnnotatedText("Ada " * words, spans, "a:1", offsets).sentence(ReadContext())
    assert time.process_time() - started < 2
    assert sentence is not None
    assert sentence.tags == ("B-p",) * words


def dictionary_encoded(text: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))


BOMBS: dict[str, Callable[[], pa.Table]] = {
    "one long text for all rows": lambda: pa.table({"text": dictionary_encoded("word " * 200_000, 20_000)}),
    "rows without a word": lambda: pa.table(
        dict.fromkeys(
            ("tokens", "tags"),
            pa.ListArray.from_arrays(pa.array(np.zeros(600_001, np.int32)), dictionary_encoded("a", 0)),
        )
    ),
    "a row of many words": lambda: pa.table(
        dict.fromkeys(
            ("tokens", "tags"),
            pa.ListArray.from_arrays(pa.array([0, 1_000_000], pa.int32()), dictionary_encoded("a", 1_000_000)),
        )
    ),
}


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_tables_that_expand_too_far_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, bomb: str
) -> None:
    monkeypatch.setattr(arrow_batches, "_MAX_ROW_SIZE", 2**20)
    path, table = tmp_path / f"a.{kind}", BOMBS[bomb]()
    if kind == "parquet":
        pq.write_table(table, path, compression="zstd")
    else:
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_file(str(path), table.schema, options=options) as writer:
            writer.write_table(table)
    refused(
        path,
        "expands to more than 100 times its size|found a row of more than 1 MB; split it",
        lambda file: list(read_rows(file)),
    )


def test_nulls_without_size_in_a_file_are_refused(tmp_path: Path) -> None:
    lists = pa.ListArray.from_arrays(pa.array([0, 2**31 - 1], pa.int32()), pa.nulls(2**31 - 1))
    table = pa.table({"tokens": lists, "tags": [["O"]]})
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    refused(tmp_path / "a.arrow", "found a row of more than 256 MB; split it")


def test_a_buffer_that_claims_terabytes_is_refused(tmp_path: Path) -> None:
    path, table = tmp_path / "a.arrow", pa.table({"text": ["word " * 100_000]})
    with pa.ipc.new_file(str(path), table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    size = (500_000).to_bytes(8, "little")
    content = path.read_bytes()
    assert size in content
    path.write_bytes(content.replace(size, (2**46).to_bytes(8, "little")))
    refused(path, "damaged after row 0: ", raw)


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_other_arrow_types_are_read_or_an_error(tmp_path: Path, kind: str) -> None:
    table = pa.table(
        {
            "text": pa.array(
                ["Ada sings, and a longer text"] * 3, pa.string_view() if kind == "arrow" else pa.string()
            ),
            "map": pa.array([[("a", "b")], [], [("c", "d")]], pa.map_(pa.string(), pa.string())),
            "list": pa.array([[1], None, [2, 3]], pa.large_list(pa.int8())),
        }
    )
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table)
    rows = list(read_rows(path))
    assert [row["text"] for row in rows] == ["Ada sings, and a longer text"] * 3
    assert [row["map"] for row in rows] == [[("a", "b")], [], [("c", "d")]]
    if kind == "arrow":
        runs = pa.RunEndEncodedArray.from_arrays(pa.array([2**20], pa.int32()), pa.array(["x" * 2**20]))
        with pa.ipc.new_file(str(path), pa.schema({"text": runs.type})) as writer:
            writer.write_table(pa.table({"text": runs}))
        refused(path, "damaged after row 0: a column of type run_end_encoded", lambda file: list(read_rows(file)))


def test_a_file_that_is_truncated_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    table = pa.table({"text": [f"text {index}" for index in range(50_000)]})
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    rows = read_rows(path)
    assert next(rows)["text"] == "text 0"
    os.truncate(path, 5000)
    with pytest.raises(InputError, match="damaged after row"):
        list(rows)


def test_column_names_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    table = pa.table({"tokens": [["a"]], "tags": [["O"]], "columnname": [1]})
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    path.write_bytes(path.read_bytes().replace(b"columnname", b"column\xffame"))
    refused(path, "cannot be read as Arrow: 'utf-8' codec can't decode byte 0xff")
