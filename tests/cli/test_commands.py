import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from nlptrain.cli.main import main
from nlptrain.data import raw_text
from nlptrain.procedures import text_labeling
from tests.helpers.commands import call, write_configs

pytestmark = pytest.mark.slow


def assert_counts_match_scores(counts: dict[str, Any], scores: dict[str, Any]) -> None:
    for split in ("dev", "test"):
        correct, predicted, gold = (sum(counts[split][name]) for name in ("correct", "predicted", "gold"))
        assert len(counts[split]["gold"]) == scores[split]["sentences"] == 20
        assert scores[split]["f1"] == pytest.approx(2 * correct / (predicted + gold), abs=1e-12)


def test_all_commands_from_training_to_comparison(corpus: Path, tiny_bert: Path) -> None:
    runs = []
    for name, path in write_configs(corpus, tiny_bert).items():
        result = call(name, path)
        assert result.exit_code == 0, result.output
        run = corpus / "runs" / name
        runs.append(run)
        assert {p.name for p in run.iterdir()} >= {"model", "config.yaml", "metrics.jsonl", "scores.json", "log.txt"}
        assert not (run / "checkpoint.safetensors").exists()
        scores = json.loads((run / "scores.json").read_text())
        counts = json.loads((run / "counts.json").read_text())
        assert_counts_match_scores(counts, scores)
        assert ("teacher" in counts) == ("teacher" in scores)
        if "teacher" in scores:
            assert_counts_match_scores(counts["teacher"], scores["teacher"])
        assert f"{scores['test']['f1']:.4f}" in result.output
        assert scores["command"] == name
        assert str(corpus / "train.conll") in scores["inputs"]
        assert "\x1b" not in result.output
    log = (corpus / "runs/tagger_kd/log.txt").read_text()
    assert "302 lines" in log
    assert ", 116 computed" in log
    assert ", 0 computed" in (corpus / "runs/pseudo_label/log.txt").read_text()
    assert (corpus / "runs/pseudo_label/pseudo_labels.jsonl").exists()

    evaluated = json.loads(call("evaluate", runs[2], corpus / "test.conll", "--json").stdout)
    assert evaluated["f1"] == json.loads((runs[2] / "scores.json").read_text())["test"]["f1"]
    compared = json.loads(call("compare", *runs, "--json").stdout)
    assert [row["command"] for row in compared["runs"]] == ["transformer_token", "tagger", "tagger_kd", "pseudo_label"]
    assert compared["runs"][0]["share_of_teacher"] == 1.0
    assert all(row["words_per_second"] > 0 for row in compared["runs"])
    table = call("compare", *runs, "--no-speed").stdout
    assert "of teacher's" in table
    assert "place" in table


def test_predict_writes_a_row_per_line(corpus: Path, tiny_bert: Path) -> None:
    path = write_configs(corpus, tiny_bert)["tagger"]
    assert call("tagger", path, "--set", "train.steps=200").exit_code == 0
    run = corpus / "runs/tagger"
    text = "Ada lives in Oslo.\n\n🙂 Boris Smith went to Kyoto yesterday\n" + "Ada lives in Oslo . " * 600 + "\n"
    rows = [json.loads(line) for line in call("predict", run, text=text).stdout.split("\n") if line]
    assert len(rows) == 4
    assert rows[1] == {"text": "", "entities": []}
    for row in rows:
        for entity in row["entities"]:
            assert row["text"][entity["start"] : entity["end"]] == entity["text"]
            assert 0 < entity["confidence"] <= 1
    assert ("Boris Smith", "person") in [(e["text"], e["label"]) for e in rows[2]["entities"]]
    assert rows[3]["entities"][-1]["start"] > len(rows[3]["text"]) - 40
    (corpus / "in.txt").write_text(text)
    assert call("predict", run, corpus / "in.txt").stdout == call("predict", run, text=text).stdout
    words = json.loads(call("predict", run, "--pretokenized", text="Ada lives in Oslo.").stdout)
    assert all(entity["text"] != "Oslo" for entity in words["entities"])
    broken = call("predict", run, text=b"fine\n\xff\n")
    assert broken.exit_code == 2
    assert "standard input: byte 5 (0xFF) is not UTF-8" in broken.stderr


