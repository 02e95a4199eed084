"""``TagBatch``: predictions equal those of the tagger, in batches of every type, whatever rows they have."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from nlptrain.models.prediction import predict_rows
from nlptrain_runtime import BatchError, FolderError, TagBatch, Tagger, tag_batch
from tests.helpers.small_models import DIFFICULT_TEXTS, LABELS, PLAIN_LABELS, SENTENCES, small_model

TEXTS = [*DIFFICULT_TEXTS, *(" ".join(sentence.words) for sentence in SENTENCES)]
WORDS = [list(sentence.words) for sentence in SENTENCES] + [[]]
SPAN = [("start", pa.int64()), ("end", pa.int64())]
ENTITIES = pa.list_(pa.struct([*SPAN, ("label", pa.string()), ("text", pa.string()), ("confidence", pa.float64())]))
TAGGED_WORDS = pa.list_(pa.struct([*SPAN, ("text", pa.string()), ("tag", pa.string()), ("confidence", pa.float64())]))
ADDED = pa.schema([("entities", ENTITIES), ("error", pa.string())])


def to_arrays(columns: dict[str, list[Any]]) -> dict[str, np.ndarray]:
    arrays = {}
    for name, values in columns.items():
        arrays[name] = np.empty(len(values), dtype=object)
        for row, value in enumerate(values):
            arrays[name][row] = value
    return arrays


def to_pandas(columns: dict[str, list[Any]]) -> object:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(columns, index=range(5, 5 + len(columns["id"])))


BATCHES: dict[str, Callable[[dict[str, list[Any]]], Any]] = {
    "lists": dict,
    "arrays": to_arrays,
    "table": pa.table,
    "record batch": pa.record_batch,
    "DataFrame": to_pandas,
}


def to_columns(batch: Any) -> dict[str, list[Any]]:
    if isinstance(batch, pa.Table | pa.RecordBatch):
        return batch.to_pydict()
    return {name: list(batch[name]) for name in batch}


@pytest.fixture
def load_count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the folders of the taggers that are loaded; those of other tests are forgotten."""
    loaded: list[str] = []

    class CountedTagger(Tagger):
        def __init__(self, folder: str, **options: Any) -> None:
            loaded.append(folder)
            super().__init__(folder, **options)

    monkeypatch.setattr(tag_batch, "_loaded", {})
    monkeypatch.setattr(tag_batch, "Tagger", CountedTagger)
    return loaded


@pytest.mark.parametrize("kind", ["teacher", "pieces", "pooled", "words", "plain"])
def test_predictions_equal_those_of_the_tagger(folders, kind):
    column = "words" if kind == "plain" else "entities"
    batch = {"id": list(range(len(TEXTS))), "text": TEXTS, "other": TEXTS[::-1]}
    result = TagBatch(folders[kind])(batch)
    assert list(result) == ["id", "text", "other", column, "error"]
    assert result[column] == [prediction[column] for prediction in Tagger(folders[kind]).predict(TEXTS)]
    assert result["error"] == [None] * len(TEXTS)
    assert {name: result[name] for name in batch} == batch
    assert list(batch) == ["id", "text", "other"]


@pytest.mark.parametrize(("kind", "limit"), [("pooled", 0.0), ("pooled", 0.5), ("plain", 0.0), ("plain", 0.5)])
def test_tags_of_words_equal_those_of_nlptrain_predict(folders, tiny_bert, kind, limit):
    parts, labels = ("pooled-gru-softmax", PLAIN_LABELS) if kind == "plain" else ("pooled-lstm-crf", LABELS)
    model = small_model(tiny_bert, parts, labels)
    expected = list(predict_rows(model, [{"tokens": words} for words in WORDS], min_confidence=limit))
    result = TagBatch(folders[kind], tokens="tokens", min_confidence=limit)({"tokens": WORDS})
    assert list(result) == ["tokens", "tags", "confidences", "error"]
    assert result["tags"] == [row["tags"] for row in expected]
    for confidences, row in zip(result["confidences"], expected, strict=True):
        assert confidences == pytest.approx(row["confidences"], abs=2e-4)
    omitted = [tag for tags in result["tags"] for tag in tags if tag in "_O"]
    assert (len(omitted) > 20) == (limit > 0)
    if not limit:
        tagged = Tagger(folders[kind]).predict_words(WORDS)
        assert result["tags"] == [sentence.tags for sentence in tagged]


