"""The examples of docs/guides/pipelines.md for Ray Data and ``datasets`` run as written."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nlptrain
from nlptrain_runtime import TagBatch
from tests.helpers.ray_clusters import local_ray
from tests.helpers.small_models import SENTENCES, small_model

pytestmark = pytest.mark.slow

GUIDE = Path(__file__).parents[2] / "docs/guides/pipelines.md"
TEXTS: list[str | None] = [" ".join(sentence.words) for sentence in SENTENCES]
TEXTS[7] = None


def programs(section: str) -> list[str]:
    """Return the programs of a section of the guide."""
    (text,) = re.findall(
        rf"^## {section}$(.*?)(?=^## |\Z)", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return re.findall(r"^```py\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run_program(program: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(program, str(GUIDE), "exec"), names)  # noqa: S102
    return names


@pytest.fixture(scope="module")
def folder(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files that the guide reads, with models of random weights."""
    root = tmp_path_factory.mktemp("guide")
    nlptrain.export(small_model(tiny_bert, "pooled-lstm-crf"), root / "exported")
    (root / "runs/demo").mkdir(parents=True)
    small_model(tiny_bert, "teacher").save_pretrained(root / "runs/demo/transformer_token")
    rows = ({"id": row, "text": text} for row, text in enumerate(TEXTS))
    (root / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


@pytest.fixture(autouse=True)
def _in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


@contextmanager
def started_ray(folder: Path, **resources: int) -> Iterator[ModuleType]:
    """Start Ray in ``folder``, instead of one that runs already, and stop it."""
    pytest.importorskip("ray")
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            ray = stack.enter_context(local_ray(**resources))
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        yield ray


@pytest.fixture(scope="module")
def ray(folder: Path) -> Iterator[ModuleType]:
    with started_ray(folder, num_cpus=1) as ray:
        yield ray


def check_written(folder: str, teacher: bool) -> None:
    """Check that the files have each row once, with its prediction, and columns of the same types."""
    files = sorted(Path(folder).glob("*.parquet"))
    assert files
    expected = tagged_texts(teacher)
    assert all(pq.read_schema(file).equals(expected.schema.remove_metadata()) for file in files)
    table = pa.concat_tables(pq.read_table(file) for file in files).sort_by("id")
    assert table.equals(expected)


def tagged_texts(teacher: bool) -> pa.Table:
    batch = pa.table({"id": range(len(TEXTS)), "text": TEXTS})
    tagged: pa.Table = (
        nlptrain.LabelBatch("runs/demo/transformer_token")(batch) if teacher else TagBatch("exported")(batch)
    )
    assert tagged["error"].null_count == len(TEXTS) - 1
    return tagged


RAY_WARNINGS = pytest.mark.filterwarnings(
    "ignore:`use_(push_based_shuffle|polars|arrow_tensor_v2)` is deprecated:DeprecationWarning"
)


@RAY_WARNINGS
def test_ray_data_tags_a_file(ray):
    program, _ = programs("Ray Data")
    run_program(program)
    check_written("tagged", teacher=False)


@RAY_WARNINGS
def test_ray_data_writes_the_same_types_for_every_block(ray):
    """The first blocks have no entity and no error."""
    rows = [{"id": row, "text": text} for row, text in enumerate(["it rains", "it rains", "Ada", None])]
    tag = TagBatch("exported", min_confidence=0.8)
    tagged = ray.data.from_items(rows, override_num_blocks=4).map_batches(tag, batch_format="pyarrow").materialize()
    blocks = list(tagged.iter_batches(batch_format="pyarrow", batch_size=None))
    assert len(blocks) == 4
    types = {(str(block.schema.field("entities")), str(block.schema.field("error"))) for block in blocks}
    assert len(types) == 1
    assert "label: string" in types.pop()[0]
    expected = [{**row, "entities": tag({"text": [row["text"]]})["entities"][0]} for row in rows]
    by_numpy = ray.data.from_items(rows, override_num_blocks=2).map_batches(tag)  # the default format
    for result in (tagged, by_numpy):
        taken = sorted(result.take_all(), key=lambda row: row["id"])
        assert [row.pop("error") for row in taken] == [None] * 3 + ["found null; expected a string"]
        assert taken == expected


@RAY_WARNINGS
@pytest.mark.full  # the worker imports torch
def test_ray_data_labels_a_file_with_actors(folder):
    _, program = programs("Ray Data")
    with started_ray(folder, num_cpus=2, num_gpus=1):  # the GPU is a number that Ray does not check
        run_program(program)
    check_written("labeled", teacher=True)


def test_datasets_tags_and_labels_a_file(tmp_path, monkeypatch, capsys):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (program,) = programs("datasets")
    names = run_program(program)
    assert capsys.readouterr().out == "40 [7] ['found null; expected a string']\n"
    both = names["both"]
    assert both.column_names == ["id", "text", "entities", "error", "teacher_entities", "teacher_error"]
    assert pq.read_table("tagged.parquet").cast(tagged_texts(False).schema) == tagged_texts(False)
    labels = tagged_texts(True)
    assert both["teacher_entities"][:] == labels["entities"].to_pylist()
    assert both["teacher_error"][:] == labels["error"].to_pylist()


def test_the_guide_names_what_is_not_tested():
    text = GUIDE.read_text(encoding="utf-8")
    assert re.findall("^## (.*)$", text, re.MULTILINE)[1:] == ["Ray Data", "datasets", "Spark", "Daft"]
    assert "The Spark and Daft examples are not run by the tests" in text
    for section in ("Spark", "Daft"):
        for program in programs(section):
            compile(program, section, "exec")
