"""The shell scripts that people put into their pipelines, on tiny models."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.commands import call, write_configs

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[2] / "scripts"


def bash(folder: Path, script: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    own = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{own}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1", **variables}
    return subprocess.run(
        ["bash", str(SCRIPTS / script), *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture
def experiments(corpus: Path, tiny_bert: Path) -> Path:
    """A folder with the configuration of a student whose teacher is trained."""
    folder = corpus / "experiments"
    folder.mkdir()
    paths = write_configs(corpus, tiny_bert)
    assert call("transformer_token", paths["transformer_token"]).exit_code == 0
    paths["tagger_kd"].rename(folder / "tagger_kd.yaml")
    return folder


def test_the_gate_lists_unmet_requirements(corpus: Path, experiments: Path) -> None:
    short = bash(corpus, "ci_gate.sh", experiments, "share >= 0.01", "type.person.f1 > 1.5", REPORT="report.txt")
    assert short.returncode == 1
    assert "type.person.f1 is" in short.stderr
    assert "required is 'type.person.f1 > 1.5'" in short.stderr
    assert "share is" not in short.stderr
    assert "tagger_kd" in (corpus / "report.txt").read_text()
    assert bash(corpus, "ci_gate.sh", experiments).returncode == 2


def test_the_gate_is_shut_where_an_experiment_fails(corpus: Path, experiments: Path) -> None:
    (corpus / "train.conll").write_text("Ada\tB-person\nsings\n")
    failed = bash(corpus, "ci_gate.sh", experiments, "share >= 0.01")
    assert failed.returncode == 1
    assert "train.conll:2" in failed.stderr
    assert not (corpus / "gate.txt").exists()


@pytest.mark.full
def test_a_folder_of_text_becomes_a_folder_that_serves(corpus: Path, experiments: Path) -> None:
    text = corpus / "text"
    text.mkdir()
    (corpus / "raw.txt").rename(text / "a.txt")
    teacher = corpus / "runs/transformer_token"
    small = ["--set", "train.steps=30", "--set", "train.eval_every=15", "--set", "student.embedder.dim=16"]
    given = ["--dev", corpus / "dev.conll", "--set", "augment=none", *small]
    done = bash(corpus, "distill_folder.sh", teacher, text, "out", *given, LEAST="0.01")
    assert done.returncode == 0, done.stderr
    assert (corpus / "out/exported/onnx/model_quantized.onnx").is_file()
    assert '"entities"' in done.stdout
    # Without gold sentences it is agreement that is measured.
    bare = bash(corpus, "distill_folder.sh", teacher, text, "bare", *small, LEAST="1.5")
    assert bare.returncode == 1
    assert "agreement" in bare.stdout
    assert "share is" in bare.stderr
    assert not (corpus / "bare/exported").exists()
    assert bash(corpus, "distill_folder.sh", "nowhere", text, "out2").returncode == 2