def test_a_finished_run_is_not_trained_again(corpus: Path, tiny_bert: Path) -> None:
    path = write_configs(corpus, tiny_bert)["tagger"]
    first = call("tagger", path)
    again = call("tagger", path)
    assert again.exit_code == 0
    assert again.stdout == first.stdout
    assert "is finished" in again.stderr
    other = call("tagger", path, "--set", "train.steps=41", "--seed", "1")
    assert other.exit_code == 2
    assert "seed: 0 there, 1 now" in other.stderr
    assert "train.steps: 40 there, 41 now" in other.stderr
    with (corpus / "train.conll").open("a") as file:
        file.write("\nAda\tB-person\n")
    assert "train.conll; give another" in call("tagger", path).stderr
    assert call("tagger", path, "--set", "train.steps=20", "--overwrite").exit_code == 0


def test_the_same_seed_gives_the_same_bytes(corpus: Path, tiny_bert: Path) -> None:
    path = write_configs(corpus, tiny_bert)["tagger"]
    for name in ("a", "b"):
        assert call("tagger", path, "--output-dir", corpus / name).exit_code == 0
    assert (corpus / "a/model/model.safetensors").read_bytes() == (corpus / "b/model/model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("command", "key"),
    [("transformer_token", "precision"), ("tagger_kd", "precision"), ("tagger_kd", "teacher_precision")],
)
def test_bf16_is_an_error_on_a_cpu_without_it(
    corpus: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch, command: str, key: str
) -> None:
    paths = write_configs(corpus, tiny_bert)
    if command != "transformer_token":
        assert call("transformer_token", paths["transformer_token"], "--set", "train.epochs=1").exit_code == 0
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"architecture": "x86_64"}, raising=False)
    result = call(command, paths[command], "--set", f"{key}=bf16")
    assert result.exit_code == 2
    assert f"{key}: found bf16, which this CPU (x86 without AVX-512) does not compute; use fp32" in result.output
    assert not (corpus / "runs" / command).exists()


def test_distillation_does_not_change_the_teacher(corpus: Path, tiny_bert: Path) -> None:
    paths = write_configs(corpus, tiny_bert)
    assert call("transformer_token", paths["transformer_token"]).exit_code == 0
    weights = corpus / "runs/transformer_token/model/model.safetensors"
    before = weights.read_bytes()
    assert call("tagger_kd", paths["tagger_kd"]).exit_code == 0
    assert weights.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Ada", "train.conll:{n}: line without a tag: found 1 column"),
        (
            "Ada\tI-person",
            "train.conll:{n}: tag that IOB2 does not allow there: found I-person at the start of a sentence",
        ),
        ("A\ufe0f\tfoo", "train.conll:{n}: tag that cannot be read: found 'foo'"),
    ],
)
def test_invalid_data_is_reported_with_its_line(corpus: Path, tiny_bert: Path, line: str, message: str) -> None:
    train = corpus / "train.conll"
    line_number = train.read_text().count("\n") + 2
    with train.open("a") as file:
        file.write(f"\n{line}\n")
    result = call("tagger", write_configs(corpus, tiny_bert)["tagger"], "--set", "data.strict=true")
    assert result.exit_code == 2
    assert message.format(n=line_number) in result.stderr
    assert "Traceback" not in result.output
    assert not (corpus / "runs").exists()


