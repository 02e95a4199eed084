"""Readers of text files on changed and made-up bytes: sentences, or an ``InputError``, in bounded time."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import example
from hypothesis import strategies as st

from nlptrain import Corpus, WordSplitter
from nlptrain.cli.main import main
from nlptrain.config.data import DataConfig
from nlptrain.data.raw_text import read_rows
from nlptrain.data.vocabulary import read_vectors
from nlptrain.errors import InputError
from tests.helpers.fuzzing import bounded, check_lines, fuzz
from tests.helpers.mutations import mutated, nasty_numbers, nasty_text, nasty_values

pytestmark = pytest.mark.slow

CONLL = b"-DOCSTART- O\n\n# id = 1\nAda B-person\nLovelace I-person\nsings O\n\nrain O\n"
TABBED = b"# text = Ada sings\nAda\tX\tB-person\r\nsings\tY\tO\r\n\r\n"
CONLLU = (
    b"# sent_id = a\n# text = Ada sings\n"
    b"1\tAda\t_\tPROPN\t_\t_\t0\troot\t_\tSpaceAfter=No\n1-2\tx\t_\t_\t_\t_\t_\t_\t_\t_\n"
    b"2\tsings\t_\tVERB\t_\t_\t1\tdep\t_\t_\n2.1\te\t_\t_\t_\t_\t_\t_\t_\t_\n\n"
)
CSV = b'sentence_id,word,tag\n1,Ada,B-person\n,"si,ngs",O\n2,"a ""b""",O\n'
WORDS = b'{"id": 1, "text": "Ada sings", "tokens": ["Ada", "sings"], "tags": ["B-person", "O"], "more": 1}\n'
MARKED = b'{"id": 1, "text": "Ada Byron sings", "entities": [{"start": 0, "end": 9, "label": "person"}]}\n'
PRODIGY = (
    b'{"text": "Ada sings", "tokens": [{"start": 0, "end": 3}, {"start": 4, "end": 9}], "spans": '
    b'[{"start": 0, "end": 3, "label": "p"}], "answer": "accept"}\n'
)
DOCCANO = b'{"id": 3, "text": "Ada sings", "label": [[0, 3, "person"]]}\n'
STUDIO = (
    b'[{"id": 1, "data": {"text": "Ada \xf0\x9f\x98\x80 sings"}, "annotations": [{"result": [{"value": '
    b'{"start": 0, "end": 3, "text": "Ada", "labels": ["person"]}}]}]}, '
    b'{"text": "Ada sings", "label": [{"start": 0, "end": 3, "labels": ["p"]}]}]'
)
ANN = b"T1\tperson 0 9\tAda Byron\nR1\tx Arg1:T1\nT2\tplace 16 22\tLondon\n#1\tnote T1\tx\n"
TEXT = b"Ada Byron sings\nLondon\r\n"
VECTORS = b"2 3\nAda 0.1 0.2 0.3\nsings -1 1e-3 4\n"
PLAIN = "Ada sings. It's x.com, @ada!\n\n\u4e2d\u6587\u3002 e\u0301\n".encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, 1, mtime=0)


def read_all(path: Path, surface: str, **data: Any) -> None:
    """Read ``path`` as gold sentences and as raw text."""
    with bounded(InputError, surface=surface):
        for sentence in Corpus(path, DataConfig.model_validate(data)):
            assert len(sentence.words) == len(sentence.tags or ())
            assert all(word and word.encode() for word in sentence.words)
    with bounded(InputError, surface=surface):
        list(Corpus(path, DataConfig.model_validate(data)).raw())


