"""Parquet and Arrow files: columns that are read, and errors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.arrow import read_parquet
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError

NAMES = ["O", "B-person", "I-person"]
ROWS: dict[str, Any] = {"tokens": [["Ada", "Lovelace", "sings"], [], ["rain"]], "ner_tags": [[1, 2, 0], [], [0]]}
KINDS = ("parquet", "arrow", "stream")


def with_feature(table: pa.Table, feature: object) -> pa.Table:
    """Return ``table`` with the metadata that ``datasets`` writes for the feature of its tags."""
    return table.replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": {"tokens": {}, "ner_tags": feature}}})}
    )


def write(folder: Path, kind: str, table: pa.Table) -> Path:
    path = folder / ("a.parquet" if kind == "parquet" else "a.arrow")
    if kind == "parquet":
        pq.write_table(table, path)
        return path
    open_writer = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
    with open_writer(str(path), table.schema) as writer:
        writer.write_table(table)
    return path


def read(path: Path, **columns: object) -> list[Sentence]:
    return list(Corpus(str(path), DataConfig.model_validate({"columns": columns})))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "feature",
    [
        {"feature": {"names": NAMES, "_type": "ClassLabel"}, "_type": "Sequence"},
        {"feature": {"names": NAMES, "_type": "ClassLabel"}, "_type": "List"},
        [{"names": NAMES, "_type": "ClassLabel"}],
    ],
    ids=["sequence", "list", "short"],
)
def test_tag_ids_have_the_names_stored_by_datasets(tmp_path: Path, kind: str, feature: object) -> None:
    path = write(tmp_path, kind, with_feature(pa.table(ROWS), feature))
    assert read(path) == [
        Sentence(("Ada", "Lovelace", "sings"), ("B-person", "I-person", "O"), f"{path}:1"),
        Sentence(("rain",), ("O",), f"{path}:3"),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_string_tags_ids_and_texts_are_read(tmp_path: Path, kind: str) -> None:
    table = pa.table(
        {
            "id": pa.array([7, 8]),
            "text": pa.array(["Ada  sings.", "a line"]),
            "words": pa.array([["Ada", "sings", "."], ["another"]], pa.large_list(pa.string())),
            "tags": pa.array([["B-p", "O", "O"], ["O"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
            "other": pa.array([{"x": 1}, {"x": 2}]),
        }
    )
    first, second = read(write(tmp_path, kind, table))
    assert (first.words, first.tags, first.id) == (("Ada", "sings", "."), ("B-p", "O", "O"), "7")
    assert (first.text, first.offsets) == ("Ada  sings.", ((0, 3), (5, 10), (10, 11)))
    assert (second.text, second.offsets) == ("a line", ())


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, "parquet", pa.table({"token": [["a"]], "tags": [["x"]], "pos": [["NOUN"]]}))
    (sentence,) = read(path, words="token", tags="pos")
    assert (sentence.words, sentence.tags) == (("a",), ("NOUN",))


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ({"token": [["a"]]}, {}, ": found no column 'tokens' or 'words' (columns: token); set data.columns"),
        ({"tokens": [["a"]]}, {"tags": "pos"}, ": found no column 'pos' (columns: tokens); set data.col"),
        ({"tokens": ["a b"], "tags": [["O", "O"]]}, {}, ": column 'tokens' holds string; expected a list of words,"),
        ({"tokens": [["a"]], "ner_tags": [[1]]}, {}, ": column 'ner_tags' holds numbers, and the file has no names"),
    ],
    ids=range(4),
)  # fmt: skip
def test_invalid_files_are_reported(
    tmp_path: Path, rows: dict[str, Any], columns: dict[str, object], message: str
) -> None:
    path = write(tmp_path, "parquet", pa.table(rows))
    with pytest.raises(InputError, match=f"^{re.escape(str(path) + message)}"):
        read(path, **columns)


@pytest.mark.parametrize(
    ("tokens", "tags", "message"),
    [
        (["a", "b"], ["O"], "found 2 tokens and 1 tags; expected one tag for each"),
        (None, ["O"], "found null in 'tokens'; expected a list"),
        (["a", None], ["O", "O"], "'tokens' 2: found null; expected a string"),
        (["a", ""], ["O", "B-p"], "'tokens' 2: found an empty string; omit the"),
        (["a"], [None], "'tags' 1: found null; expected a string"),
    ],
    ids=range(5),
)  # fmt: skip
def test_faulty_rows_are_skipped(tmp_path: Path, tokens: object, tags: object, message: str) -> None:
    path = write(tmp_path, "parquet", pa.table({"tokens": [["Ada"], tokens], "tags": [["O"], tags]}))
    context = ReadContext()
    assert [sentence.words for sentence in read_parquet(path, context)] == [("Ada",)]
    (cause,) = context.report.causes
    assert (cause.action, cause.count) == ("skipped", 1)
    assert f"{path}:2" in cause.describe()
    assert message in cause.describe()


def test_numbers_get_the_names_of_the_configuration(tmp_path: Path) -> None:
    path = write(tmp_path, "parquet", pa.table({"tokens": [["Ada", "sings"]], "ner_tags": [[1, 0]]}))
    (sentence,) = Corpus(path, DataConfig(tag_names=["O", "B-person"]))
    assert sentence.tags == ("B-person", "O")


@pytest.mark.parametrize(
    "entities",
    [
        [{"start": 0, "end": 3, "label": "person"}],
        {"start": [0], "end": [3], "label": ["person"]},
        '[{"start": 0, "end": 3, "label": "person"}]',
    ],
    ids=["list", "columns", "JSON"],
)
def test_texts_with_entities_are_read(tmp_path: Path, entities: object) -> None:
    path = write(tmp_path, "parquet", pa.table({"id": [7], "text": ["Ada sings"], "entities": [entities]}))
    (sentence,) = Corpus(path)
    assert (sentence.words, sentence.tags, sentence.id) == (("Ada", "sings"), ("B-person", "O"), "7")


def test_error_for_tag_ids_without_names_and_column_numbers(tmp_path: Path) -> None:
    feature = {"feature": {"names": NAMES, "_type": "ClassLabel"}}
    path = write(tmp_path, "parquet", with_feature(pa.table({"tokens": [["a"]], "ner_tags": [[3]]}), feature))
    with pytest.raises(
        InputError, match=r":1: found 3 in 'ner_tags'; expected 0 to 2, the labels that the file names$"
    ):
        read(path)
    with pytest.raises(
        InputError, match=r"^data\.columns\.words: found 1; expected a column name of .* \(tokens, ner_tags\)$"
    ):
        read(path, words=1)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
@pytest.mark.parametrize("content", [b"", b"PAR1 no", b"Ada sings.\n" * 9])
def test_another_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{re.escape(name)}: cannot be read as (Parquet|Arrow): [^\n]+$"):
        read(tmp_path / name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_file_is_an_error(tmp_path: Path, kind: str) -> None:
    rows = {"tokens": [[f"word{index}"] for index in range(5000)], "tags": [["O"]] * 5000}
    path = write(tmp_path, kind, pa.table(rows))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=f"{re.escape(path.name)}: (cannot be read|damaged)"):
        read(path)


@pytest.mark.parametrize("kind", KINDS)
def test_error_for_repeated_columns_and_binary_text(tmp_path: Path, kind: str) -> None:
    words = pa.array([["a"]])
    twice = pa.Table.from_arrays([words, words, pa.array([["O"]])], names=["tokens", "tokens", "tags"])
    with pytest.raises(InputError, match=r"found several columns 'tokens'; rename all but one"):
        read(write(tmp_path, kind, twice))
    bytes_ = pa.array([b"\xff"]).view(pa.string())
    wrong = pa.table({"tokens": pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), bytes_), "tags": [["O"]]})
    with pytest.raises(InputError, match="damaged after row 0: "):
        read(write(tmp_path, kind, wrong))
