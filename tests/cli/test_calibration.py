"""Calibration from the command line: in scores.json, evaluate, predict and the thresholds of pseudo_label."""

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
from tests.helpers.corpora import write_corpus, write_part_of_speech_corpus

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished_teacher(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    folder = write_corpus(tmp_path_factory.mktemp("finished"))
    assert call("transformer_token", write_configs(folder, tiny_bert)["transformer_token"]).exit_code == 0
    return folder / "runs/transformer_token"


@pytest.fixture
def trained_configs(corpus: Path, tiny_bert: Path, finished_teacher: Path) -> dict[str, Path]:
    """Copy the run of the teacher; return the configurations by command."""
    shutil.copytree(finished_teacher, corpus / "runs/transformer_token")
    return write_configs(corpus, tiny_bert)


def edit_config(path: Path, **more: Any) -> Path:  # noqa: ANN401
    values = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**values, **more}))
    return path


def read_scores(run: Path) -> dict[str, Any]:
    scores: dict[str, Any] = json.loads((run / "scores.json").read_text())
    return scores


def fit_again(command: str, path: Path, run: Path) -> float:
    """Fit the temperature of a finished run's model again on its dev sentences; return it."""
    model = load_token_model(str(run))
    splits = read_splits(load_config(COMMANDS[command], path).config.data, model.labels, log=lambda _: None)
    emissions = model.predict_emissions([sentence.words for sentence in splits.dev])
    return fit_temperature(model.decoder, emissions, [sentence.tags or () for sentence in splits.dev], model.labels)