def test_an_error_keeps_a_transfer_set_in_the_output_folder(corpus: Path, tiny_bert: Path) -> None:
    paths = write_configs(corpus, tiny_bert)
    assert call("transformer_token", paths["transformer_token"], "--set", "train.epochs=1").exit_code == 0
    good = (corpus / "raw.txt").read_bytes()
    for seeds in ((), ("--set", "seeds=[1,2]")):
        output_dir = corpus / f"runs/inside{len(seeds)}"
        arguments = (
            paths["tagger_kd"],
            "--output-dir",
            output_dir,
            "--set",
            f"transfer_dir={output_dir}/transfer",
            *seeds,
        )
        (corpus / "raw.txt").write_bytes(good + b"\xff\n")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(text_labeling, "SAMPLE_SENTENCES", 10)
            patch.setattr(raw_text, "_BLOCK", 10)
            all_text = ("--set", "train.steps=null", "--set", "train.epochs=1")  # is labeled while it is read
            assert call("tagger_kd", *arguments, *all_text).exit_code == 2
        assert list((output_dir / "transfer").glob("*/*.arrow"))
        (corpus / "raw.txt").write_bytes(good)
        assert call("tagger_kd", *arguments, "--set", "train.steps=2", "--set", "train.eval_every=2").exit_code == 0


def test_a_configuration_in_the_output_folder_is_not_overwritten(corpus: Path, tiny_bert: Path) -> None:
    run = corpus / "runs/tagger"
    run.mkdir(parents=True)
    own = write_configs(corpus, tiny_bert)["tagger"].rename(run / "config.yaml")
    text = own.read_bytes()
    done = call("tagger", own)
    assert done.exit_code == 2
    assert "holds config.yaml, and no run of nlptrain; give another --output-dir" in done.stderr
    assert [path.name for path in run.iterdir()] == ["config.yaml"]
    assert own.read_bytes() == text


def test_an_error_removes_no_existing_file(corpus: Path, tiny_bert: Path) -> None:
    config, run = write_configs(corpus, tiny_bert)["tagger"], corpus / "runs/tagger"
    run.mkdir(parents=True)
    good = (corpus / "train.conll").read_text()
    (corpus / "train.conll").write_text(good + "\nAda\n")
    strict = ("--set", "data.strict=true")
    assert call("tagger", config, *strict).exit_code == 2
    assert list(run.iterdir()) == []
    (corpus / "train.conll").write_text(good)
    assert call("tagger", config, *strict).exit_code == 0
    contents = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    (corpus / "train.conll").write_text(good + "\nAda\n")
    assert call("tagger", config, *strict).exit_code == 2
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == contents


def test_all_errors_of_a_configuration_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "teacher: t/t\ndata: {train: no.conll}\noutput_dir: o\nstudent: {encoder: {hiden: 3}}\ntrain: {steps: many}\n"
    )
    result = call("tagger_kd", path)
    assert result.exit_code == 2
    assert f"error: {path}: student.encoder.hiden: unknown key; did you mean 'hidden'?\n" in result.stderr
    assert f"error: {path}: train.steps: found 'many'; expected a whole number or 'auto'\n" in result.stderr


def test_help_of_each_command_has_reads_writes_and_an_example() -> None:
    commands = [
        (name, subcommand)
        for name, command in main.commands.items()
        for subcommand in (command.commands if isinstance(command, click.Group) else [None])
    ]
    for name, subcommand in commands:
        text = call(name, *([subcommand] if subcommand else []), "--help").stdout
        assert "Reads" in text, name
        assert "Writes" in text, name
        assert "Example" in text, name


@pytest.mark.parametrize("path", [[], ["config"], ["doctor"]])
def test_descriptions_of_commands_fit_80_columns(path: list[str]) -> None:
    lines = CliRunner().invoke(main, [*path, "--help"], terminal_width=80).output.split("Commands:\n")[1].splitlines()
    assert lines
    assert not [line for line in lines if line.endswith("...")]


@pytest.mark.parametrize(
    "path", [[], *([name] for name in main.commands), ["config", "show"], ["doctor", "alignment"], ["doctor", "data"]]
)
def test_help_is_not_rewrapped(path: list[str]) -> None:
    help_text = CliRunner().invoke(main, [*path, "--help"]).output
    assert "\\b" not in help_text
    assert "\b" not in help_text
    for start in ("Reads ", "Writes ", "nlptrain tagger_kd student.yaml "):
        columns = [line.find(start) for line in help_text.split("\n") if start in line]
        assert all(column <= 4 for column in columns), help_text