@pytest.mark.parametrize("to_batch", BATCHES.values(), ids=BATCHES)
def test_a_batch_of_each_type_keeps_its_type_rows_and_columns(folders, to_batch):
    columns: dict[str, list[Any]] = {"id": ["c", "a", "b", "d"], "text": [*TEXTS[2:5], None], "x": [3, 1, 2, 4]}
    batch = to_batch(columns)
    result = TagBatch(folders["pooled"])(batch)
    assert type(result) is type(batch)
    assert list(to_columns(batch)) == list(columns)
    added = TagBatch(folders["pooled"])(columns)
    expected = {**to_columns(batch), "entities": added["entities"], "error": added["error"]}
    assert repr(to_columns(result)) == repr(expected)  # pandas has nan instead of None, which equals nothing
    if isinstance(batch, pa.Table | pa.RecordBatch):
        assert result.schema.names == [*columns, "entities", "error"]
    if hasattr(batch, "index"):
        assert list(result.index) == list(batch.index)


@pytest.mark.parametrize("to_batch", BATCHES.values(), ids=BATCHES)
def test_words_of_each_type_of_batch_are_read(folders, to_batch):
    columns = {"id": [1, 2, 3], "tokens": [["Ada", "sings"], None, ["Oslo", "."]]}  # two lists of the same length
    result = to_columns(TagBatch(folders["pooled"], tokens="tokens")(to_batch(columns)))
    first, second = Tagger(folders["pooled"]).predict_words([["Ada", "sings"], ["Oslo", "."]])
    assert result["tags"] == [first.tags, None, second.tags]
    assert [None if row is None else len(row) for row in result["confidences"]] == [2, None, 2]
    arrays = {"tokens": [np.array(["Ada", "sings"]), None, ("Oslo", ".")]}  # as Ray Data has lists
    assert TagBatch(folders["pooled"], tokens="tokens")(arrays)["tags"] == result["tags"]


@pytest.mark.parametrize("texts", [TEXTS, ["it rains"], [None], []], ids=["entities", "none", "errors", "no rows"])
@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_the_arrow_types_are_the_same_for_every_batch(folders, texts, limit):
    batch = pa.table({"text": pa.array(texts, pa.large_string())}, metadata={"origin": "here"})
    tag = TagBatch(folders["pooled"], min_confidence=limit)
    expected = pa.schema([pa.field("text", pa.large_string()), *ADDED], metadata={"origin": "here"})
    assert tag(batch).schema.equals(expected, check_metadata=True)
    record_batch = pa.record_batch([batch["text"].combine_chunks()], schema=batch.schema)
    assert tag(record_batch).schema.equals(expected, check_metadata=True)
    lists = tag({"text": texts})
    assert pa.schema([(name, pa.array(lists[name]).type) for name in ADDED.names]) == ADDED


def test_the_arrow_types_of_plain_tags_and_of_words(folders):
    empty = pa.table({"text": pa.array([], pa.string()), "tokens": pa.array([], pa.list_(pa.string()))})
    assert TagBatch(folders["plain"])(empty).schema.field("words").type == TAGGED_WORDS
    tagged = TagBatch(folders["plain"], tokens="tokens")(empty).schema
    assert [tagged.field(name).type for name in ("tags", "confidences", "error")] == [
        pa.list_(pa.string()),
        pa.list_(pa.float64()),
        pa.string(),
    ]


def test_rows_that_are_not_text_get_a_reason(folders):
    bad = {
        "found null; expected a string": None,
        "found int; expected a string": 7,
        "found bytes; expected a string": b"Ada",
        "found float; expected a string": float("nan"),
        "found list; expected a string": ["Ada"],
        "found half of a character, which UTF-8 cannot encode; expected a string": "Ada \ud800",
    }
    texts = [value for pair in zip(TEXTS, bad.values(), strict=False) for value in pair]
    result = TagBatch(folders["pooled"])({"text": texts})
    assert result["error"][1::2] == list(bad)
    assert result["entities"][1::2] == [None] * len(bad)
    assert result["error"][::2] == [None] * len(bad)
    assert result["entities"][::2] == TagBatch(folders["pooled"])({"text": texts[::2]})["entities"]


