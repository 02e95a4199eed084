"""A finished run that was moved works without the data that it was trained on."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest

from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import DEV_SAMPLE_FILE, read_dev_sample, write_dev_sample
from nlptrain.errors import InputError
from tests.helpers.commands import call
from tests.helpers.corpora import make_sentences, write_columns, write_corpus

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a folder with data and a run that refers to it by relative paths."""
    folder = write_corpus(tmp_path_factory.mktemp("trained"))
    write_columns(folder / "dev.conll", make_sentences(200, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = call(
            "tagger", "--tokenizer", tiny_bert, "--train", "train.conll", "--dev", "dev.conll", "--output-dir", "run",
            "--set", "train.steps=20", "--set", "train.warmup_steps=2", "--set", "student.embedder.dim=8",
            "--set", "student.encoder={kind: lstm, hidden: 8, layers: 1}", "--device", "cpu",
        )  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def moved(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the run alone into another folder, and change to that folder."""
    shutil.copytree(trained / "run", tmp_path / "elsewhere" / "run")
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "elsewhere" / "run"


def test_a_run_contains_a_sample_of_dev(trained):
    sentences = read_dev_sample(trained / "run")
    assert len(sentences) == 200
    lines = [json.loads(line) for line in (trained / "run" / DEV_SAMPLE_FILE).read_text().splitlines()]
    assert set(lines[0]) == {"tokens", "tags"}


@pytest.mark.parametrize("sentences", [3, 501, 30_000])
def test_the_sample_is_bounded_and_evenly_spread(tmp_path, sentences):
    write_dev_sample(tmp_path, [Sentence((str(index),) * 30, ("O",) * 30) for index in range(sentences)])
    kept = [int(sentence.words[0]) for sentence in read_dev_sample(tmp_path)]
    assert 0 < len(kept) <= 500
    assert kept == list(range(0, sentences, max(1, -(-sentences // 500))))


def test_the_sample_keeps_what_was_looked_for(tmp_path):
    asked = [None, frozenset(), frozenset({"person", "place"})]
    write_dev_sample(tmp_path, [Sentence(("a",), ("O",), asked=types) for types in asked])
    assert [sentence.asked for sentence in read_dev_sample(tmp_path)] == asked
    lines = [json.loads(line) for line in (tmp_path / DEV_SAMPLE_FILE).read_text().splitlines()]
    assert [row.get("asked") for row in lines] == [None, [], ["person", "place"]]


def test_a_moved_run_is_exported_compared_and_used(moved):
    done = call("export", "run", "out", "--precision", "fp32", "--precision", "int8", "--max-f1-loss", "100")
    assert done.exit_code == 0, done.output
    assert f"200 sentences of run/{DEV_SAMPLE_FILE}" in done.stderr
    assert json.loads((moved.parent / "out" / "nlptrain.json").read_text())["parity"]["int8"]["dev"] is not None
    for command in (
        ("card", "run"),
        ("compare", "run", "--no-speed"),
        ("compare", "run", "out/../run", "--bootstrap", 100),
    ):
        assert (done := call(*command)).exit_code == 0, done.output
    assert call("predict", "run", text="Ada lives in Oslo .").exit_code == 0
    write_columns(moved.parent / "gold.conll", [(("Ada", "sings"), ("B-person", "O"))])
    for model in ("run", "out"):
        assert call("evaluate", model, "gold.conll").exit_code == 0


def test_benchmark_uses_the_dev_sample(moved, monkeypatch):
    measured: list[str] = []
    monkeypatch.setattr("nlptrain.procedures.reporting.open_candidates", lambda *_, **__: nullcontext([]))
    monkeypatch.setattr(
        "nlptrain.procedures.reporting.measure_speeds", lambda _, texts, **__: measured.extend(texts) or []
    )
    done = call("benchmark", "run", "--json")
    assert done.exit_code == 0, done.output
    assert measured == [" ".join(sentence.words) for sentence in read_dev_sample(moved)]


def test_other_data_of_the_same_name_is_not_used(moved):
    write_columns(moved.parent / "dev.conll", [(("Ada", "sings"), ("B-person", "O"))])
    done = call("export", "run", "out")
    assert done.exit_code == 0
    assert DEV_SAMPLE_FILE in done.stderr


def test_a_run_that_was_not_moved_is_compared_on_all_of_dev(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(trained)
    done = call("export", "run", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert DEV_SAMPLE_FILE not in done.stderr


def test_error_if_a_moved_run_has_no_dev_sample(moved):
    (moved / DEV_SAMPLE_FILE).unlink()
    done = call("export", "run", "out")
    assert done.exit_code == 2
    assert "name gold files (--dev), run the command where the run was trained, or export run/model" in done.stderr
    assert not Path("out").exists()
    assert call("export", "run/model", "out").exit_code == 0
    done = call("benchmark", "run")
    assert done.exit_code == 2
    assert f"has neither raw text in the current folder nor {DEV_SAMPLE_FILE}; name files" in done.stderr


@pytest.mark.parametrize("text", ["{", "[]", '{"tokens": ["a"], "tags": []}', '{"tokens": 1, "tags": 1}', "[" * 10**5])
def test_a_damaged_sample_is_an_error(moved, text):
    (moved / DEV_SAMPLE_FILE).write_text(text)
    with pytest.raises(InputError, match="dev_sample.jsonl: damaged"):
        read_dev_sample(moved)
