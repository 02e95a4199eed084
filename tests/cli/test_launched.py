"""A run of several processes, as `torchrun` starts them: one folder, one log, the same transfer set."""

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.helpers.command_server import CommandServer
from tests.helpers.commands import call, kill_when, read_metrics, write_configs
from tests.helpers.corpora import make_sentences

pytestmark = pytest.mark.slow

SETTINGS = [word for key in ("train.steps=60", "train.eval_every=20", "threads=1") for word in ("--set", key)]


@pytest.fixture
def start(command_server: CommandServer) -> Callable[..., subprocess.Popen[str]]:
    """Return a function that starts the command of a configuration in two processes."""

    def start_processes(path: Path, *more: object) -> subprocess.Popen[str]:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "nlptrain"]
        return subprocess.Popen(
            [command_server.python, *launcher, path.stem, path, *SETTINGS, *map(str, more)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHON_EXEC": str(command_server.python)},
        )

    return start_processes


def test_two_processes_share_labeling_and_training_and_resume(
    corpus: Path, tiny_bert: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    paths = write_configs(corpus, tiny_bert)
    assert call("transformer_token", paths["transformer_token"], "--set", "train.epochs=1").exit_code == 0
    # Several blocks; each line gets 64 letters of its own, without which most are near-duplicates of dev sentences.
    letters = str.maketrans("0123456789", "ghijklmnop")
    hashes = (hashlib.sha256(str(index).encode()).hexdigest().translate(letters) for index in range(5_000))
    raw = sorted(" ".join((*words, own)) for (words, _), own in zip(make_sentences(5_000, 5), hashes, strict=True))
    (corpus / "raw.txt").write_text("\n".join(raw) + "\n")
    path, run = paths["tagger_kd"], corpus / "runs/tagger_kd"
    process = start(path)
    stderr = kill_when((run / "checkpoint.safetensors").exists, process, signal.SIGTERM)
    assert process.returncode != 0
    assert stderr.count("stopped by SIGTERM; give the same command again") == 1
    assert not (run / "scores.json").exists()

    process = start(path)
    stdout, stderr = process.communicate(timeout=240)
    assert process.returncode == 0, stderr
    assert stderr.count("resuming after step") == 1
    assert "2 processes of 1 thread" in stderr
    assert stdout.count("dev   f1") == 1

    uninterrupted = corpus / "straight"
    process = start(path, "--output-dir", uninterrupted, "--set", f"transfer_dir={corpus}/again")
    stdout, stderr = process.communicate(timeout=240)
    assert process.returncode == 0, stderr
    assert json.loads((uninterrupted / "scores.json").read_text())["processes"] == 2
    assert (run / "model/model.safetensors").read_bytes() == (uninterrupted / "model/model.safetensors").read_bytes()
    assert read_metrics(run) == read_metrics(uninterrupted)

    mixed = corpus / "mixed"
    more = ["--output-dir", mixed, "--set", f"transfer_dir={corpus}/again"]
    process = start(path, *more)
    kill_when((mixed / "checkpoint.safetensors").exists, process, signal.SIGTERM)
    result = call("tagger_kd", path, *SETTINGS, *more)
    assert result.exit_code == 0, result.stderr
    assert "processes: 1 instead of 2; the batches stay the same, the random numbers of dropout" in result.stderr
    assert json.loads((mixed / "scores.json").read_text())["processes"] == 1

    alone = corpus / "alone"
    settings = [*SETTINGS, "--set", f"transfer_dir={corpus}/alone-transfer"]
    assert call("tagger_kd", path, *settings, "--output-dir", alone).exit_code == 0
    stores = [next((corpus / name).glob("*-fp32")) for name in ("runs/transfer", "again", "alone-transfer")]
    names = sorted(file.name for file in stores[0].iterdir() if file.is_file())
    assert (len(names) >= 3, names[-1]) == (True, "teacher.json")
    for name in names:
        assert len({(store / name).read_bytes() for store in stores}) == 1, name


def test_an_error_is_reported_once_and_nothing_is_written(
    corpus: Path, tiny_bert: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    path = write_configs(corpus, tiny_bert)["tagger"]
    process = start(path, "--set", "data.dev=nowhere.conll")
    _, stderr = process.communicate(timeout=240)
    assert process.returncode != 0
    assert stderr.count("data.dev: no file matches 'nowhere.conll'") == 1, stderr
    assert not (corpus / "runs/tagger").exists()


def test_an_error_of_rank_0_ends_all_processes(
    corpus: Path, tiny_bert: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    path, run = write_configs(corpus, tiny_bert)["tagger"], corpus / "runs/tagger"
    run.mkdir(parents=True)
    with FileLock(run / ".lock"):
        process = start(path)
        _, stderr = process.communicate(timeout=240)
    assert process.returncode != 0
    assert stderr.count("another nlptrain process writes to this folder") == 1, stderr
    assert "[rank" not in stderr  # no traceback of another rank; torchrun prints one of its own
    assert [file.name for file in run.iterdir()] == [".lock"]
