"""``LabelBatch``: predictions of a batch are those of ``nlptrain predict``."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

import nlptrain
from nlptrain import InputError, LabelBatch, TokenModel
from nlptrain.models.prediction import predict_texts
from nlptrain_runtime import TagBatch, tag_batch
from tests.helpers.small_models import DIFFICULT_TEXTS, LABELS, PLAIN_LABELS, SENTENCES, small_model

pytestmark = pytest.mark.slow

TEXTS = [*DIFFICULT_TEXTS, *(" ".join(sentence.words) for sentence in SENTENCES)]


@pytest.fixture(scope="module")
def models(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the folders of a teacher, of a student with a CRF, and of a model of plain tags."""
    root = tmp_path_factory.mktemp("models")
    kinds = {"teacher": "teacher", "student": "pooled-lstm-crf", "plain": "pooled-gru-softmax"}
    for name, kind in kinds.items():
        small_model(tiny_bert, kind, PLAIN_LABELS if name == "plain" else LABELS).save_pretrained(root / name)
    return root


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "column"), [("teacher", "entities"), ("student", "entities"), ("plain", "words")])
@pytest.mark.parametrize("limit", [0.0, 0.5])
def test_predictions_equal_the_lines_of_nlptrain_predict(models, tmp_path, name, column, limit):
    batch = {"id": list(range(len(TEXTS))), "text": TEXTS}
    path = write_rows(tmp_path / "rows.jsonl", ({"id": row, "text": text} for row, text in enumerate(TEXTS)))
    rows = [json.loads(line) for line in nlptrain.predict(models / name, path, min_confidence=limit)]
    result = LabelBatch(models / name, min_confidence=limit)(batch)
    assert list(result) == ["id", "text", column, "error"]
    assert result == {key: [row.get(key) for row in rows] for key in result}


@pytest.mark.parametrize("name", ["teacher", "student", "plain"])
@pytest.mark.parametrize("limit", [0.0, 0.5])
def test_tags_of_words_equal_the_rows_of_nlptrain_predict(models, tmp_path, name, limit):
    words = [list(sentence.words) for sentence in SENTENCES]
    path = write_rows(tmp_path / "rows.jsonl", ({"tokens": tokens} for tokens in words))
    rows = [json.loads(line) for line in nlptrain.predict(models / name, path, min_confidence=limit)]
    result = LabelBatch(models / name, tokens="tokens", min_confidence=limit)(pa.table({"tokens": words}))
    assert [{key: row[key] for key in rows[0]} for row in result.to_pylist()] == rows
    assert result["error"].null_count == len(words)


def test_batches_and_new_columns_are_those_of_tag_batch(models, tmp_path):
    exported = nlptrain.export(nlptrain.load(models / "student"), tmp_path / "exported")
    batch = pa.table({"id": [3, 1, 2], "body": ["Ada sings", None, "Oslo"]})
    options = {"text": "body", "entities": "names", "error": "names_error"}
    result, other = LabelBatch(models / "student", **options)(batch), TagBatch(exported, **options)(batch)
    assert result.schema == other.schema
    assert result["names_error"].to_pylist() == [None, "found null; expected a string", None]
    for entities, expected in zip(result["names"].to_pylist(), other["names"].to_pylist(), strict=True):
        assert entities == (
            expected
            and [{**entity, "confidence": pytest.approx(entity["confidence"], abs=2e-4)} for entity in expected]
        )


def test_a_minimum_per_type(models):
    limits = {"person": 0.9, "": 0.2}
    model = nlptrain.load(models / "student")
    result = LabelBatch(models / "student", min_confidence=limits)({"text": TEXTS})
    assert result["entities"] == [row["entities"] for row in predict_texts(model, TEXTS, min_confidence=limits)]
    label = LabelBatch(models / "student", min_confidence={"persn": 0.9})
    for _ in range(2):
        with pytest.raises(InputError, match="min_confidence: found the type 'persn'.*did you mean 'person'"):
            label({"text": TEXTS})


