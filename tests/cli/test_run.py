"""The command run on a folder of experiments: order, failures, finished runs, and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from nlptrain.errors import InputError
from nlptrain.procedures import plan_experiments
from tests.helpers.commands import call, write_configs

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_commands")]


@pytest.fixture
def folder(corpus: Path, tiny_bert: Path) -> Path:
    """Write six experiments, one of which is invalid; the teacher's file is not the first by name."""
    target = corpus / "experiments"
    target.mkdir()
    for name, path in write_configs(corpus, tiny_bert).items():
        values = yaml.safe_load(path.read_text())
        short = {**values["train"], "steps": 6, "eval_every": 3}
        values["train"] = {"epochs": 1} if name == "transformer_token" else short
        if name == "pseudo_label":
            values["objective"] = {"min_confidence": 0.0}
        write(target / f"{name}.yaml", values)
    distillation = yaml.safe_load((target / "tagger_kd.yaml").read_text())
    write(target / "_base.yaml", distillation)
    more = {"base": "_base.yaml", "output_dir": str(corpus / "runs/mse"), "objective": {"loss": "mse"}}
    write(target / "tagger_kd-mse.yaml", more)
    write(target / "tagger_kd-broken.yaml", {**more, "output_dir": str(corpus / "runs/broken"), "trian": {}})
    return target


def write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(values))


def test_an_invalid_experiment_does_not_stop_the_others(folder: Path, corpus: Path) -> None:
    def run_all() -> dict[str, dict[str, Any]]:
        done = call("run", folder, "--jobs", "2", "--json", "--set", "data.min_words=1")
        assert done.exit_code == 1
        return {Path(result["file"]).stem: result for result in json.loads(done.stdout)}

    results = run_all()
    assert {name for name, result in results.items() if result["state"] == "done"} == {
        "transformer_token", "tagger", "tagger_kd", "tagger_kd-mse", "pseudo_label"
    }  # fmt: skip
    broken = results["tagger_kd-broken"]
    assert (broken["state"], broken["seconds"]) == ("failed", 0.0)
    assert "trian: unknown key; did you mean 'train'?" in broken["fault"]
    scores = json.loads((corpus / "runs/mse/scores.json").read_text())
    assert (results["tagger_kd-mse"]["dev"], results["tagger_kd-mse"]["test"]) == (
        scores["dev"]["f1"],
        scores["test"]["f1"],
    )
    assert "share" not in results["tagger"]
    times = {path: path.stat().st_mtime_ns for path in corpus.glob("runs/*/scores.json")}
    assert len(times) == 5
    results_again = run_all()
    assert {path: path.stat().st_mtime_ns for path in corpus.glob("runs/*/scores.json")} == times
    for result in (*results.values(), *results_again.values()):
        result.pop("seconds")
    assert results_again == results


def test_experiments_that_need_a_failed_run_are_skipped(folder: Path, corpus: Path) -> None:
    path = folder / "transformer_token.yaml"
    write(path, {**yaml.safe_load(path.read_text()), "model": str(corpus / "nowhere")})
    done = call("run", path, folder / "tagger_kd.yaml")
    assert done.exit_code == 1
    assert f"{path}: failed: model: there is no folder" in done.stderr
    assert f"{folder}/tagger_kd.yaml: skipped: needs {path}, which failed" in done.stderr
    assert "skipped: needs" in " ".join(done.stdout.split())
    write(path, {**yaml.safe_load(path.read_text()), "trian": {}})  # an error before the training
    done = call("run", path, folder / "tagger_kd.yaml")
    assert f"{folder}/tagger_kd.yaml: skipped: needs {path}, which failed" in done.stderr
    path.write_text(path.read_text() + "train: [\n")  # not YAML
    done = call("run", path, folder / "tagger_kd.yaml")
    assert f"{folder}/tagger_kd.yaml: skipped: needs {path}, which failed" in done.stderr
    assert not (corpus / "runs/tagger_kd").exists()


def test_a_dry_run_prints_the_order_and_runs_nothing(folder: Path, corpus: Path) -> None:
    done = call("run", folder, "--dry-run")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert [Path(line.split(": ")[0]).stem for line in lines if "cannot" not in line] == [
        "tagger", "transformer_token", "pseudo_label", "tagger_kd-mse", "tagger_kd"
    ]  # fmt: skip
    assert f", after {folder}/transformer_token.yaml" in lines[-1]
    unknown = call("run", folder / "tagger.yaml", "--set", "train.stps=1", "--dry-run")
    assert f"{folder}/tagger.yaml: cannot be run: --set train.stps=1: unknown key" in unknown.stdout
    assert not (corpus / "runs").exists()
    seeds = folder / "tagger_kd-again.yaml"
    write(
        seeds,
        {"base": "_base.yaml", "output_dir": "runs/x", "student": {"init_from": str(corpus / "runs/tagger_kd/model")}},
    )
    needs = {
        experiment.path.stem: {path.stem for path in experiment.needs} for experiment in plan_experiments([folder], [])
    }
    assert needs["tagger_kd-again"] == {"tagger_kd", "transformer_token"}