def test_rows_that_are_not_words_get_a_reason(folders):
    bad = {
        "found null; expected a list of words": None,
        "found a string; expected a list of words": "Ada sings",
        "word 2: found null; expected a string": ["Ada", None],
        "word 1: found an empty string; expected a word": ["", "Ada"],
    }
    result = TagBatch(folders["pooled"], tokens="words", words="tagged")({"words": [*bad.values(), ["Ada"]]})
    assert result["error"] == [*bad, None]
    assert [tags is None for tags in result["tags"]] == [True] * 4 + [False]


def test_arrow_text_that_is_not_utf8_is_a_bad_row(folders):
    bytes_of_rows = pa.array([b"Ada", b"\xff\xfe", None, b"Oslo"])
    column = pa.StringArray.from_buffers(4, *bytes_of_rows.buffers()[1:], bytes_of_rows.buffers()[0])
    result = TagBatch(folders["pooled"])(pa.table({"text": column}))
    assert result["error"].to_pylist() == [
        None,
        "found bytes that are not UTF-8; expected a string",
        "found null; expected a string",
        None,
    ]


def test_a_row_for_which_the_model_fails_does_not_end_the_job(folders, monkeypatch):
    texts = ["Ada sings", "a bad\nrow", "Oslo"]
    expected = TagBatch(folders["pooled"])({"text": texts})["entities"]
    predict = Tagger.predict

    def fail(self: Tagger, texts: list[str]) -> list[dict[str, Any]]:
        if any("bad" in text for text in texts):
            raise RuntimeError(f"cannot read {texts[-1]}")
        return predict(self, texts)

    monkeypatch.setattr(Tagger, "predict", fail)
    result = TagBatch(folders["pooled"])({"text": texts})
    assert result["error"] == [None, r"RuntimeError: cannot read a bad\nrow", None]
    assert result["entities"] == [expected[0], None, expected[2]]
    assert TagBatch(folders["pooled"])({"text": ["bad", "bad"]})["entities"] == [None, None]


def test_a_model_that_fails_for_any_text_ends_the_job(folders, monkeypatch):
    def fail(self: Tagger, values: list[Any]) -> list[Any]:
        raise RuntimeError("no memory")

    monkeypatch.setattr(Tagger, "predict", fail)
    monkeypatch.setattr(Tagger, "predict_words", fail)
    assert TagBatch(folders["pooled"])({"text": [None]})["error"] == ["found null; expected a string"]
    with pytest.raises(RuntimeError, match="no memory"):
        TagBatch(folders["pooled"])({"text": ["Ada"]})
    with pytest.raises(RuntimeError, match="no memory"):
        TagBatch(folders["pooled"], tokens="text")({"text": [["Ada"]]})


def test_mistakes_in_columns_are_errors(folders):
    tag = TagBatch(folders["pooled"])
    twice = pa.table([pa.array(["Ada"]), pa.array(["Ada"])], names=["text", "text"])
    for message, batch in {
        r"found the columns \['id', 'body'\]; expected a column 'text'; name another: TagBatch\(..., text=NAME": {
            "id": [1],
            "body": ["Ada"],
        },
        "found 2 columns 'text'; expected one": twice,
        r"found a column 'entities'; expected none of this name, .*TagBatch\(..., entities=NAME\)": {
            "text": ["Ada"],
            "entities": [1],
        },
        "found a column 'error'; expected none": {"text": ["Ada"], "error": [None]},
        r"found 'Ada' in the column 'text'; expected a list .*batched=True": {"text": "Ada"},
    }.items():
        with pytest.raises(BatchError, match=f"^batch: {message}"):
            tag(batch)
    with pytest.raises(BatchError, match=r"expected a column 'words'; .*TagBatch\(..., tokens=NAME\)"):
        TagBatch(folders["pooled"], tokens="words", words="w")({"text": ["Ada"]})
    with pytest.raises(BatchError, match="TagBatch: found two columns 'error'; expected different names"):
        TagBatch(folders["pooled"], entities="error")
    with pytest.raises(TypeError, match=r"batch: found list; expected a dict of columns, a pyarrow.Table"):
        tag(["Ada"])
    with pytest.raises(FolderError, match="there is no such folder"):
        TagBatch("nowhere")({"text": []})


