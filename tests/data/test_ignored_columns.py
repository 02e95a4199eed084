"""What of a gold file is not read, by format."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from nlptrain.config.data import ColumnsConfig, DataConfig
from nlptrain.data.ignored_columns import ignored_columns

ROW = {"tokens": ["Ada"], "tags": ["B-person"], "id": 1, "text": "Ada"}
TASK = {"id": 1, "annotations": [{"result": []}], "meta": {}}


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.conll", "Ada NNP B-NP B-person\n", ["column 2", "column 3"]),
        ("b.conll", "Ada\tB-person\n", []),
        ("c.conll", "\n", []),
        ("a.conllu", "1\tAda\t_\tPROPN\t_\t_\t0\t_\t_\t_\n",
         ["LEMMA", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC"]),
        ("a.csv", "sentence_id,word,POS,tag\n1,Ada,NNP,B-person\n", ["POS"]),
        ("a.jsonl", json.dumps({**ROW, "pos": ["NNP"]}), ["pos"]),
        ("b.jsonl", json.dumps(ROW), []),
        ("e.jsonl", '{"tokens": ["Ada"], "tags": ["O"], "labels": ["x"], "spans": []}', ["labels", "spans"]),
        ("f.jsonl", '{"text": "Ada", "entities": [], "label": "x"}', ["label"]),
        ("d.jsonl", '{"text": "Ada", "entities": [], "data": {"url": "x"}}', ["data"]),
        ("p.jsonl", '{"text": "Ada", "spans": [], "answer": "accept", "_hash": 3, "meta": {}}', ["_hash", "meta"]),
        ("a.json", json.dumps([{**TASK, "data": {"text": "Ada", "url": "x"}}]), ["data.url", "meta"]),
        ("b.json", json.dumps([{**TASK, "data": {"post": "Ada", "tokens": [[0, 3]]}}]), ["meta"]),
        ("a.ann", "T1\tperson 0 3\tAda\nR1\tknows Arg1:T1 Arg2:T1\nA1\tOld T1\n#1\tNote T1\tx\n*\tsame T1 T1\n",
         ["relations", "attributes", "notes"]),
    ],
)  # fmt: skip
def test_of_text(tmp_path: Path, name: str, text: str, found: list[str]) -> None:
    (tmp_path / name).write_text(text)
    assert ignored_columns(tmp_path / name, DataConfig()) == found


def test_of_tables(tmp_path: Path) -> None:
    table = pa.table({name: [value] for name, value in {**ROW, "pos": ["NNP"]}.items()})
    pq.write_table(table, tmp_path / "a.parquet")
    feather.write_feather(table, str(tmp_path / "a.feather"))
    other = DataConfig(columns=ColumnsConfig(tags="pos"))
    for name in ("a.parquet", "a.feather"):
        assert ignored_columns(tmp_path / name, DataConfig()) == ["pos"]
        assert ignored_columns(tmp_path / name, other) == ["tags"]


def test_of_columns_that_are_chosen(tmp_path: Path) -> None:
    (tmp_path / "a.conllu").write_text("1\tAda\t_\tPROPN\t_\t_\t0\t_\t_\t_\n")
    assert "UPOS" in ignored_columns(tmp_path / "a.conllu", DataConfig(columns=ColumnsConfig(tags="xpos")))
    (tmp_path / "a.conll").write_text("Ada NNP B-person\n")
    chosen = DataConfig(columns=ColumnsConfig(tags=2))
    assert ignored_columns(tmp_path / "a.conll", chosen) == ["column 3"]
