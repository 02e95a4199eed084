"""``nlptrain label`` writes what ``nlptrain predict`` finds, in any format, and computes nothing twice."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import nlptrain
from nlptrain.models import TokenModel, TransformerTokenClassifier
from tests.helpers.commands import call
from tests.helpers.corpora import LABELS, make_sentences

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def teacher(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "teacher"
    TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS, seed=3).save_pretrained(folder)
    return folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    lines = [" ".join(words) for words, _ in make_sentences(30, 1)]
    path = tmp_path / "raw.txt"
    path.write_text("\n".join([*lines, "", "Ada\u00a0sings!", *lines[:2]]) + "\n")
    return path


def read_rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_labels_are_those_of_predict(teacher: Path, text: Path, tmp_path: Path) -> None:
    out = tmp_path / "labeled.jsonl"
    done = call("label", teacher, text, out, "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{out}: 33 sentences, {len(text.read_text().split()) + 1} words\n"
    assert "raw text: 33 sentences (" in done.stderr
    assert "omitted 1 blank\n" in done.stderr
    assert "teacher logits: 0 sentences reused, 20 computed, " in done.stderr
    predicted = [json.loads(line) for line in call("predict", teacher, text, "--device", "cpu").stdout.splitlines()]
    predicted = [row for row in predicted if row["text"]]
    rows = read_rows(out)
    assert [row["text"] for row in rows] == [row["text"] for row in predicted]
    numbers = [n for n, line in enumerate(text.read_text().split("\n"), start=1) if line]
    assert [row["id"] for row in rows] == [f"{text}:{n}" for n in numbers]
    assert sum(len(row["entities"]) for row in rows) > 20  # type: ignore[arg-type]
    for row, expected in zip(rows, predicted, strict=True):
        spans = [(entity["start"], entity["end"], entity["label"]) for entity in row["entities"]]  # type: ignore[attr-defined]
        assert spans == [(entity["start"], entity["end"], entity["label"]) for entity in expected["entities"]]
        for entity, other in zip(row["entities"], expected["entities"], strict=True):  # type: ignore[call-overload]
            assert entity["score"] == pytest.approx(other["confidence"], abs=0.01)  # logits are stored in float16

    # Other formats reuse the logits.
    for name in ("labeled.parquet", "labeled.conll"):
        done = call("label", teacher, text, tmp_path / name, "--device", "cpu")
        assert "teacher logits: 20 sentences reused, 0 computed (transfer_dir)" in done.stderr
        assert "scores (" in done.stderr
    tags = pq.read_table(tmp_path / "labeled.parquet").column("tags").to_pylist()
    assert [sum(tag.startswith("B-") for tag in row) for row in tags] == [len(row["entities"]) for row in rows]  # type: ignore[arg-type]
    assert (tmp_path / "labeled.conll").read_text().count("\n\n") == 33
    assert not list(tmp_path.glob("*.dead.jsonl"))

    from_python = nlptrain.label(teacher, text, tmp_path / "again.jsonl", device="cpu")
    assert (from_python.sentences, from_python.failed) == (33, 0)
    assert read_rows(tmp_path / "again.jsonl") == rows


def test_sentences_that_fail_are_listed(
    teacher: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = TokenModel.logits

    def fragile(model: TokenModel, sentences: list[tuple[str, ...]]) -> object:
        if any("Ada" in words for words in sentences):
            raise MemoryError("too much")
        return logits(model, sentences)

    monkeypatch.setattr(TokenModel, "logits", fragile)
    out = tmp_path / "labeled.jsonl"
    refused = call("label", teacher, text, out, "--device", "cpu", "--max-failed", "0")
    assert refused.exit_code == 2
    assert refused.stderr.splitlines()[-1] == (
        "error: --max-failed: the teacher failed on 1 of 1 sentences; the last reason: MemoryError: too much; "
        "expected at most 0 %"
    )
    assert not out.exists()
    count = sum("Ada" in line.split() or "Ada\u00a0" in line for line in text.read_text().split("\n"))
    done = call("label", teacher, text, out, "--device", "cpu", "--max-failed", "0.5")
    assert done.exit_code == 0, done.output
    dead = read_rows(tmp_path / "labeled.jsonl.dead.jsonl")
    assert {row["reason"] for row in dead} == {"MemoryError: too much"}
    assert len(read_rows(out)) == 33 - count
    assert f"the teacher failed on {len(dead)} others" in done.stdout


def test_errors_before_anything_is_labeled(teacher: Path, text: Path, tmp_path: Path) -> None:
    out = tmp_path / "labeled.jsonl"
    out.write_text("old\n")
    for arguments, message in (
        ((teacher, text, out), "labeled.jsonl: exists already; give another name, or --overwrite"),
        ((teacher, text, text, "--overwrite"), "raw.txt: is one of the files that are read; give another name"),
        ((teacher, text, tmp_path / "x.doc"), "x.doc: found the suffix '.doc'; expected that of a format"),
        ((teacher, tmp_path / "none.txt", tmp_path / "x.jsonl"), "found no file "),
        (
            (tmp_path / "none", text, tmp_path / "x.jsonl"),
            "none: there is no such folder; expected the folder",
        ),
        ((teacher, text, tmp_path / "x.jsonl", "--actors", "3:2"), "error: --actors: found '3:2'; expected auto, "),
        ((teacher, text, tmp_path / "x.jsonl", "--max-failed", "2"), "error: --max-failed: found 2.0; expected "),
    ):
        done = call("label", *arguments, "--device", "cpu")
        assert done.exit_code == 2, done.output
        assert message in done.stderr
    assert out.read_text() == "old\n"
    assert not (tmp_path / "transfer").exists()


def test_an_interrupted_command_goes_on(
    teacher: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "labeled.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr("nlptrain.procedures.labeling.write_gold", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            raise call("label", teacher, text, out, "--device", "cpu").exception  # type: ignore[misc]
    assert not out.exists()
    monkeypatch.setattr(TokenModel, "logits", None)
    assert "20 sentences reused, 0 computed" in call("label", teacher, text, out, "--device", "cpu").output


def test_prune_keeps_the_blocks_of_a_labeled_file_that_exists(teacher: Path, text: Path, tmp_path: Path) -> None:
    out = tmp_path / "labeled.jsonl"
    assert call("label", teacher, text, out, "--device", "cpu").exit_code == 0
    (listed,) = json.loads(call("cache", "list", tmp_path / "transfer", "--json").stdout)["teachers"]
    assert (listed["runs"], listed["texts"]) == ([str(out)], [str(text)])
    assert call("cache", "prune", tmp_path / "transfer").stdout.endswith("kept: 1 blocks in use\n")
    assert "20 sentences reused" in call("label", teacher, text, out, "--device", "cpu", "--overwrite").output
    out.unlink()
    assert "removed: 1 blocks" in call("cache", "prune", tmp_path / "transfer").stdout
