"""Mutated Arrow and Parquet files and logit stores, which native code of pyarrow decodes, do not crash the process."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import strategies as st

from nlptrain import Corpus, Run, TransformerTokenClassifier
from nlptrain.cli.main import main
from nlptrain.data.raw_files import read_rows
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.block_labeling import LabelingResult
from nlptrain.distillation.block_store import BlockStore
from nlptrain.errors import InputError
from tests.helpers.corpora import LABELS, make_sentences
from tests.helpers.fuzzing import fuzz, try_input
from tests.helpers.mutations import mutated, nasty_text
from tests.helpers.transfer_sets import fixed_blocks, label

pytestmark = pytest.mark.slow

TAG_FEATURE = {"feature": {"names": ["O", "B-p"], "_type": "ClassLabel"}}


def example_table(rows: int) -> pa.Table:
    """Return a table with columns of all types that are read."""
    numbers = pa.array([[1, 0, 0]] * rows)
    words = [["Ada", "sings", f"w{row}"] for row in range(rows)]
    columns = pa.table(
        {
            "tokens": words,
            "ner_tags": numbers,
            "id": [str(row) for row in range(rows)],
            "text": pa.array([" ".join(row) for row in words]).dictionary_encode(),
            "more": [{"x": row, "y": [None, 1.5]} for row in range(rows)],
            "kind": pa.array([["a", "b"]] * rows, pa.list_(pa.dictionary(pa.int8(), pa.string()))),
        }
    )
    return columns.replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": {"ner_tags": TAG_FEATURE}}})}
    )


def arrow_bytes(rows: int, open_writer: Callable[..., Any], compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    with open_writer(
        sink, example_table(rows).schema, options=pa.ipc.IpcWriteOptions(compression=compression)
    ) as writer:
        writer.write_table(example_table(rows), max_chunksize=4)
    return sink.getvalue()


def parquet_bytes(rows: int, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(example_table(rows), sink, row_group_size=3, **options)
    return sink.getvalue()


ARROW_FILES = (
    arrow_bytes(6, pa.ipc.new_file),
    arrow_bytes(6, pa.ipc.new_file, "zstd"),
    arrow_bytes(2, pa.ipc.new_file, "lz4"),
)
ARROW_STREAMS = (arrow_bytes(6, pa.ipc.new_stream), arrow_bytes(2, pa.ipc.new_stream, "lz4"))
PARQUET_FILES = (
    parquet_bytes(6),
    parquet_bytes(6, compression="zstd", data_page_version="2.0"),
    parquet_bytes(2, use_dictionary=False),
)
SENTENCES = [Sentence((*words, str(index))) for index, (words, _) in enumerate(make_sentences(10, 1))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def read_all(path: Path, content: bytes, surface: str) -> None:
    path.write_bytes(content)
    with try_input(InputError, surface=surface):
        for sentence in Corpus(path):
            assert all(word and word.encode() for word in sentence.words)
    with try_input(InputError, surface=surface):
        list(Corpus(path).raw())
    with try_input(InputError, surface=surface):
        list(read_rows(path))


@fuzz(mutated(*ARROW_FILES))
def test_mutated_arrow_file_is_read_or_an_input_error(folder: Path, content: bytes) -> None:
    read_all(folder / "a.arrow", content, "arrow")


@fuzz(mutated(*ARROW_STREAMS))
def test_mutated_arrow_stream_is_read_or_an_input_error(folder: Path, content: bytes) -> None:
    read_all(folder / "b.arrow", content, "arrow stream")


@fuzz(mutated(ARROW_FILES[2]))
def test_mutated_feather_is_read_or_an_input_error(folder: Path, content: bytes) -> None:
    read_all(folder / "a.feather", content, "feather")


@fuzz(mutated(*PARQUET_FILES))
def test_mutated_parquet_is_read_or_an_input_error(folder: Path, content: bytes) -> None:
    read_all(folder / "a.parquet", content, "parquet")


def table_strategy() -> st.SearchStrategy[pa.Table]:
    """Strategy for tables whose columns have any names and values."""
    words = st.lists(st.one_of(st.none(), nasty_text()), max_size=3)
    numbers = st.lists(st.integers(-2, 2), max_size=3)
    texts, names = nasty_text(), st.one_of(st.sampled_from(["tokens", "ner_tags", "tags", "id", "text"]), nasty_text())
    values = st.one_of(*(st.lists(kind, min_size=2, max_size=2) for kind in (words, words, numbers, texts)))
    return st.dictionaries(names, values, min_size=1, max_size=4).map(build_table)


def build_table(columns: dict[str, list[Any]]) -> pa.Table:
    table = pa.table({name.encode("utf-8", "replace").decode(): column for name, column in columns.items()})
    features = {name: TAG_FEATURE for name in columns if len(name) % 2}
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


@fuzz(table_strategy(), st.booleans())
def test_generated_table_is_read_or_an_input_error(folder: Path, table: pa.Table, is_parquet: bool) -> None:
    sink = io.BytesIO()
    if is_parquet:
        pq.write_table(table, sink)
    else:
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    name = "b.parquet" if is_parquet else "c.arrow"
    read_all(folder / name, sink.getvalue(), "arrow and parquet, generated")


@fuzz(
    st.one_of(
        mutated(*ARROW_FILES).map(lambda content: (".arrow", content)),
        mutated(*PARQUET_FILES).map(lambda content: (".parquet", content)),
    ),
    share=0.3,
)
def test_convert_of_a_mutated_file_writes_it_or_ends_with_code_2(folder: Path, file: tuple[str, bytes]) -> None:
    suffix, content = file
    path, target = folder / f"c{suffix}", folder / "c.jsonl"
    path.write_bytes(content)
    with try_input(surface="convert, native"):
        result = CliRunner().invoke(main, ["convert", str(path), str(target)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 2), result.output
    assert target.exists() == (result.exit_code == 0)
    target.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def teacher(tiny_bert: Path) -> TransformerTokenClassifier:
    return TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)


@pytest.fixture(scope="module")
def labeled(
    teacher: TransformerTokenClassifier, tmp_path_factory: pytest.TempPathFactory
) -> tuple[BlockStore, LabelingResult]:
    with pytest.MonkeyPatch.context() as patch:
        fixed_blocks(patch, 4)
        return label(tmp_path_factory.mktemp("straight"), teacher, SENTENCES)


@fuzz(st.data(), st.integers(0, 3), share=0.3)
def test_mutated_transfer_set_is_labeled_again(
    teacher: TransformerTokenClassifier,
    labeled: tuple[BlockStore, LabelingResult],
    folder: Path,
    data: st.DataObject,
    index: int,
) -> None:
    original, result = labeled
    copy = folder / "transfer" / original.folder.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(original.folder, copy)
    name = sorted(path.name for path in copy.iterdir())[index]
    (copy / name).write_bytes(data.draw(mutated((copy / name).read_bytes())))
    with pytest.MonkeyPatch.context() as patch, try_input(surface="transfer set"):
        fixed_blocks(patch, 4)
        run = Run(None, device="cpu")
        run.log = lambda _: None  # type: ignore[method-assign, assignment]
        rows = label(copy.parent, teacher, SENTENCES, run)[1].transfer_set()
    for row, sentence in enumerate(SENTENCES):
        assert rows.sentence(row).words == sentence.words
        np.testing.assert_array_equal(rows.teacher_logits(row), result.transfer_set().teacher_logits(row))
    for path in original.folder.iterdir():
        assert (copy / path.name).read_bytes() == path.read_bytes(), path.name
