"""A second run on a text does not read it again, unless a file, a setting or a stored block has changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from nlptrain.data import raw_text
from tests.helpers.commands import call, write_configs

STEPS = ("--set", "train.steps=2", "--set", "train.eval_every=2")


@pytest.fixture
def kd(corpus: Path, tiny_bert: Path) -> Path:
    paths = write_configs(corpus, tiny_bert)
    assert call("transformer_token", paths["transformer_token"], "--set", "train.epochs=1").exit_code == 0
    return paths["tagger_kd"]


@pytest.mark.parametrize("command", ["tagger_kd", "pseudo_label"])
def test_an_unchanged_text_is_read_once(corpus: Path, kd: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kd.with_name(f"{command}.yaml")

    def train(name: str, *more: object) -> str:
        result = call(command, path, "--output-dir", corpus / "runs" / name, *STEPS, *more)
        assert result.exit_code == 0, result.output
        return result.stderr

    first = train("first")
    reads: list[Path] = []
    read = raw_text.read_raw_lines
    monkeypatch.setattr(raw_text, "read_raw_lines", lambda path, *rest: reads.append(path) or read(path, *rest))
    with monkeypatch.context() as patch:
        patch.setattr("nlptrain.training.examples.WindowWriter", lambda *_: pytest.fail("encoded again"))
        second = train("second")
    assert not reads
    assert "raw text: 84 sentences" in first
    assert "raw text: 84 sentences" in second
    scores = [json.loads((corpus / f"runs/{name}/scores.json").read_text()) for name in ("first", "second")]
    assert scores[0]["data"] == scores[1]["data"]
    assert scores[0]["dev"] == scores[1]["dev"]
    for name in ("model/model.safetensors", "counts.json"):
        assert (corpus / "runs/first" / name).read_bytes() == (corpus / "runs/second" / name).read_bytes()

    changes = ["data.min_words=5", "augment={sentences: 5}", "objective.oversampling=0.2"]
    for index, change in enumerate(changes, start=1):
        train(f"changed-{index}", "--set", change)
        assert len(reads) == index
    with (corpus / "raw.txt").open("a") as file:
        file.write("one more line of text\n")
    assert "raw text: 85 sentences" in train("longer")
    assert len(reads) == 4


def test_a_damaged_block_or_record_is_made_again(corpus: Path, kd: Path) -> None:
    transfer = corpus / "runs/transfer"

    def model(name: str) -> bytes:
        assert call("tagger_kd", kd, "--output-dir", corpus / "runs" / name, *STEPS).exit_code == 0
        return (corpus / f"runs/{name}/model/model.safetensors").read_bytes()

    first = model("first")
    (record,) = (transfer / "texts").iterdir()
    whole = record.read_text()
    block = max(transfer.glob("*/*.arrow"), key=lambda path: path.stat().st_size)
    content = block.read_bytes()
    for index, damage in enumerate((b"", content[:-1] + b"x")):
        block.write_bytes(damage)
        assert model(f"block-{index}") == first
        assert block.read_bytes() == content
    for index, text in enumerate(("", "[]", whole.replace("84 sentences", "85 sentences"), whole[:-20])):
        record.write_text(text)
        assert model(f"record-{index}") == first
        assert record.read_text() == whole
    shutil.rmtree(transfer)
    assert model("again") == first


def test_sentences_that_become_dev_are_in_the_record(corpus: Path, kd: Path) -> None:
    no_gold = ("--set", "data.train=null", "--set", "data.dev=null", "--set", "data.test=null", "--set", "augment=none")
    results = [call("tagger_kd", kd, "--output-dir", corpus / f"runs/{n}", *STEPS, *no_gold) for n in range(2)]
    assert [result.exit_code for result in results] == [0, 0], results[0].output
    lines = [[line for line in r.stderr.splitlines() if line.startswith(("dev:", "raw text: "))] for r in results]
    assert len(lines[0]) == 3
    (note,) = set(lines[1]) - set(lines[0])
    assert note == "raw text: unchanged since an earlier run, and not read again (transfer_dir); that run logged:"
    assert [line for line in lines[1] if line != note] == lines[0]
    scores = [json.loads((corpus / f"runs/{n}/scores.json").read_text())["dev"] for n in range(2)]
    assert scores[0] == scores[1]