def convert(path: Path, target: Path, surface: str) -> None:
    """Convert ``path`` by the command line."""
    with bounded(surface=surface):
        done = CliRunner().invoke(main, ["convert", str(path), str(target)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code in (0, 2), done.output
        assert target.exists() == (done.exit_code == 0), done.output
        for line in done.output.splitlines():
            check_lines(line)


def rows(*keys: str) -> st.SearchStrategy[bytes]:
    """Lines of JSON whose ``keys`` hold anything."""
    mark = st.fixed_dictionaries({"start": nasty_numbers(), "end": nasty_numbers(), "label": nasty_text()})
    marks = st.lists(
        st.one_of(mark, st.tuples(nasty_numbers(), nasty_numbers(), nasty_text()), nasty_values()), max_size=3
    )
    words = st.lists(
        st.one_of(nasty_text(), st.fixed_dictionaries({"start": nasty_numbers(), "end": nasty_numbers()})), max_size=3
    )
    value = st.one_of(nasty_text(), marks, words, nasty_values())
    row = st.dictionaries(st.sampled_from(keys), value, max_size=5)
    return st.lists(st.one_of(row, nasty_values()), min_size=1, max_size=3).map(_lines)


def _lines(values: list[object]) -> bytes:
    return "".join(f"{json.dumps(value)}\n" for value in values).encode()


def cells(separator: str, columns: int) -> st.SearchStrategy[bytes]:
    """Lines of ``columns`` cells, or fewer, that hold anything."""
    line = st.one_of(*(st.lists(nasty_text(), min_size=n, max_size=columns) for n in (0, columns))).map(separator.join)
    return st.lists(line, max_size=6).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass"))


KEYS = ("id", "text", "tokens", "tags", "entities", "spans", "label", "labels", "answer", "data", "annotations")


@fuzz(st.one_of(mutated(CONLL, TABBED), cells(" ", 2), cells("\t", 3)))
def test_columns(folder: Path, content: bytes) -> None:
    (folder / "a.conll").write_bytes(content)
    read_all(folder / "a.conll", "columns")


@fuzz(st.one_of(cells(" ", 4), cells("\t", 4)), st.integers(-64, 64))
def test_columns_by_number(folder: Path, content: bytes, column: int) -> None:
    path = folder / "b.conll"
    path.write_bytes(content)
    with bounded(InputError, surface="columns by number"):
        list(Corpus(path, DataConfig.model_validate({"columns": {"words": column or 1, "tags": -1}})))


@fuzz(st.one_of(mutated(CONLLU), cells("\t", 10)))
def test_conllu(folder: Path, content: bytes) -> None:
    (folder / "a.conllu").write_bytes(content)
    read_all(folder / "a.conllu", "conllu")


@fuzz(
    st.one_of(
        mutated(CSV), st.lists(nasty_text(), max_size=9).map(lambda cells: ",".join(cells).encode("utf-8", "replace"))
    )
)
@example(b"a\rb,c\n1,2\n")
@example(b'"' + b"x" * 200_000 + b'",word,tag\n')
def test_csv(folder: Path, content: bytes) -> None:
    (folder / "a.csv").write_bytes(content)
    read_all(folder / "a.csv", "csv")


@fuzz(mutated(WORDS, MARKED, PRODIGY, DOCCANO))
@example(b"[" * 100_000)
@example(b'{"id": ' + b"[" * 900 + b"]" * 900 + b', "tokens": ["a"], "tags": ["O"]}')
@example(b'{"tokens": [' + b"[" * 950 + b"]" * 950 + b'], "tags": ["O"]}')
@example(b'{"text": "Ada", "entities": [{"start": 0, "end": 3, "label": "\\ud800"}]}')
@example(b'{"text": "Ada", "entities": [{"start": ' + b"9" * 4000 + b', "end": 3, "label": "a"}]}')
def test_json_lines(folder: Path, content: bytes) -> None:
    (folder / "a.jsonl").write_bytes(content)
    read_all(folder / "a.jsonl", "json lines")


@fuzz(rows(*KEYS))
def test_json_lines_made_up(folder: Path, content: bytes) -> None:
    (folder / "b.jsonl").write_bytes(content)
    read_all(folder / "b.jsonl", "json lines, made up")
    with bounded(InputError, surface="json lines, made up"):
        list(read_rows(folder / "b.jsonl"))


@fuzz(st.one_of(mutated(STUDIO), rows(*KEYS).map(lambda lines: b"[" + b",".join(lines.splitlines()) + b"]")))
def test_json(folder: Path, content: bytes) -> None:
    (folder / "a.json").write_bytes(content)
    read_all(folder / "a.json", "json")


@fuzz(mutated(ANN), st.one_of(st.just(TEXT), mutated(TEXT)))
@example(b"T1\tp 99999999999999999999 3\tAda\n", TEXT)
@example(b"T1\tp 0 3;4 9\tAda\n", TEXT)
def test_brat(folder: Path, marks: bytes, text: bytes) -> None:
    (folder / "a.ann").write_bytes(marks)
    (folder / "a.txt").write_bytes(text)
    with bounded(InputError, surface="brat"):
        list(Corpus(folder / "a.ann"))


@fuzz(st.one_of(mutated(PLAIN), st.binary(max_size=200)))
def test_raw_text(folder: Path, content: bytes) -> None:
    (folder / "raw.txt").write_bytes(content)
    with bounded(InputError, surface="raw text"):
        list(Corpus(folder / "raw.txt").raw())


@fuzz(st.one_of(mutated(gzipped(CONLL)), mutated(CONLL, write=gzipped), cells("\t", 2).map(gzipped)))
def test_gzip(folder: Path, content: bytes) -> None:
    (folder / "a.conll.gz").write_bytes(content)
    with bounded(InputError, surface="gzip"):
        list(Corpus(folder / "a.conll.gz"))


@fuzz(
    st.one_of(
        mutated(VECTORS),
        st.lists(nasty_text(), max_size=9).map(lambda cells: " ".join(cells).encode("utf-8", "replace")),
    )
)
@example(b"1 " + b"9" * 5000 + b"\n")
@example(b"9 99999999999999999999\nAda 1 2\n")
@example(b"Ada 1e40\n")
def test_word_vectors(folder: Path, content: bytes) -> None:
    (folder / "vectors.txt").write_bytes(content)
    with bounded(InputError, surface="word vectors"):
        vectors = read_vectors(folder / "vectors.txt", ["Ada", "sings"])
        assert all(np.isfinite(row).all() for row in vectors.rows.values())


SPLITTER = json.dumps({"version": 1, "rule": "words", "pattern": r"[^\p{Z}\p{Cc}]+"}).encode()


@fuzz(
    st.one_of(
        mutated(SPLITTER),
        nasty_values().map(lambda value: json.dumps({"version": value, "pattern": "a", "rule": ""}).encode()),
    )
)
@example(b"[" * 100_000)
@example(b'{"version": 1e999, "rule": "", "pattern": "a"}')
def test_word_splitter(folder: Path, content: bytes) -> None:
    (folder / "word_splitter.json").write_bytes(content)
    with bounded(InputError, surface="word splitter"):
        WordSplitter.load(folder)


CONVERTED: dict[str, st.SearchStrategy[bytes]] = {
    "conll": st.one_of(mutated(CONLL, TABBED), cells("\t", 2)),
    "conll.gz": st.one_of(mutated(CONLL, TABBED, write=gzipped), cells("\t", 2).map(gzipped)),
    "conllu": st.one_of(mutated(CONLLU), cells("\t", 10)),
    "csv": mutated(CSV),
    "jsonl": st.one_of(mutated(WORDS, MARKED, PRODIGY, DOCCANO), rows(*KEYS)),
    "json": mutated(STUDIO),
}


@pytest.mark.parametrize("source", CONVERTED)
@fuzz(st.data(), st.sampled_from(["x.conllu", "x.csv", "x.parquet", "x.ann"]), share=0.2)
def test_convert(folder: Path, source: str, data: st.DataObject, target: str) -> None:
    path = folder / f"c.{source}"
    path.write_bytes(data.draw(CONVERTED[source]))
    convert(path, folder / target, f"convert {source}")
    for path in folder.glob("x.*"):
        path.unlink()


def test_convert_half_of_a_character(folder: Path) -> None:
    path = folder / "half.jsonl"
    path.write_bytes(b'{"text": "Ada", "entities": [{"start": 0, "end": 3, "label": "\\ud800"}]}')
    convert(path, folder / "half.csv", "convert jsonl")
