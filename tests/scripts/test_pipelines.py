"""The shell scripts that people put into their pipelines, on tiny models."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.helpers.commands import call, write_configs

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_commands")]

SCRIPTS = Path(__file__).parents[2] / "scripts"


def bash(folder: Path, script: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
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
    unmet = bash(corpus, "ci_gate.sh", experiments, "share >= 0.01", "type.person.f1 > 1.5", REPORT="report.txt")
    assert unmet.returncode == 1
    assert "type.person.f1 is" in unmet.stderr
    assert "required is 'type.person.f1 > 1.5'" in unmet.stderr
    assert "share is" not in unmet.stderr
    assert "tagger_kd" in (corpus / "report.txt").read_text()
    assert bash(corpus, "ci_gate.sh", experiments).returncode == 2


def test_the_gate_fails_if_an_experiment_fails(corpus: Path, experiments: Path) -> None:
    (corpus / "train.conll").write_text("Ada\tB-person\nsings\n")
    failed = bash(corpus, "ci_gate.sh", experiments, "share >= 0.01")
    assert failed.returncode == 1
    assert "train.conll: found no sentence" in failed.stderr
    assert not (corpus / "gate.txt").exists()


@pytest.mark.full
def test_distill_folder_exports_a_tagger_for_a_folder_of_text(corpus: Path, experiments: Path) -> None:
    text_folder = corpus / "text"
    text_folder.mkdir()
    (corpus / "raw.txt").rename(text_folder / "a.txt")
    teacher = corpus / "runs/transformer_token"
    small_student = ["--set", "train.steps=30", "--set", "train.eval_every=15", "--set", "student.embedder.dim=16"]
    options = ["--dev", corpus / "dev.conll", "--set", "augment=none", *small_student]
    result = bash(corpus, "distill_folder.sh", teacher, text_folder, "out", *options, LEAST="0.01")
    assert result.returncode == 0, result.stderr
    assert (corpus / "out/exported/onnx/model_quantized.onnx").is_file()
    assert '"entities"' in result.stdout
    # Without gold sentences it is agreement that is measured.
    without_gold = bash(corpus, "distill_folder.sh", teacher, text_folder, "bare", *small_student, LEAST="1.5")
    assert without_gold.returncode == 1
    assert "agreement" in without_gold.stdout
    assert "share is" in without_gold.stderr
    assert not (corpus / "bare/exported").exists()
    assert bash(corpus, "distill_folder.sh", "nowhere", text_folder, "out2").returncode == 2
