"""Mutated and generated text files are read, or end in an ``InputError``, in limited time."""

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
from nlptrain.data.raw_files import read_rows
from nlptrain.data.vocabulary import read_vectors
from nlptrain.errors import InputError
from tests.helpers.fuzzing import check_printable, fuzz, try_input
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
ENTITIES = b'{"id": 1, "text": "Ada Byron sings", "entities": [{"start": 0, "end": 9, "label": "person"}]}\n'
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
BRAT_ANN = b"T1\tperson 0 9\tAda Byron\nR1\tx Arg1:T1\nT2\tplace 16 22\tLondon\n#1\tnote T1\tx\n"
BRAT_TXT = b"Ada Byron sings\nLondon\r\n"
VECTORS = b"2 3\nAda 0.1 0.2 0.3\nsings -1 1e-3 4\n"
RAW_TEXT = "Ada sings. It's x.com, @ada!\n\n\u4e2d\u6587\u3002 e\u0301\n".encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, 1, mtime=0)


def read_all(path: Path, surface: str, **data: Any) -> None:
    """Read ``path`` as gold sentences and as raw text."""
    with try_input(InputError, surface=surface):
        for sentence in Corpus(path, DataConfig.model_validate(data)):
            assert len(sentence.words) == len(sentence.tags or ())
            assert all(word and word.encode() for word in sentence.words)
    with try_input(InputError, surface=surface):
        list(Corpus(path, DataConfig.model_validate(data)).raw())


