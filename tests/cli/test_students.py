"""The training commands with several students and teachers, and without gold sentences."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from nlptrain.config.train import AutoLength, TrainConfig
from tests.helpers.commands import call
from tests.helpers.corpora import make_sentences, write_columns

pytestmark = pytest.mark.slow

TRAIN = {"steps": 30, "batch_subwords": 300, "learning_rate": 0.01, "warmup_steps": 5, "eval_every": 15, "ema": 0.9}
PARTS = {"embedder": {"dim": 16}, "encoder": {"hidden": 16, "layers": 1}}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """Write gold and raw text; train two teachers on it."""
    folder = tmp_path_factory.mktemp("house")
    for split, count, seed in (("train", 60, 1), ("dev", 20, 2), ("test", 20, 3)):
        write_columns(folder / f"{split}.conll", make_sentences(count, seed))
    raw = [" ".join(words) for words, _ in make_sentences(400, 4)]
    (folder / "raw.txt").write_text("\n".join(dict.fromkeys(raw)) + "\n", encoding="utf-8")
    for seed in (0, 1):
        config = {
            "model": str(tiny_bert),
            "data": {split: str(folder / f"{split}.conll") for split in ("train", "dev", "test")},
            "train": {"epochs": 12, "learning_rate": 5e-3},
            "device": "cpu",
            "seed": seed,
            "output_dir": str(folder / f"teacher{seed}"),
        }
        (folder / "teacher.yaml").write_text(yaml.safe_dump(config))
        assert call("transformer_token", folder / "teacher.yaml").exit_code == 0
    return folder


def train(inputs: Path, folder: Path, command: str, *, gold: bool = True, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    data = {split: str(inputs / f"{split}.conll") for split in ("train", "dev", "test")} if gold else {}
    config = {
        "data": {**data, "unlabeled": str(inputs / "raw.txt"), **more.pop("data", {})},
        "student": {**PARTS, **more.pop("student", {})},
        "train": {**TRAIN, **more.pop("train", {})},
        "device": "cpu",
        "output_dir": str(folder / "run"),
        "transfer_dir": str(inputs / "transfer"),
        **({} if command == "tagger" or "teachers" in more else {"teacher": str(inputs / "teacher0")}),
        "augment": "none",
        **more,
    }
    if command == "tagger":
        del config["transfer_dir"], config["augment"]
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    result = call(command, folder / "c.yaml")
    if result.exit_code:
        return {"error": result.stderr, "code": result.exit_code, "output": result.output}
    scores: dict[str, Any] = json.loads((folder / "run/scores.json").read_text())
    return {**scores, "output": result.output}


@pytest.mark.parametrize(
    "student",
    [
        {"encoder": {"kind": "idcnn", "filters": 16}, "head": {"kind": "crf"}},
        {"embedder": {"kind": "word", "dim": 16}, "encoder": {"kind": "gru", "hidden": 16, "layers": 1}},
        {"embedder": {"kind": "subword", "dim": 16, "vocab_size": 30}},
    ],
    ids=["idcnn-crf", "word-gru", "cut"],
)
@pytest.mark.parametrize("command", ["tagger", "tagger_kd", "pseudo_label"])
def test_each_command_trains_each_kind_of_student(
    inputs: Path, tmp_path: Path, tiny_bert: Path, command: str, student: dict[str, Any]
) -> None:
    if command == "tagger" and student["embedder" if "embedder" in student else "encoder"]["kind"] != "word":
        student = {**student, "tokenizer": str(tiny_bert)}
    steps = 150 if command == "tagger" else 90
    scores = train(inputs, tmp_path, command, student=student, train={"steps": steps, "learning_rate": 0.02})
    assert "error" not in scores, scores["error"]
    assert scores["test"]["f1"] > 0.5
    evaluated = call("evaluate", tmp_path / "run", inputs / "test.conll", "--json")
    assert json.loads(evaluated.stdout)["f1"] == scores["test"]["f1"]
    row = json.loads(call("predict", tmp_path / "run", text="Ada lives in Oslo .\n").stdout)
    assert row["text"] == "Ada lives in Oslo ."
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    if command == "tagger_kd" and "head" in student:
        assert all(0 <= line["lost_mass"] < 1 for line in lines if "loss" in line)


def test_a_student_from_layers_of_the_teacher(inputs: Path, tmp_path: Path) -> None:
    scores = train(inputs, tmp_path, "tagger_kd", student={"kind": "transformer", "layers": 1, "embedder": None})
    assert "student.embedder: unknown key" in scores["error"]
    (tmp_path / "c.yaml").write_text(
        (tmp_path / "c.yaml").read_text().replace("embedder: null", "").replace("  encoder:", "  x_encoder:")
    )
    config = yaml.safe_load((tmp_path / "c.yaml").read_text())
    config["student"] = {"kind": "transformer", "layers": 1}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    assert call("tagger_kd", tmp_path / "c.yaml").exit_code == 0
    saved = json.loads((tmp_path / "run/model/config.json").read_text())
    assert (saved["model_type"], saved["num_hidden_layers"]) == ("bert", 1)
    compared = call("compare", inputs / "teacher0", tmp_path / "run", "--no-speed")
    assert compared.exit_code == 0
    assert "teacher0" in compared.stdout


@pytest.mark.parametrize(
    ("command", "objective"),
    [("tagger_kd", {}), ("pseudo_label", {"targets": "hard"}), ("pseudo_label", {"targets": "soft"})],
)
def test_training_on_raw_text_alone(inputs: Path, tmp_path: Path, command: str, objective: dict[str, str]) -> None:
    scores = train(
        inputs, tmp_path, command, gold=False, objective=objective, data={"test": str(inputs / "test.conll")}
    )
    assert "error" not in scores, scores["error"]
    assert scores["dev"]["metric"] == "agreement"
    assert scores["calibration"]["temperature"] == 1.0  # the teacher's labels are not gold
    assert "(no temperature is fitted: dev has no gold tags)" in scores["output"]
    assert 0.3 < scores["dev"]["agreement"] <= 1
    assert scores["teacher"]["dev"]["agreement"] == 1.0  # with itself
    assert scores["test"]["metric"] == "f1"
    sentences = int(re.search(r"raw text: (\d+) sentences", scores["output"])[1])  # type: ignore[index]
    assert scores["dev"]["sentences"] == sentences // 50 > 0
    assert "dev scores are agreement with the teacher" in scores["output"]
    assert f"0 gold and {sentences - sentences // 50} " in scores["output"]
    assert "dev agreement 0." in scores["output"] or "dev agreement 1." in scores["output"]
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert any("dev_agreement" in line for line in lines)
    assert "data: test 20 sentences" in scores["output"]
    again = call(command, tmp_path / "c.yaml", "--overwrite")
    assert again.exit_code == 0, again.stderr
    if command == "pseudo_label":
        assert all("pseudo" in line for line in lines if "loss" in line)


def test_the_word_vocabulary_has_no_words_of_dev_alone(inputs: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw.jsonl"
    rows = [{"text": f"in Oslo lives number{n} ."} for n in range(150)]
    raw.write_text("".join(json.dumps(row) + "\n" for row in [*rows[:9], {}, *rows[9:]]))
    words = {"embedder": {"kind": "word", "dim": 8, "min_count": 1, "init": "random"}}
    scores = train(inputs, tmp_path, "tagger_kd", gold=False, student=words, data={"unlabeled": str(raw)})
    assert scores["dev"]["sentences"] == 3
    assert scores["data"]["unlabeled"] == {"sentences": 150, "skipped": {"row without a text or words": 1}}
    assert f"skipped: row without a text or words: 1 ({raw}:10: found the keys none" in scores["output"]
    known = json.loads((tmp_path / "run/model/words.json").read_text())["words"]
    assert len([word for word in known if word.startswith("number")]) == 147
    compared = json.loads(call("compare", tmp_path / "run", "--json", "--no-speed", "--bootstrap", 100).stdout)
    assert compared["runs"][0]["metric"] == "agreement"
    assert compared["bootstrap"]["sentences"] == 3
    assert compared["runs"][0]["share_of_teacher"] == compared["runs"][0]["agreement"]


def test_soft_and_hard_targets_give_different_students(inputs: Path, tmp_path: Path) -> None:
    runs = {}
    for targets in ("hard", "soft"):
        (tmp_path / targets).mkdir()
        runs[targets] = train(inputs, tmp_path / targets, "pseudo_label", objective={"targets": targets})
    weights = [(tmp_path / targets / "run/model/model.safetensors").read_bytes() for targets in runs]
    assert weights[0] != weights[1]
    assert runs["soft"]["test"]["f1"] > 0.3


def test_error_if_raw_text_is_too_short(inputs: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.txt"
    few.write_text("\n".join((inputs / "raw.txt").read_text().splitlines()[:49]))
    scores = train(inputs, tmp_path, "tagger_kd", gold=False, data={"unlabeled": str(few)})
    assert scores["code"] == 2
    assert "49 unlabeled sentences are too few to take 2 % of them" in scores["error"]
    scores = train(inputs, tmp_path, "tagger_kd", gold=False, data={"unlabeled": None})
    assert "data: found neither train nor unlabeled; expected gold sentences, raw text, or both" in scores["error"]


def test_distillation_from_two_teachers(inputs: Path, tmp_path: Path) -> None:
    teachers = [{"path": str(inputs / f"teacher{seed}"), "weight": seed + 1.0} for seed in (0, 1)]
    scores = train(inputs, tmp_path, "tagger_kd", teachers=teachers)
    assert "error" not in scores, scores["error"]
    assert scores["teacher"]["name"].count("teacher") == 2
    stored = {path.name for path in (inputs / "transfer").iterdir() if path.is_dir()}
    assert {key for key in scores["teacher"]["key"].split(", ")} <= stored
    again = train(inputs, tmp_path, "tagger_kd", teachers=teachers, objective={"loss": "mse"})
    assert (
        "found mse, which compares logits, and several teachers have only mean probabilities; expected kl"
        in again["error"]
    )


def test_label_map_renames_the_labels_of_the_teacher(inputs: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "gold.conll"
    text = (inputs / "train.conll").read_text().replace("-person", "-PER").replace("-place", "-LOC")
    renamed.write_text(text)
    data = {"train": str(renamed), "dev": str(renamed), "test": None}
    scores = train(inputs, tmp_path, "tagger_kd", data=data)
    assert scores["code"] == 2
    assert "gold.conll" in scores["error"]
    scores = train(inputs, tmp_path, "tagger_kd", data={**data, "label_map": {"person": "PER"}})
    assert (
        "the teacher's place is neither mapped nor in the data; expected a label of the data: LOC, PER"
        in scores["error"]
    )
    scores = train(inputs, tmp_path, "tagger_kd", data={**data, "label_map": {"person": "PER", "place": "LOC"}})
    assert "error" not in scores, scores["error"]
    assert set(scores["dev"]["types"]) == {"PER", "LOC"}
    saved = json.loads((tmp_path / "run/model/config.json").read_text())
    assert sorted(saved["label2id"]) == ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]


def test_merged_labels_have_no_logits_for_mse(inputs: Path, tmp_path: Path) -> None:
    merged = tmp_path / "one.conll"
    merged.write_text((inputs / "train.conll").read_text().replace("B-place", "O"))
    more = {"data": {"train": str(merged), "dev": str(merged), "test": None, "label_map": {"place": "O"}}}
    scores = train(inputs, tmp_path, "tagger_kd", objective={"loss": "mse"}, **more)
    assert (
        "found mse, which compares logits, and merged labels and several teachers have probabilities only; expected kl"
        in scores["error"]
    )
    assert not (tmp_path / "run").exists()
    assert set(train(inputs, tmp_path, "tagger_kd", **more)["dev"]["types"]) == {"person"}


def test_a_teacher_with_a_crf_has_no_logits_for_mse(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    train(
        inputs, tmp_path / "first", "tagger_kd", train={"steps": 1, "eval_every": 1}, student={"head": {"kind": "crf"}}
    )
    teacher = str(tmp_path / "first/run")
    refused = train(inputs, tmp_path, "tagger_kd", objective={"loss": "mse"}, teacher=teacher)
    assert (
        "objective.loss: found mse, which compares logits, and the teacher has probabilities only, such as a CRF's "
        "marginals; expected kl" in refused["error"]
    )


def test_init_from_continues_a_finished_student(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    first = train(inputs, tmp_path / "first", "tagger_kd", train={"steps": 150, "eval_every": 150})
    start = {"init_from": str(tmp_path / "first/run")}
    cold = train(inputs, tmp_path, "tagger_kd", train={"steps": 1, "eval_every": 1, "learning_rate": 1e-6})
    shutil.rmtree(tmp_path / "run")
    warm = train(
        inputs, tmp_path, "tagger_kd", student=start, train={"steps": 1, "eval_every": 1, "learning_rate": 1e-6}
    )
    assert warm["dev"]["f1"] == pytest.approx(first["dev"]["f1"], abs=0.02)
    assert warm["dev"]["f1"] > cold["dev"]["f1"] + 0.2
    assert "weights from" in warm["output"]
    shutil.rmtree(tmp_path / "run")
    wrong = train(inputs, tmp_path, "tagger_kd", student={**start, "encoder": {"hidden": 17}})
    assert "student.encoder.hidden: found 17; expected 16, as in" in wrong["error"]


def test_config_show_prints_the_size_of_the_student(inputs: Path, tmp_path: Path) -> None:
    train(inputs, tmp_path, "tagger_kd", student={"head": {"kind": "crf"}})
    shown = call("config", "show", tmp_path / "c.yaml", "--command", "tagger_kd").stdout
    saved = json.loads((tmp_path / "run/scores.json").read_text())
    assert f"# student: {saved['parameters']:,} parameters (embedder " in shown
    missing = call("config", "show", tmp_path / "c.yaml", "--set", "teacher=./nowhere", "--command", "tagger_kd")
    assert missing.exit_code == 0
    assert "# student: its size is not known yet: ./nowhere: there is no such folder" in missing.stdout


def test_a_transformer_as_the_control_and_as_init_from(inputs: Path, tmp_path: Path, tiny_bert: Path) -> None:
    data = {split: str(inputs / f"{split}.conll") for split in ("train", "dev", "test")}
    config: dict[str, Any] = {
        "student": {"kind": "transformer", "model": str(tiny_bert), "layers": 1},
        "data": data,
        "train": {"steps": 40, "eval_every": 40, "batch_subwords": 300, "learning_rate": 5e-3, "warmup_steps": 5},
        "device": "cpu",
        "output_dir": str(tmp_path / "control"),
    }
    path = tmp_path / "tagger.yaml"
    path.write_text(yaml.safe_dump(config))
    result = call("tagger", path)
    assert result.exit_code == 0, result.stderr
    assert f"weights from {tiny_bert}" in result.stderr
    shown = call("config", "show", path).stdout
    assert re.search(
        r"^train\.clip_norm +1\.0 +auto: a transformer$", shown, re.MULTILINE
    )  # gentler with a transformer
    config["student"] = {"kind": "transformer", "init_from": str(tmp_path / "control")}
    config["output_dir"] = str(tmp_path / "again")
    path.write_text(yaml.safe_dump(config))
    assert call("tagger", path).exit_code == 0
    del config["student"]["init_from"]
    path.write_text(yaml.safe_dump(config))
    missing = call("tagger", path)
    assert missing.exit_code == 2
    assert "student.model: missing; name a pretrained transformer" in missing.stderr


@pytest.mark.parametrize("command", ["tagger_kd", "pseudo_label"])
def test_synthetic_sentences_replace_missing_raw_text(
    inputs: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlptrain.distillation.augmentation.MOST_PER_SENTENCE", 30)
    gold_alone = {"data": {"unlabeled": None}, "transfer_dir": str(tmp_path / "transfer")}
    first = train(inputs, tmp_path, command, augment="auto", **gold_alone)
    logged = re.search(
        r"augment: ([\d,]+) synthetic sentences.* \([\d,]+ words, from 60 train sentences\)", first["output"]
    )
    assert logged
    count = int(logged[1].replace(",", ""))
    assert 60 < count <= 1800
    computed = re.search(r"\d+ sentences reused, ([\d,]+) computed", first["output"])
    assert computed
    assert int(computed[1].replace(",", "")) >= 60  # as many as the training reads
    shutil.rmtree(tmp_path / "run")
    again = train(inputs, tmp_path, command, seed=1, augment="auto", **gold_alone)
    assert "sentences reused, 0 computed" in again["output"]
    shutil.rmtree(tmp_path / "run")
    none = train(inputs, tmp_path, command, augment="none", **gold_alone)
    if command == "pseudo_label":
        assert "data.unlabeled: missing" in none["error"]
        (tmp_path / "empty.txt").write_text("\n")
        nothing = train(inputs, tmp_path, command, augment="none", data={"unlabeled": str(tmp_path / "empty.txt")})
        assert "data.unlabeled: there is no unlabeled text and no synthetic sentence; set" in nothing["error"]
    else:
        assert "augment:" not in none["output"]
        assert "oversampling: " not in none["output"]  # each gold sentence occurs once per epoch


def test_little_raw_text_is_augmented(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlptrain.distillation.augmentation.MOST_PER_SENTENCE", 3)
    scores = train(inputs, tmp_path, "tagger_kd", augment="auto", train={"steps": 1})
    assert "raw text:" in scores["output"]
    assert re.search(r"from 60 train and \d+ unlabeled sentences", scores["output"])
    line = (
        "augment.sentences=auto: synthetic sentences if there are fewer than 1,000,000 words of text, "
        "at most 3 per sentence\n"
    )
    assert scores["output"].index(line) < scores["output"].index("raw text:")


def test_raw_text_is_augmented_only_with_gold_dev_sentences(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without gold dev, part of the raw text is dev, and synthetic sentences could contain its words."""
    monkeypatch.setattr("nlptrain.distillation.augmentation.MOST_PER_SENTENCE", 3)
    dev = {"dev": str(inputs / "dev.conll")}
    scores = train(inputs, tmp_path, "tagger_kd", gold=False, augment="auto", data=dev, train={"steps": 1})
    assert re.search(r"from \d+ unlabeled sentences\)\n", scores["output"])
    shutil.rmtree(tmp_path / "run")
    alone = train(inputs, tmp_path, "tagger_kd", gold=False, augment="auto", train={"steps": 1})
    assert alone["dev"]["metric"] == "agreement"
    assert "augment:" not in alone["output"]


