"""Calibration as a user meets it: in a run's scores, in evaluate and predict, and in what pseudo_label believes."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from nlptrain.config import COMMANDS, load_config
from nlptrain.data.splits import read_splits
from nlptrain.models import load_token_model
from nlptrain.training.calibration import fit_temperature
from tests.helpers.commands import call, write_configs
from tests.helpers.corpora import write_word_classes

pytestmark = pytest.mark.slow


@pytest.fixture
def taught(corpus: Path, tiny_bert: Path) -> dict[str, Path]:
    """The configurations, with the teacher trained."""
    paths = write_configs(corpus, tiny_bert)
    assert call("transformer_token", paths["transformer_token"]).exit_code == 0
    return paths


def edited(path: Path, **more: Any) -> Path:  # noqa: ANN401
    values = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**values, **more}))
    return path


def scores_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "scores.json").read_text())
    return found


def fitted(command: str, path: Path, run: Path) -> float:
    """The temperature of a finished run's model, fitted once more on its dev sentences."""
    model = load_token_model(str(run))
    splits = read_splits(load_config(COMMANDS[command], path).config.data, model.labels, log=lambda _: None)
    read = model.predict_emissions([sentence.words for sentence in splits.dev])
    return fit_temperature(model.decoder, read, [sentence.tags or () for sentence in splits.dev], model.labels)