def test_columns_may_have_other_names(folders):
    batch = {"body": ["Ada sings"], "error": [7], "entities": [8], "text": [9]}
    result = TagBatch(folders["pooled"], text="body", entities="people", error="people_error")(batch)
    assert list(result) == [*batch, "people", "people_error"]
    assert result["people"] == [Tagger(folders["pooled"]).predict(["Ada sings"])[0]["entities"]]


def test_the_tagger_is_loaded_at_the_first_call_and_once_per_process(folders, load_count, monkeypatch):
    objects = [TagBatch(folders["pooled"], text=f"text{index}") for index in range(8)]
    assert load_count == []
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: objects[index]({f"text{index}": TEXTS[:3]}), range(8)))
    assert load_count == [str(folders["pooled"])]
    pickle.loads(pickle.dumps(objects[0]))({"text0": TEXTS})
    monkeypatch.chdir(folders["pooled"].parent)
    TagBatch("pooled", entities="x")({"text": TEXTS})
    assert len(load_count) == 1
    TagBatch("pooled", threads=2)({"text": TEXTS})
    TagBatch("pieces")({"text": TEXTS})
    assert len(load_count) == 3


def test_a_folder_that_was_exported_again_is_loaded_again(folders, load_count, tmp_path):
    folder = tmp_path / "exported"
    shutil.copytree(folders["pooled"], folder)
    first = TagBatch(folder)
    assert "entities" in first({"text": ["Ada"]})
    shutil.rmtree(folder)
    shutil.copytree(folders["plain"], folder)
    assert "words" in TagBatch(folder)({"text": ["Ada"]})
    assert "entities" in first({"text": ["Ada"]})  # a job keeps its tagger
    assert len(load_count) == 2
    assert len(tag_batch._loaded) == 1


def test_a_pickled_object_has_its_arguments_alone(folders):
    tag = TagBatch(folders["pooled"], min_confidence=0.3)
    before = pickle.dumps(tag)
    expected = tag({"text": TEXTS})
    assert pickle.dumps(tag) == before
    assert len(before) < 1000
    assert pickle.loads(before)({"text": TEXTS}) == expected
    assert pickle.loads(pickle.dumps(expected)) == expected
    assert pa.array(pickle.loads(pickle.dumps(expected["error"]))).type == pa.string()


PROGRAM = """
import pickle, sys
from nlptrain_runtime import TagBatch
tag = pickle.loads(bytes.fromhex(sys.argv[1]))
print(tag({"text": ["Ada sings", None]})["error"])
assert not {"pyarrow", "pandas", "torch", "nlptrain"} & set(sys.modules)
"""


@pytest.mark.slow
def test_another_process_needs_no_pyarrow(folders):
    pickled = pickle.dumps(TagBatch(folders["pooled"])).hex()
    done = subprocess.run([sys.executable, "-c", PROGRAM, pickled], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[None, 'found null; expected a string']\n"


@pytest.mark.slow
@pytest.mark.parametrize("form", [None, "arrow"])
def test_datasets_maps_batches_with_and_without_errors(folders, form, tmp_path, monkeypatch):
    """The type of a column is that of its first batch here, which has no entity and no error."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    texts = ["it rains", "it rains", "Ada", None, "Oslo", "it rains"]
    dataset = datasets.Dataset.from_dict({"id": list(range(6)), "text": texts}).with_format(form)
    tag = TagBatch(folders["pooled"], min_confidence=0.8)
    mapped = dataset.map(tag, batched=True, batch_size=2, writer_batch_size=2)
    assert mapped.features.arrow_schema.field("entities").type == ENTITIES
    result = mapped.with_format(None)[:]
    assert result["id"] == list(range(6))
    assert result["error"] == [None] * 3 + ["found null; expected a string"] + [None] * 2
    assert result["entities"] == [
        row for first in (0, 2, 4) for row in tag({"text": texts[first : first + 2]})["entities"]
    ]
    assert result["entities"][:2] == [[], []]
    assert result["entities"][2]
    with pytest.raises(BatchError, match="batched=True"):
        dataset.with_format(None).map(TagBatch(folders["pooled"]))


def test_the_folder_path_may_be_a_path(folders):
    assert TagBatch(Path(folders["pooled"]))({"text": TEXTS}) == TagBatch(str(folders["pooled"]))({"text": TEXTS})
