"""What a crash leaves behind, seen from outside: processes that are killed, and the command that is given again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_commands import call, configs
from tests.conftest import make_sentences

Checked = Callable[[], bool]


def start(path: Path, *more: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "nlptrain", path.stem, str(path), *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=environment
    )


def kill_when(there: Checked, process: subprocess.Popen[str], number: int) -> str:
    for _ in range(3600):  # processes that start others take a while on a busy machine
        if there() or process.poll() is not None:
            break
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()
    process.send_signal(number)
    return process.communicate(timeout=180)[1]


def slow(corpus: Path) -> None:
    """Raw text that takes the teacher seconds."""
    lines = sorted({" ".join((*words, f"n{n}")) for n, (words, _) in enumerate(make_sentences(9_000, 5))})
    (corpus / "raw.txt").write_text("\n".join(lines) + "\n")


def lines(folder: Path) -> list[dict[str, object]]:
    """metrics.jsonl without its timings."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key not in ("words_per_second", "waiting")} for row in rows]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_killed_run_goes_on_to_the_same_bytes(corpus: Path, tiny_bert: Path, number: int, code: int) -> None:
    path = configs(corpus, tiny_bert)["tagger"]
    settings = [word for key in ("threads=1", "train.steps=400", "train.eval_every=25") for word in ("--set", key)]
    run = corpus / "runs/tagger"
    process = start(path, *settings)
    stderr = kill_when((run / "checkpoint.safetensors").exists, process, number)
    assert process.returncode == code, stderr
    if code > 0:
        assert "give the same command again to go on" in stderr
    assert not (run / "scores.json").exists()
    resumed = call("tagger", path, *settings)
    assert resumed.exit_code == 0, resumed.output
    assert "resuming behind step" in resumed.stderr
    straight = corpus / "straight"
    assert call("tagger", path, *settings, "--output-dir", straight).exit_code == 0
    for name in ("model/model.safetensors", "model/config.json"):
        assert (run / name).read_bytes() == (straight / name).read_bytes()
    assert lines(run) == lines(straight)


@pytest.mark.parametrize(("number", "code", "workers"), [(signal.SIGINT, 130, 1), (signal.SIGKILL, -signal.SIGKILL, 2)])
def test_a_run_killed_while_labeling_keeps_whole_shards_and_ends_as_the_straight_one(
    corpus: Path, tiny_bert: Path, number: int, code: int, workers: int
) -> None:
    paths = configs(corpus, tiny_bert)
    assert call("transformer_token", paths["transformer_token"], "--set", "train.epochs=1").exit_code == 0
    slow(corpus)
    transfer = corpus / "runs/transfer"

    def labeling() -> bool:
        return any(transfer.glob("*/manifest.json"))  # which is written behind each shard

    process = start(paths["tagger_kd"], "--workers", str(workers))
    stderr = kill_when(labeling, process, number)
    assert process.returncode == code, stderr
    assert not (corpus / "runs/tagger_kd/scores.json").exists()
    again = call("tagger_kd", paths["tagger_kd"])
    assert again.exit_code == 0, again.output
    assert "found 0" not in again.stderr
    other = ["--output-dir", str(corpus / "straight/tagger_kd"), "--set", f"transfer_dir={corpus}/straight/transfer"]
    assert call("tagger_kd", paths["tagger_kd"], *other).exit_code == 0
    (one,), (two,) = (list(folder.glob("*-torch-fp32")) for folder in (transfer, corpus / "straight/transfer"))
    assert [p.name for p in sorted(one.glob("*.arrow"))] == [p.name for p in sorted(two.glob("*.arrow"))]
    assert all((two / path.name).read_bytes() == path.read_bytes() for path in one.glob("*.arrow"))
    weights = "tagger_kd/model/model.safetensors"
    assert (corpus / "runs" / weights).read_bytes() == (corpus / "straight" / weights).read_bytes()


def test_overwrite_forgets_the_run_that_was_stopped(corpus: Path, tiny_bert: Path) -> None:
    path = configs(corpus, tiny_bert)["tagger"]
    run = corpus / "runs/tagger"
    process = start(path, "--set", "train.steps=2000")
    kill_when((run / "checkpoint.safetensors").exists, process, signal.SIGTERM)
    assert process.returncode == 143
    anew = call("tagger", path, "--overwrite")
    assert anew.exit_code == 0
    assert "resuming" not in anew.stderr
    assert not (run / "checkpoint.safetensors").exists()
    assert json.loads((run / "scores.json").read_text())["steps"] == 40


def test_an_unfinished_run_is_no_model(corpus: Path, tiny_bert: Path) -> None:
    path = configs(corpus, tiny_bert)["tagger"]
    run = corpus / "runs/tagger"
    process = start(path, "--set", "train.steps=2000")
    kill_when((run / "checkpoint.safetensors").exists, process, signal.SIGKILL)
    for arguments in (["predict", run], ["evaluate", run, corpus / "test.conll"], ["compare", run]):
        result = call(*arguments, text="Ada\n")
        assert result.exit_code == 2, arguments
        assert "finished" in result.stderr
        assert "Traceback" not in result.output