def test_enough_raw_text_is_not_augmented(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlptrain.distillation.augmentation.ENOUGH_WORDS", 500)
    new = {"transfer_dir": str(tmp_path / "transfer")}  # what is read with another constant is in that of all tests
    scores = train(inputs, tmp_path, "tagger_kd", augment="auto", train={"steps": 1}, **new)
    assert "synthetic sentences (" not in scores["output"]


def test_synthetic_sentences_are_added_to_raw_text(inputs: Path, tmp_path: Path) -> None:
    scores = train(inputs, tmp_path, "tagger_kd", augment={"sentences": 50, "replace": 1.0})
    assert "augment: 50 synthetic sentences (" in scores["output"]
    assert "raw text:" in scores["output"]


def test_pseudo_labels_mark_synthetic_sentences(inputs: Path, tmp_path: Path) -> None:
    train(inputs, tmp_path, "pseudo_label", augment={"sentences": 50}, train={"steps": 1})
    rows = [json.loads(line) for line in (tmp_path / "run/pseudo_labels.jsonl").read_text().splitlines()]
    is_synthetic = [row.get("made", False) for row in rows]
    assert is_synthetic == sorted(is_synthetic)
    assert sum(is_synthetic) == 50
    raw = {tuple(line.split()) for line in (inputs / "raw.txt").read_text(encoding="utf-8").splitlines()}
    assert all((tuple(row["tokens"]) in raw) is not row.get("made", False) for row in rows)


def test_log_if_no_synthetic_sentence_can_be_generated(inputs: Path, tmp_path: Path) -> None:
    nothing = {"swap": 0.0, "join": 0.0, "insert": 0.0, "replace": 0.0, "noise": 0.0}
    scores = train(inputs, tmp_path, "tagger_kd", augment={"sentences": 50, **nothing}, train={"steps": 1})
    assert re.search(
        r"augment: 0 synthetic sentences of 50, because .* from 60 train and \d+ unlabeled sentences", scores["output"]
    )
    assert "oversampling: 50% of the unlabeled sentences of an epoch are sampled in favor of labels" in scores["output"]


def test_the_vocabulary_contains_words_of_synthetic_sentences(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlptrain.distillation.augmentation.MOST_PER_SENTENCE", 30)
    word = {"embedder": {"kind": "word", "dim": 16, "min_count": 1}}
    alone = train(inputs, tmp_path, "tagger_kd", student=word, data={"unlabeled": None}, augment="none")
    shutil.rmtree(tmp_path / "run")
    augmented = train(
        inputs, tmp_path, "tagger_kd", student=word, data={"unlabeled": None}, augment="auto", train={"steps": 1}
    )
    assert augmented["parameters"] > alone["parameters"]


def test_auto_steps_depend_on_the_size_of_the_text(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrainConfig, "auto_length", AutoLength(2, 3, 40))
    scores = train(inputs, tmp_path, "tagger_kd", train={"steps": "auto", "batch_subwords": 1600})
    assert re.search(r"training length: 4 steps, 2.0 epochs of [\d,]+ words\n", scores["output"])
    assert "train.steps=auto: 4 steps (2 epochs = 4 steps, clipped to 3..40 steps)" in scores["output"]
    assert scores["steps"] == 4  # two batches, twice
    line = "train.steps=auto: 2 epochs of the text, clipped to 3..40 steps"
    assert scores["output"].index(line) < scores["output"].index("raw text:")


def test_files_of_raw_text_are_sampled_by_weight(inputs: Path, tmp_path: Path) -> None:
    lines = (inputs / "raw.txt").read_text().splitlines()
    for name, part in (("a.txt", lines[:50]), ("b.txt", lines[50:])):
        (tmp_path / name).write_text("\n".join(part) + "\n")
    files = [str(tmp_path / "a.txt"), {"path": str(tmp_path / "b.txt"), "weight": 3}]
    for command in ("tagger_kd", "pseudo_label"):
        weighted = train(inputs, tmp_path, command, data={"unlabeled": files})
        (tmp_path / "run").rename(tmp_path / f"{command}-weighted")
        plain = train(inputs, tmp_path, command, data={"unlabeled": [str(tmp_path / n) for n in ("a.txt", "b.txt")]})
        (tmp_path / "run").rename(tmp_path / f"{command}-plain")
        assert weighted["steps"] == plain["steps"]
        assert weighted["divergence"] != plain["divergence"]  # other sentences, or as many in another share
    for entry, message in (
        ({"path": "b.txt", "wieght": 3}, "data.unlabeled.0.wieght: unknown key; did you mean 'weight'?"),
        ({"path": "b.txt", "weight": 0}, "data.unlabeled.0.weight: found 0; expected above 0"),
        ({"path": str(tmp_path / "c.txt")}, "data.unlabeled: no file matches"),
    ):
        refused = train(inputs, tmp_path, "tagger_kd", data={"unlabeled": [entry]})
        assert message in refused["error"]
        assert refused["error"].count("error: ") == 1
        assert refused["code"] == 2