def check_convert(path: Path, target: Path, surface: str) -> None:
    """Run ``nlptrain convert`` and check that it writes ``target`` or ends with a printable error."""
    with try_input(surface=surface):
        result = CliRunner().invoke(main, ["convert", str(path), str(target)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code in (0, 2), result.output
        assert target.exists() == (result.exit_code == 0), result.output
        for line in result.output.splitlines():
            check_printable(line)


def json_lines(*keys: str) -> st.SearchStrategy[bytes]:
    """Strategy for lines of JSON with values of any type for ``keys``."""
    span = st.fixed_dictionaries({"start": nasty_numbers(), "end": nasty_numbers(), "label": nasty_text()})
    spans = st.lists(
        st.one_of(span, st.tuples(nasty_numbers(), nasty_numbers(), nasty_text()), nasty_values()), max_size=3
    )
    words = st.lists(
        st.one_of(nasty_text(), st.fixed_dictionaries({"start": nasty_numbers(), "end": nasty_numbers()})), max_size=3
    )
    value = st.one_of(nasty_text(), spans, words, nasty_values())
    row = st.dictionaries(st.sampled_from(keys), value, max_size=5)
    return st.lists(st.one_of(row, nasty_values()), min_size=1, max_size=3).map(to_json_lines)


def to_json_lines(values: list[object]) -> bytes:
    return "".join(f"{json.dumps(value)}\n" for value in values).encode()


def cell_lines(separator: str, columns: int) -> st.SearchStrategy[bytes]:
    """Strategy for lines with at most ``columns`` cells of any text."""
    line = st.one_of(*(st.lists(nasty_text(), min_size=size, max_size=columns) for size in (0, columns))).map(
        separator.join
    )
    return st.lists(line, max_size=6).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass"))


KEYS = ("id", "text", "tokens", "tags", "entities", "spans", "label", "labels", "answer", "data", "annotations")


@fuzz(st.one_of(mutated(CONLL, TABBED), cell_lines(" ", 2), cell_lines("\t", 3)))
def test_mutated_conll_is_read_or_an_input_error(folder: Path, content: bytes) -> None:
    (folder / "a.conll").write_bytes(content)
    read_all(folder / "a.conll", "columns")


@fuzz(st.one_of(cell_lines(" ", 4), cell_lines("\t", 4)), st.integers(-64, 64))
def test_column_numbers_are_read_or_an_input_error(folder: Path, content: bytes, column: int) -> None:
    path = folder / "b.conll"
    path.write_bytes(content)
    with try_input(InputError, surface="columns by number"):
        list(Corpus(path, DataConfig.model_validate({"columns": {"words": column or 1, "tags": -1}})))


@fuzz(st.one_of(mutated(CONLLU), cell_lines("\t", 10)))
def test_mutated_conllu_is_read_or_an_input_error(folder: Path, content: bytes) -> None:
    (folder / "a.conllu").write_bytes(content)
    read_all(folder / "a.conllu", "conllu")


@fuzz(
    st.one_of(
        mutated(CSV), st.lists(nasty_text(), max_size=9).map(lambda cells: ",".join(cells).encode("utf-8", "replace"))
    )
)
@example(b"a\rb,c\n1,2\n")
@example(b'"' + b"x" * 200_000 + b'",word,tag\n')
def test_mutated_csv_is_read_or_an_input_error(folder: Path, content: bytes) -> None:
    (folder / "a.csv").write_bytes(content)
    read_all(folder / "a.csv", "csv")


@fuzz(mutated(WORDS, ENTITIES, PRODIGY, DOCCANO))
@example(b"[" * 100_000)
@example(b'{"id": ' + b"[" * 900 + b"]" * 900 + b', "tokens": ["a"], "tags": ["O"]}')
@example(b'{"tokens": [' + b"[" * 950 + b"]" * 950 + b'], "tags": ["O"]}')
@example(b'{"text": "Ada", "entities": [{"start": 0, "end": 3, "label": "\\ud800"}]}')
@example(b'{"text": "Ada", "entities": [{"start": ' + b"9" * 4000 + b', "end": 3, "label": "a"}]}')
def test_mutated_json_lines_are_read_or_an_input_error(folder: Path, content: bytes) -> None:
    (folder / "a.jsonl").write_bytes(content)
    read_all(folder / "a.jsonl", "json lines")


@fuzz(json_lines(*KEYS))
def test_generated_json_lines_are_read_or_an_input_error(folder: Path, content: bytes) -> None:
    (folder / "b.jsonl").write_bytes(content)
    read_all(folder / "b.jsonl", "json lines, generated")
    with try_input(InputError, surface="json lines, generated"):
        list(read_rows(folder / "b.jsonl"))


@fuzz(st.one_of(mutated(STUDIO), json_lines(*KEYS).map(lambda lines: b"[" + b",".join(lines.splitlines()) + b"]")))
def test_mutated_json_is_read_or_an_input_error(folder: Path, content: bytes) -> None:
    (folder / "a.json").write_bytes(content)
    read_all(folder / "a.json", "json")


@fuzz(mutated(BRAT_ANN), st.one_of(st.just(BRAT_TXT), mutated(BRAT_TXT)))
@example(b"T1\tp 99999999999999999999 3\tAda\n", BRAT_TXT)
@example(b"T1\tp 0 3;4 9\tAda\n", BRAT_TXT)
def test_mutated_brat_is_read_or_an_input_error(folder: Path, spans: bytes, text: bytes) -> None:
    (folder / "a.ann").write_bytes(spans)
    (folder / "a.txt").write_bytes(text)
    with try_input(InputError, surface="brat"):
        list(Corpus(folder / "a.ann"))


@fuzz(st.one_of(mutated(RAW_TEXT), st.binary(max_size=200)))
def test_mutated_raw_text_is_read_or_an_input_error(folder: Path, content: bytes) -> None:
    (folder / "raw.txt").write_bytes(content)
    with try_input(InputError, surface="raw text"):
        list(Corpus(folder / "raw.txt").raw())


@fuzz(st.one_of(mutated(gzipped(CONLL)), mutated(CONLL, write=gzipped), cell_lines("\t", 2).map(gzipped)))
def test_mutated_gzip_is_read_or_an_input_error(folder: Path, content: bytes) -> None:
    (folder / "a.conll.gz").write_bytes(content)
    with try_input(InputError, surface="gzip"):
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
def test_mutated_vectors_are_read_or_an_input_error(folder: Path, content: bytes) -> None:
    (folder / "vectors.txt").write_bytes(content)
    with try_input(InputError, surface="word vectors"):
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
def test_mutated_word_splitter_loads_or_is_an_input_error(folder: Path, content: bytes) -> None:
    (folder / "word_splitter.json").write_bytes(content)
    with try_input(InputError, surface="word splitter"):
        WordSplitter.load(folder)


SOURCE_STRATEGIES: dict[str, st.SearchStrategy[bytes]] = {
    "conll": st.one_of(mutated(CONLL, TABBED), cell_lines("\t", 2)),
    "conll.gz": st.one_of(mutated(CONLL, TABBED, write=gzipped), cell_lines("\t", 2).map(gzipped)),
    "conllu": st.one_of(mutated(CONLLU), cell_lines("\t", 10)),
    "csv": mutated(CSV),
    "jsonl": st.one_of(mutated(WORDS, ENTITIES, PRODIGY, DOCCANO), json_lines(*KEYS)),
    "json": mutated(STUDIO),
}


@pytest.mark.parametrize("source", SOURCE_STRATEGIES)
@fuzz(st.data(), st.sampled_from(["x.conllu", "x.csv", "x.parquet", "x.ann"]), share=0.2)
def test_convert_of_a_mutated_file_writes_it_or_ends_with_code_2(
    folder: Path, source: str, data: st.DataObject, target: str
) -> None:
    path = folder / f"c.{source}"
    path.write_bytes(data.draw(SOURCE_STRATEGIES[source]))
    check_convert(path, folder / target, f"convert {source}")
    for path in folder.glob("x.*"):
        path.unlink()


def test_convert_of_half_a_surrogate_pair(folder: Path) -> None:
    path = folder / "half.jsonl"
    path.write_bytes(b'{"text": "Ada", "entities": [{"start": 0, "end": 3, "label": "\\ud800"}]}')
    check_convert(path, folder / "half.csv", "convert jsonl")
