"""Killed processes: the same command resumes the run with the same result."""

import json
import re
import signal
from pathlib import Path

import pytest

from tests.helpers.command_server import CommandServer
from tests.helpers.commands import call, kill_when, read_metrics, start_command, write_configs
from tests.helpers.corpora import make_sentences

pytestmark = pytest.mark.slow


def write_raw_text(corpus: Path) -> None:
    """Write raw text that takes a teacher several seconds."""
    lines = sorted({" ".join((*words, f"n{n}")) for n, (words, _) in enumerate(make_sentences(4_500, 5))})
    (corpus / "raw.txt").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(("signal_number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_killed_run_resumes_to_the_same_bytes(
    corpus: Path, tiny_bert: Path, signal_number: int, code: int, command_server: CommandServer
) -> None:
    path = write_configs(corpus, tiny_bert)["tagger"]
    settings = [word for key in ("threads=1", "train.steps=200", "train.eval_every=20") for word in ("--set", key)]
    run = corpus / "runs/tagger"
    process = start_command(command_server.python, path, *settings)
    stderr = kill_when((run / "checkpoint.safetensors").exists, process, signal_number)
    assert process.returncode == code, stderr
    if code > 0:
        assert "give the same command again to go on" in stderr
    assert not (run / "scores.json").exists()
    resumed = call("tagger", path, *settings)
    assert resumed.exit_code == 0, resumed.output
    assert "resuming after step" in resumed.stderr
    uninterrupted = corpus / "straight"
    assert call("tagger", path, *settings, "--output-dir", uninterrupted).exit_code == 0
    for name in ("model/model.safetensors", "model/config.json"):
        assert (run / name).read_bytes() == (uninterrupted / name).read_bytes()
    assert read_metrics(run) == read_metrics(uninterrupted)


@pytest.mark.parametrize(
    ("signal_number", "code", "workers"), [(signal.SIGINT, 130, 1), (signal.SIGKILL, -signal.SIGKILL, 2)]
)
def test_a_run_killed_while_labeling_resumes_to_the_same_bytes(
    corpus: Path, tiny_bert: Path, signal_number: int, code: int, workers: int, command_server: CommandServer
) -> None:
    paths = write_configs(corpus, tiny_bert)
    assert call("transformer_token", paths["transformer_token"], "--set", "train.epochs=1").exit_code == 0
    write_raw_text(corpus)
    transfer = corpus / "runs/transfer"

    def labeling() -> bool:
        return any(transfer.glob("*/*.arrow"))

    process = start_command(command_server.python, paths["tagger_kd"], "--workers", str(workers))
    stderr = kill_when(labeling, process, signal_number)
    assert process.returncode == code, stderr
    assert not (corpus / "runs/tagger_kd/scores.json").exists()
    again = call("tagger_kd", paths["tagger_kd"])
    assert again.exit_code == 0, again.output
    assert re.search(r"teacher logits: [1-9][\d,]* sentences reused", again.stderr)
    other = ["--output-dir", str(corpus / "straight/tagger_kd"), "--set", f"transfer_dir={corpus}/straight/transfer"]
    assert call("tagger_kd", paths["tagger_kd"], *other).exit_code == 0
    (store,), (other_store,) = (
        list(folder.glob("*-torch-fp32")) for folder in (transfer, corpus / "straight/transfer")
    )
    assert [p.name for p in sorted(store.glob("*.arrow"))] == [p.name for p in sorted(other_store.glob("*.arrow"))]
    assert all((other_store / path.name).read_bytes() == path.read_bytes() for path in store.glob("*.arrow"))
    weights = "tagger_kd/model/model.safetensors"
    assert (corpus / "runs" / weights).read_bytes() == (corpus / "straight" / weights).read_bytes()


def test_overwrite_removes_a_stopped_run(corpus: Path, tiny_bert: Path, command_server: CommandServer) -> None:
    path = write_configs(corpus, tiny_bert)["tagger"]
    run = corpus / "runs/tagger"
    process = start_command(command_server.python, path, "--set", "train.steps=2000")
    kill_when((run / "checkpoint.safetensors").exists, process, signal.SIGTERM)
    assert process.returncode == 143
    overwritten = call("tagger", path, "--overwrite")
    assert overwritten.exit_code == 0
    assert "resuming" not in overwritten.stderr
    assert not (run / "checkpoint.safetensors").exists()
    assert json.loads((run / "scores.json").read_text())["steps"] == 40


def test_an_unfinished_run_is_not_read_as_a_model(corpus: Path, tiny_bert: Path, command_server: CommandServer) -> None:
    path = write_configs(corpus, tiny_bert)["tagger"]
    run = corpus / "runs/tagger"
    process = start_command(command_server.python, path, "--set", "train.steps=2000")
    kill_when((run / "checkpoint.safetensors").exists, process, signal.SIGKILL)
    for arguments in (["predict", run], ["evaluate", run, corpus / "test.conll"], ["compare", run]):
        result = call(*arguments, text="Ada\n")
        assert result.exit_code == 2, arguments
        assert "finished" in result.stderr
        assert "Traceback" not in result.output