@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_every_training_command_calibrates_its_model(
    corpus: Path, trained_configs: dict[str, Path], head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlptrain.training.calibration.FEWEST_MISTAKES", 1)
    settings = ["--set", f"student.head.kind={head}", "--set", "train.steps=15"]
    done = call("tagger_kd", trained_configs["tagger_kd"], *settings)
    assert done.exit_code == 0, done.output
    for command in ("transformer_token", "tagger_kd"):
        run = corpus / "runs" / command
        calibration = read_scores(run)["calibration"]
        saved = json.loads((run / "model/config.json").read_text())["nlptrain_temperature"]
        assert saved == calibration["temperature"] == fit_again(command, trained_configs[command], run)
        assert set(calibration) == {"temperature", "dev", "test", "uncalibrated"}
        for split in ("dev", "test"):
            for errors in (calibration[split], calibration["uncalibrated"][split]):
                assert 0 <= errors["word"] <= 1
                assert 0 <= errors["entity"] <= 1
        evaluated = json.loads(call("evaluate", run, corpus / "test.conll", "--json").stdout)
        assert evaluated["calibration"] == {"temperature": saved, **calibration["test"]}
    assert saved != 1.0  # a student of 15 steps makes mistakes
    assert re.search(
        rf"calibration \(dev\): ECE words [\d.]+ -> [\d.]+.* \(temperature {saved:.2f}, fitted on dev and saved ",
        done.stderr,
    )
    table = call("evaluate", corpus / "runs/tagger_kd", corpus / "test.conll").stdout
    assert f"calibration: ECE words {calibration['test']['word']:.3f}, entities " in table
    assert f"(temperature {saved:.2f})" in table


def test_logits_are_reused_after_a_change_of_the_temperature(corpus: Path, trained_configs: dict[str, Path]) -> None:
    assert call("tagger_kd", trained_configs["tagger_kd"]).exit_code == 0
    path = corpus / "runs/transformer_token/model/config.json"
    values = json.loads(path.read_text())
    del values["nlptrain_temperature"]  # as in runs of older versions
    path.write_text(json.dumps(values))
    (corpus / "runs/transformer_token/SHA256SUMS").unlink()
    again = call("tagger_kd", trained_configs["tagger_kd"], "--output-dir", corpus / "runs/again")
    assert "sentences reused, 0 computed" in again.stderr
    weights = [(corpus / "runs" / run / "model/model.safetensors").read_bytes() for run in ("tagger_kd", "again")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    "student", [{"init_from": "tagger_kd"}, {"kind": "transformer", "layers": 1}], ids=["start", "cut"]
)
def test_the_temperature_of_initial_weights_is_not_copied(
    corpus: Path, trained_configs: dict[str, Path], student: dict[str, Any]
) -> None:
    if "init_from" in student:
        assert call("tagger_kd", trained_configs["tagger_kd"]).exit_code == 0
        start = corpus / "runs/start"
        shutil.move(corpus / "runs/tagger_kd", start)
        student = {**yaml.safe_load(trained_configs["tagger_kd"].read_text())["student"], "init_from": str(start)}
    for run in ("start", "transformer_token"):
        path = corpus / "runs" / run / "model/config.json"
        if path.is_file():
            path.write_text(json.dumps({**json.loads(path.read_text()), "nlptrain_temperature": 19.0}))
            (path.parents[1] / "SHA256SUMS").unlink()
    done = call("tagger_kd", edit_config(trained_configs["tagger_kd"], student=student))
    assert done.exit_code == 0, done.output
    temperature = read_scores(corpus / "runs/tagger_kd")["calibration"]["temperature"]
    assert temperature == fit_again("tagger_kd", trained_configs["tagger_kd"], corpus / "runs/tagger_kd") < 15


def test_predict_omits_entities_below_min_confidence(corpus: Path, tiny_bert: Path) -> None:
    assert call("tagger", write_configs(corpus, tiny_bert)["tagger"], "--set", "train.steps=100").exit_code == 0
    run, raw = corpus / "runs/tagger", corpus / "raw.txt"
    everything = call("predict", run, raw).stdout
    assert call("predict", run, raw, "--min-confidence", "0").stdout == everything
    rows = [json.loads(line) for line in everything.splitlines()]
    confidences = sorted(entity["confidence"] for row in rows for entity in row["entities"])
    threshold = confidences[len(confidences) // 2]
    kept = [json.loads(line) for line in call("predict", run, raw, "--min-confidence", threshold).stdout.splitlines()]
    assert [row["text"] for row in kept] == [row["text"] for row in rows]
    kept_confidences = [entity["confidence"] for row in kept for entity in row["entities"]]
    assert sorted(kept_confidences) == [value for value in confidences if value >= threshold]
    conll = call("predict", run, raw, "--min-confidence", threshold, "--format", "conll").stdout
    assert conll.count("\tB-") == len(kept_confidences)
    per_type = ("--min-confidence", "person=1", "--min-confidence", threshold)
    kept = [json.loads(line) for line in call("predict", run, raw, *per_type).stdout.splitlines()]
    expected = [
        entity
        for row in rows
        for entity in row["entities"]
        if entity["confidence"] >= (1 if entity["label"] == "person" else threshold)
    ]
    assert [entity for row in kept for entity in row["entities"]] == expected
    for output_format in ("jsonl", "conll"):
        for value, is_noted in ((threshold, False), (max(confidences), False), (1, max(confidences) < 1)):
            done = call("predict", run, raw, "--min-confidence", value, "--format", output_format)
            note = f"note: all {len(confidences)} predictions are below --min-confidence; without it, they are printed"
            assert done.stderr.startswith(note) == is_noted
    rows_file = corpus / "rows.jsonl"
    rows_file.write_text(json.dumps({**rows[0], "tags": ["B-person"]}) + "\n")
    note = call("predict", run, rows_file, "--min-confidence", 1).stderr
    row_confidences = [entity["confidence"] for entity in rows[0]["entities"]]
    assert bool(note) == (bool(row_confidences) and max(row_confidences) < 1)
    assert call("predict", run, "--min-confidence", 1, text="").stderr == ""
    refused = call("predict", run, raw, "--min-confidence", "persn=0.5")
    assert refused.exit_code == 2
    assert (
        "--min-confidence: found the type 'persn'; expected one of the model's types: person, place; "
        "did you mean 'person'?" in refused.stderr
    )
    for invalid in ("1.01", "-0.1", "nan", "person=2", "person="):
        refused = call("predict", run, raw, "--min-confidence", invalid)
        assert refused.exit_code == 2
        assert f"--min-confidence: found '{invalid}'; expected a number from 0 to 1, or TYPE=NUMBER" in refused.stderr
    assert call("predict", run, raw, "--min-confidence", "half").exit_code == 2


def test_plain_tags_are_calibrated_and_omitted(corpus: Path, tiny_bert: Path) -> None:
    write_part_of_speech_corpus(corpus)
    path = write_configs(corpus, tiny_bert)["tagger"]
    splits = {split: str(corpus / f"{split}.conllu") for split in ("train", "dev", "test")}
    assert call("tagger", edit_config(path, data=splits)).exit_code == 0
    run = corpus / "runs/tagger"
    assert read_scores(run)["calibration"]["test"]["entity"] is None
    table = call("evaluate", run, corpus / "test.conllu").stdout
    assert "calibration: ECE words 0." in table
    assert "by entity" not in table
    row = json.loads(call("predict", run, "--min-confidence", "1", text="what a day near Oslo !\n").stdout)
    assert all((word["tag"] is None) == (word["confidence"] < 1) for word in row["words"])
    conll = call("predict", run, "--min-confidence", "1", "--format", "conll", text="what a day near Oslo !\n").stdout
    assert [line.split("\t")[1] for line in conll.splitlines() if line] == [w["tag"] or "_" for w in row["words"]]


def test_pseudo_labels_reach_the_minimum_precision(corpus: Path, trained_configs: dict[str, Path]) -> None:
    dev = (corpus / "dev.conll").read_text().split("\n\n")
    blocks = [re.sub(r"[BI]-person", "O", block) if index % 2 else block for index, block in enumerate(dev)]
    (corpus / "dev.conll").write_text("\n\n".join(blocks))
    path = edit_config(trained_configs["pseudo_label"], objective={"min_precision": 0.9, "min_confidence": 0.3})
    done = call("pseudo_label", path)
    assert done.exit_code == 0, done.output
    limits = read_scores(corpus / "runs/pseudo_label")["min_precision"]
    assert set(limits) == {"person", "place"}
    person = limits["person"]  # half of the predictions are wrong by these tags: few reach the precision
    assert person["min_confidence"] is None or 0.3 < person["min_confidence"]
    assert person["answered"] < 8
    assert limits["place"]["min_confidence"] == 0.3  # all predictions are right: the threshold is not raised
    assert "confidence thresholds (dev): person " in done.stderr
    assert "(objective.min_precision=0.9)" in done.stderr
    assert "below the threshold of their type" in done.stderr
    for limit in limits.values():
        assert limit["min_confidence"] is None or limit["min_confidence"] >= 0.3
        assert limit["right"] >= 0.9 * limit["answered"]
    for line in (corpus / "runs/pseudo_label/pseudo_labels.jsonl").read_text().splitlines():
        row = json.loads(line)
        for tag, confidence in zip(row["tags"], row["confidences"], strict=True):
            if tag != "O":
                threshold = limits[tag[2:]]["min_confidence"]
                assert threshold is not None
                assert confidence >= round(threshold, 4)
    again = call("pseudo_label", path, "--output-dir", corpus / "runs/again")
    assert again.stderr.count("sentences reused, 0 computed") == 2  # once for dev


def test_precision_is_measured_on_gold_sentences_only(corpus: Path, trained_configs: dict[str, Path]) -> None:
    data = {"unlabeled": str(corpus / "raw.txt")}
    path = edit_config(trained_configs["pseudo_label"], objective={"min_precision": 0.9}, data=data)
    refused = call("pseudo_label", path)
    assert refused.exit_code == 2
    assert "objective.min_precision: is measured on gold dev sentences, and neither data.dev" in refused.stderr
    assert "name gold sentences in data.dev, or use min_confidence" in refused.stderr
    edit_config(path, data={**data, "dev": str(corpus / "dev.conll")}, objective={"min_precision": 1.0})
    assert call("pseudo_label", path, "--set", "train.steps=5").exit_code == 0
    for invalid in ("0", "1.5", "high"):
        assert call("pseudo_label", path, "--set", f"objective.min_precision={invalid}").exit_code == 2


def test_error_if_no_sentence_reaches_min_confidence(corpus: Path, trained_configs: dict[str, Path]) -> None:
    data = {"unlabeled": str(corpus / "raw.txt"), "dev": str(corpus / "dev.conll")}
    raw = [line for line in (corpus / "raw.txt").read_text().splitlines() if "lives" in line]
    (corpus / "raw.txt").write_text("\n".join(raw))
    path = edit_config(trained_configs["pseudo_label"], objective={"min_confidence": 1.0}, data=data)
    refused = call("pseudo_label", path)
    assert refused.exit_code == 2
    assert "unlabeled sentences reaches the required confidence; lower" in refused.stderr