@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_every_run_ends_calibrated(
    corpus: Path, taught: dict[str, Path], head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlptrain.training.calibration.FEWEST_MISTAKES", 1)
    given = ["--set", f"student.head.kind={head}", "--set", "train.steps=15"]
    done = call("tagger_kd", taught["tagger_kd"], *given)
    assert done.exit_code == 0, done.output
    for command in ("transformer_token", "tagger_kd"):
        run = corpus / "runs" / command
        found = scores_of(run)["calibration"]
        saved = json.loads((run / "model/config.json").read_text())["nlptrain_temperature"]
        assert saved == found["temperature"] == fitted(command, taught[command], run)
        assert set(found) == {"temperature", "dev", "test", "uncalibrated"}
        for split in ("dev", "test"):
            for errors in (found[split], found["uncalibrated"][split]):
                assert 0 <= errors["word"] <= 1
                assert 0 <= errors["entity"] <= 1
        evaluated = json.loads(call("evaluate", run, corpus / "test.conll", "--json").stdout)
        assert evaluated["calibration"] == {"temperature": saved, **found["test"]}
    assert saved != 1.0  # a student of 15 steps makes mistakes
    assert re.search(rf"calibration \(dev\): ECE words [\d.]+ -> [\d.]+.* \(temperature {saved:.2f}\)", done.stderr)
    shown = call("evaluate", corpus / "runs/tagger_kd", corpus / "test.conll").stdout
    assert f"calibration: ECE words {found['test']['word']:.3f}, entities " in shown
    assert f"(temperature {saved:.2f})" in shown


def test_a_teachers_logits_are_found_again_whatever_its_temperature(corpus: Path, taught: dict[str, Path]) -> None:
    assert call("tagger_kd", taught["tagger_kd"]).exit_code == 0
    path = corpus / "runs/transformer_token/model/config.json"
    values = json.loads(path.read_text())
    del values["nlptrain_temperature"]  # a teacher of before
    path.write_text(json.dumps(values))
    (corpus / "runs/transformer_token/SHA256SUMS").unlink()
    again = call("tagger_kd", taught["tagger_kd"], "--output-dir", corpus / "runs/again")
    assert "sentences from transfer_dir, 0 computed" in again.stderr
    weights = [(corpus / "runs" / run / "model/model.safetensors").read_bytes() for run in ("tagger_kd", "again")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    "student", [{"init_from": "tagger_kd"}, {"kind": "transformer", "layers": 1}], ids=["start", "cut"]
)
def test_nobody_inherits_a_temperature(corpus: Path, taught: dict[str, Path], student: dict[str, Any]) -> None:
    if "init_from" in student:
        assert call("tagger_kd", taught["tagger_kd"]).exit_code == 0
        start = corpus / "runs/start"
        shutil.move(corpus / "runs/tagger_kd", start)
        student = {**yaml.safe_load(taught["tagger_kd"].read_text())["student"], "init_from": str(start)}
    for run in ("start", "transformer_token"):
        path = corpus / "runs" / run / "model/config.json"
        if path.is_file():
            path.write_text(json.dumps({**json.loads(path.read_text()), "nlptrain_temperature": 19.0}))
            (path.parents[1] / "SHA256SUMS").unlink()
    done = call("tagger_kd", edited(taught["tagger_kd"], student=student))
    assert done.exit_code == 0, done.output
    found = scores_of(corpus / "runs/tagger_kd")["calibration"]["temperature"]
    assert found == fitted("tagger_kd", taught["tagger_kd"], corpus / "runs/tagger_kd") < 15


def test_predict_leaves_out_what_is_not_sure(corpus: Path, tiny_bert: Path) -> None:
    assert call("tagger", write_configs(corpus, tiny_bert)["tagger"], "--set", "train.steps=100").exit_code == 0
    run, raw = corpus / "runs/tagger", corpus / "raw.txt"
    everything = call("predict", run, raw).stdout
    assert call("predict", run, raw, "--min-confidence", "0").stdout == everything
    answers = [json.loads(line) for line in everything.splitlines()]
    sure = sorted(entity["confidence"] for answer in answers for entity in answer["entities"])
    least = sure[len(sure) // 2]
    kept = [json.loads(line) for line in call("predict", run, raw, "--min-confidence", least).stdout.splitlines()]
    assert [answer["text"] for answer in kept] == [answer["text"] for answer in answers]
    shown = [entity["confidence"] for answer in kept for entity in answer["entities"]]
    assert sorted(shown) == [value for value in sure if value >= least]
    columns = call("predict", run, raw, "--min-confidence", least, "--format", "conll").stdout
    assert columns.count("\tB-") == len(shown)
    by_type = ("--min-confidence", "person=1", "--min-confidence", least)
    kept = [json.loads(line) for line in call("predict", run, raw, *by_type).stdout.splitlines()]
    wanted = [
        entity
        for answer in answers
        for entity in answer["entities"]
        if entity["confidence"] >= (1 if entity["label"] == "person" else least)
    ]
    assert [entity for answer in kept for entity in answer["entities"]] == wanted
    for shape in ("jsonl", "conll"):
        for asked, note in ((least, False), (max(sure), False), (1, max(sure) < 1)):
            done = call("predict", run, raw, "--min-confidence", asked, "--format", shape)
            assert done.stderr.startswith(f"note: --min-confidence left out all {len(sure)} that were found") == note
    rows = corpus / "rows.jsonl"
    rows.write_text(json.dumps({**answers[0], "tags": ["B-person"]}) + "\n")
    said = call("predict", run, rows, "--min-confidence", 1).stderr
    own = [entity["confidence"] for entity in answers[0]["entities"]]
    assert bool(said) == (bool(own) and max(own) < 1)
    assert call("predict", run, "--min-confidence", 1, text="").stderr == ""
    refused = call("predict", run, raw, "--min-confidence", "persn=0.5")
    assert refused.exit_code == 2
    assert (
        "--min-confidence: found the type 'persn'; the model knows person, place; did you mean 'person'?"
        in refused.stderr
    )
    for wrong in ("1.01", "-0.1", "nan", "person=2", "person="):
        refused = call("predict", run, raw, "--min-confidence", wrong)
        assert refused.exit_code == 2
        assert f"--min-confidence: found '{wrong}'; must be a number from 0 to 1, or TYPE=NUMBER" in refused.stderr
    assert call("predict", run, raw, "--min-confidence", "half").exit_code == 2


def test_plain_tags_are_calibrated_and_left_open(corpus: Path, tiny_bert: Path) -> None:
    write_word_classes(corpus)
    path = write_configs(corpus, tiny_bert)["tagger"]
    splits = {split: str(corpus / f"{split}.conllu") for split in ("train", "dev", "test")}
    assert call("tagger", edited(path, data=splits)).exit_code == 0
    run = corpus / "runs/tagger"
    assert scores_of(run)["calibration"]["test"]["entity"] is None
    shown = call("evaluate", run, corpus / "test.conllu").stdout
    assert "calibration: ECE words 0." in shown
    assert "by entity" not in shown
    answer = json.loads(call("predict", run, "--min-confidence", "1", text="what a day near Oslo !\n").stdout)
    assert all((word["tag"] is None) == (word["confidence"] < 1) for word in answer["words"])
    columns = call("predict", run, "--min-confidence", "1", "--format", "conll", text="what a day near Oslo !\n").stdout
    assert [line.split("\t")[1] for line in columns.splitlines() if line] == [w["tag"] or "_" for w in answer["words"]]


def test_pseudo_labels_as_right_as_is_asked(corpus: Path, taught: dict[str, Path]) -> None:
    dev = (corpus / "dev.conll").read_text().split("\n\n")
    wrong = [re.sub(r"[BI]-person", "O", part) if number % 2 else part for number, part in enumerate(dev)]
    (corpus / "dev.conll").write_text("\n\n".join(wrong))
    path = edited(taught["pseudo_label"], objective={"min_precision": 0.9, "min_confidence": 0.3})
    done = call("pseudo_label", path)
    assert done.exit_code == 0, done.output
    found = scores_of(corpus / "runs/pseudo_label")["min_precision"]
    assert set(found) == {"person", "place"}
    person = found["person"]  # half of what is found is none by these tags: only a small part may be believed
    assert person["min_confidence"] is None or 0.3 < person["min_confidence"]
    assert person["answered"] < 8
    assert found["place"]["min_confidence"] == 0.3  # all answers are right: nothing more is asked of them
    assert "confidence thresholds (dev): person " in done.stderr
    assert "(objective.min_precision=0.9)" in done.stderr
    assert "below the threshold of their type" in done.stderr
    for limit in found.values():
        assert limit["min_confidence"] is None or limit["min_confidence"] >= 0.3
        assert limit["right"] >= 0.9 * limit["answered"]
    for line in (corpus / "runs/pseudo_label/pseudo_labels.jsonl").read_text().splitlines():
        row = json.loads(line)
        for tag, confidence in zip(row["tags"], row["confidences"], strict=True):
            if tag != "O":
                least = found[tag[2:]]["min_confidence"]
                assert least is not None
                assert confidence >= round(least, 4)
    again = call("pseudo_label", path, "--output-dir", corpus / "runs/again")
    assert again.stderr.count("sentences from transfer_dir, 0 computed") == 2  # those of dev, too


def test_precision_is_measured_on_gold_sentences_only(corpus: Path, taught: dict[str, Path]) -> None:
    data = {"unlabeled": str(corpus / "raw.txt")}
    path = edited(taught["pseudo_label"], objective={"min_precision": 0.9}, data=data)
    refused = call("pseudo_label", path)
    assert refused.exit_code == 2
    assert "objective.min_precision: is measured on gold dev sentences, and neither data.dev" in refused.stderr
    assert "name gold sentences in data.dev, or use min_confidence" in refused.stderr
    edited(path, data={**data, "dev": str(corpus / "dev.conll")}, objective={"min_precision": 1.0})
    assert call("pseudo_label", path, "--set", "train.steps=5").exit_code == 0
    for wrong in ("0", "1.5", "high"):
        assert call("pseudo_label", path, "--set", f"objective.min_precision={wrong}").exit_code == 2


def test_a_teacher_that_is_never_sure_enough_leaves_nothing(corpus: Path, taught: dict[str, Path]) -> None:
    data = {"unlabeled": str(corpus / "raw.txt"), "dev": str(corpus / "dev.conll")}
    raw = [line for line in (corpus / "raw.txt").read_text().splitlines() if "lives" in line]
    (corpus / "raw.txt").write_text("\n".join(raw))
    path = edited(taught["pseudo_label"], objective={"min_confidence": 1.0}, data=data)
    refused = call("pseudo_label", path)
    assert refused.exit_code == 2
    assert "unlabeled sentences reaches the required confidence; lower" in refused.stderr