def test_mistakes_are_input_errors(models):
    label = LabelBatch(models / "student")
    with pytest.raises(InputError, match=r"batch: found the columns \['body'\].*LabelBatch\(..., text=NAME\)"):
        label({"body": ["Ada"]})
    with pytest.raises(InputError, match="batch: found a column 'error'; expected none of this name"):
        label({"text": ["Ada"], "error": [1]})
    with pytest.raises(InputError, match="LabelBatch: found two columns 'tags'"):
        LabelBatch(models / "student", confidences="tags")
    with pytest.raises(InputError, match=r"nowhere: .*no such folder"):
        LabelBatch("./nowhere")({"text": ["Ada"]})
    with pytest.raises(InputError, match="device: found 'gpu'; expected auto, cpu"):
        LabelBatch(models / "student", device="gpu")({"text": ["Ada"]})
    with pytest.raises(TypeError, match="teacher: found TokenModel; expected a folder or a Hub name"):
        LabelBatch(nlptrain.load(models / "student"))


def test_a_row_for_which_the_model_fails_does_not_end_the_job(models, monkeypatch):
    predict_labels = TokenModel.predict_labels

    def fail(self: TokenModel, sentences: list[list[str]], **options: float) -> object:
        if any("bad" in words for words in sentences):
            raise InputError("no word", location="model")
        return predict_labels(self, sentences, **options)

    expected = LabelBatch(models / "student")({"text": ["Ada", "Oslo"]})["entities"]
    monkeypatch.setattr(TokenModel, "predict_labels", fail)
    result = LabelBatch(models / "student")({"text": ["Ada", "a bad row", None, "Oslo"]})
    assert result["error"] == [None, "InputError: model: no word", "found null; expected a string", None]
    assert [result["entities"][row] for row in (0, 3)] == expected


def test_the_model_is_loaded_once_and_is_not_pickled(models, monkeypatch):
    folders = []
    load = nlptrain.api.batches.load_token_model
    monkeypatch.setattr(tag_batch, "_loaded", {})
    monkeypatch.setattr("nlptrain.api.batches.load_token_model", lambda name: folders.append(name) or load(name))
    threads = torch.get_num_threads()
    label = LabelBatch(models / "teacher", device="cpu")
    pickled = pickle.dumps(label)
    expected = label({"text": TEXTS})
    assert pickle.dumps(label) == pickled
    assert len(pickled) < 1000
    assert pickle.loads(pickled)({"text": TEXTS}) == expected
    LabelBatch(models / "teacher", device="cpu", min_confidence=0.5, entities="names")({"text": TEXTS})
    assert folders == [str(models / "teacher")]
    assert torch.get_num_threads() == threads


def test_a_folder_with_another_model_is_loaded_again(models, tmp_path):
    model = nlptrain.load(models / "student")
    model.save_pretrained(tmp_path / "model")
    label = LabelBatch(tmp_path / "model")
    expected = label({"text": TEXTS})
    model.temperature = 9.0
    model.save_pretrained(tmp_path / "model")
    assert LabelBatch(tmp_path / "model")({"text": TEXTS}) != expected
    assert label({"text": TEXTS}) == expected  # a job keeps its model


def test_half_precision_changes_confidences_a_little(models, monkeypatch):
    monkeypatch.setattr("nlptrain.run.run.check_native_precision", lambda *_: None)  # of CPUs that are slow in it
    batch = {"tokens": [list(sentence.words) for sentence in SENTENCES]}
    exact = LabelBatch(models / "teacher", device="cpu", tokens="tokens")(batch)
    rounded = LabelBatch(models / "teacher", device="cpu", tokens="tokens", precision="bf16")(batch)
    pairs = [
        (first, second)
        for firsts, seconds in zip(exact["confidences"], rounded["confidences"], strict=True)
        for first, second in zip(firsts, seconds, strict=True)
    ]
    assert 0 < max(abs(first - second) for first, second in pairs) < 0.1


FORK_PROGRAM = """
import os, signal, sys
import torch
from nlptrain import LabelBatch
torch.set_num_threads(2)
batch = {"text": ["Ada lives in Oslo"] * 400}
label = LabelBatch(sys.argv[1], device="cpu")
expected = label(batch)
next(iter(sys.modules["nlptrain.api.batches"]._models)).lock.acquire()  # as another thread of this process may
child = os.fork()
if not child:
    signal.alarm(60)  # ends a child that hangs
    os._exit(0 if label(batch) == expected and LabelBatch(sys.argv[1], device="cpu")(batch) == expected else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_process_that_is_forked_after_the_first_call_predicts(models):
    """As ``datasets.map(num_proc=2)`` forks; it would wait for threads that only its parent has."""
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", FORK_PROGRAM, str(models / "teacher")]
    assert subprocess.run(command, env=environment, timeout=120, check=False).returncode == 0