def test_a_plan_recognizes_text_that_earlier_runs_write(folder: Path, corpus: Path) -> None:
    data = {"train": str(corpus / "train.conll"), "dev": str(corpus / "dev.conll")}
    patterns = {
        "named": "pseudo_label/pseudo_labels.jsonl",
        "globbed": "*/pseudo*.jsonl",
        "deep": "../**/pseudo_labels.jsonl",
        "curve": "pseudo_label/metrics.jsonl",
        "text": "../**/*.txt",
        "gone": "../rwa.txt",
    }
    for name, pattern in patterns.items():
        path = folder / f"tagger_kd-{name}.yaml"
        data_keys = {**data, "unlabeled": [str(corpus / "raw.txt"), f"{corpus}/runs/{pattern}".replace("runs/../", "")]}
        write(path, {"base": "_base.yaml", "output_dir": str(corpus / f"runs/{name}"), "data": data_keys})
    plan = {
        experiment.path.stem.removeprefix("tagger_kd-"): experiment for experiment in plan_experiments([folder], [])
    }
    for name in patterns:
        expected = {"pseudo_label"} if name in ("named", "globbed", "deep") else set()
        assert {path.stem for path in plan[name].needs} == {"transformer_token", *expected}, name
    assert {name for name in patterns if plan[name].state == "failed"} == {"curve", "gone"}
    missing = f"data.unlabeled: no file matches '{corpus}/rwa.txt'"
    assert missing in plan["gone"].reason()
    assert plan["gone"].reason().endswith(f"; did you mean '{corpus}/raw.txt'?")
    done = call("run", folder, "--dry-run")
    assert f"{folder}/tagger_kd-gone.yaml: cannot be run: " in done.stdout
    assert missing in done.stdout
    assert done.exit_code == 1


def test_text_of_finished_runs_adds_no_dependency(folder: Path, corpus: Path) -> None:
    for own, other in (("a", "b"), ("b", "a")):
        values = yaml.safe_load((folder / "pseudo_label.yaml").read_text())
        values["data"]["unlabeled"] = str(corpus / f"runs/{other}/pseudo_labels.jsonl")
        write(folder / f"pseudo_label-{own}.yaml", {**values, "output_dir": str(corpus / f"runs/{own}")})
    files = [folder / "pseudo_label-a.yaml", folder / "pseudo_label-b.yaml"]
    with pytest.raises(InputError, match="each of them needs another one's model or text"):
        plan_experiments(files, [])
    for own in ("a", "b"):
        (corpus / "runs" / own).mkdir(parents=True)
        (corpus / "runs" / own / "scores.json").write_text("{}")
    assert [experiment.needs for experiment in plan_experiments(files, [])] == [(), ()]


def test_a_model_in_the_home_folder_is_a_dependency(
    folder: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(corpus))
    write(
        folder / "tagger_kd-home.yaml", {"base": "_base.yaml", "output_dir": "x", "teacher": "~/runs/transformer_token"}
    )
    plan = {experiment.path.stem: experiment for experiment in plan_experiments([folder], [])}
    assert [path.stem for path in plan["tagger_kd-home"].needs] == ["transformer_token"]
    assert plan["tagger_kd-home"].state == "waiting"


def test_the_output_folder_of_an_invalid_file_is_read(folder: Path) -> None:
    for name, value in (
        ("a", '"my runs/tagger"'),
        ("b", "'my runs/b'"),
        ("c", "my runs/c # here"),
        ("d", '"my runs/tagger"'),
    ):
        (folder / f"tagger-{name}.yaml").write_text(f"output_dir: {value}\ntrain: [\n")
    write(
        folder / "tagger-e.yaml",
        {**yaml.safe_load((folder / "tagger.yaml").read_text()), "output_dir": "my runs/tagger"},
    )
    plan = {experiment.path.stem: experiment for experiment in plan_experiments([folder], [])}
    outputs = {name: str(plan[f"tagger-{name}"].output) for name in "abcd"}
    assert outputs == {"a": "my runs/tagger", "b": "my runs/b", "c": "my runs/c", "d": "my runs/tagger"}
    assert plan["tagger-e"].state == "waiting"


def test_error_if_experiments_cannot_be_planned(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="found no YAML file in it"):
        plan_experiments([tmp_path / "empty"], [])
    with pytest.raises(InputError, match="there is no such file or folder"):
        plan_experiments([tmp_path / "none.yaml"], [])
    assert call("run", tmp_path / "none.yaml").exit_code == 2
    write(folder / "tagger_kd-same.yaml", {"base": "_base.yaml"})
    with pytest.raises(InputError, match=r"tagger_kd\.yaml: writes to .*, as .*tagger_kd-same\.yaml does"):
        plan_experiments([folder], [])
    write(folder / "tagger_kd-a.yaml", {"base": "_base.yaml", "output_dir": "runs/a", "teacher": "runs/b"})
    write(folder / "tagger_kd-b.yaml", {"base": "_base.yaml", "output_dir": "runs/b", "teacher": "runs/a"})
    with pytest.raises(InputError, match="each of them needs another one's model"):
        plan_experiments([folder / "tagger_kd-a.yaml", folder / "tagger_kd-b.yaml"], [])


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_running_experiments(folder: Path, corpus: Path, signal_number: int) -> None:
    arguments = ["run", str(folder / "tagger.yaml"), "--set", "train.steps=100000", "--set", "train.eval_every=1000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "nlptrain", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    metrics = corpus / "runs/tagger/metrics.jsonl"
    for _ in range(600):
        if metrics.is_file() and metrics.stat().st_size:
            break
        time.sleep(0.1)
    process.send_signal(signal_number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + signal_number
    assert stderr.endswith(
        f"stopped by {signal.Signals(signal_number).name}; give the same command again to go on from here\n"
    )
    assert not (corpus / "runs/tagger/scores.json").exists()
    remaining = subprocess.run(["pgrep", "-f", str(folder / "tagger.yaml")], capture_output=True, check=False)
    assert not remaining.stdout
