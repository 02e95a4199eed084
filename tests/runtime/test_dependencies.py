"""The runtime works with its declared dependencies alone, without torch, transformers and nlptrain."""

import json
import os
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from nlptrain.models.prediction import predict_texts
from tests.helpers.predictions import same_prediction
from tests.helpers.small_models import DIFFICULT_TEXTS, SENTENCES, small_model

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MAX_BYTES = 220e6
TEXTS = [*DIFFICULT_TEXTS, *(" ".join(sentence.words) for sentence in SENTENCES)]
SCRIPT = """
import importlib.util, json, sys
sys.path.insert(0, sys.argv[1])
for name in ("torch", "transformers", "nlptrain", "regex", "safetensors"):
    assert importlib.util.find_spec(name) is None, name
from nlptrain_runtime import Tagger
texts = json.loads(sys.stdin.buffer.read())
print(json.dumps(Tagger(sys.argv[2]).predict(texts)))
"""


def collect_requirements(name: str, distributions: dict[str, Distribution]) -> dict[str, Distribution]:
    """Add the distribution ``name`` and all of its dependencies to ``distributions``."""
    if name not in distributions:
        distributions[name] = distribution(name)
        for line in distributions[name].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                collect_requirements(requirement.name.lower(), distributions)
    return distributions


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the packages of the runtime and its dependencies alone."""
    folder = tmp_path_factory.mktemp("packages")
    distributions = collect_requirements("nlptrain-runtime", {})
    del distributions["nlptrain-runtime"]
    (folder / "nlptrain_runtime").symlink_to(ROOT / "runtime" / "nlptrain_runtime")
    for package in distributions.values():
        for top in {file.parts[0] for file in package.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(package.locate_file(top))))
    return folder


@pytest.mark.parametrize("kind", ["teacher", "pieces", "pooled", "words"])
def test_predictions_without_torch_equal_those_of_nlptrain(packages, folders, tiny_bert, kind):
    command = [sys.executable, "-I", "-S", "-c", SCRIPT, str(packages), str(folders[kind])]
    result = subprocess.run(command, input=json.dumps(TEXTS).encode(), capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()
    kinds = {
        "teacher": "teacher",
        "pieces": "subword-lstm-crf",
        "pooled": "pooled-lstm-crf",
        "words": "word-lstm-softmax",
    }
    expected = list(predict_texts(small_model(tiny_bert, kinds[kind]), TEXTS))
    predictions = json.loads(result.stdout)
    assert all(same_prediction(*pair) for pair in zip(expected, predictions, strict=True))


def test_all_dependencies_together_are_small():
    size = sum(
        Path(str(file.locate())).stat().st_size
        for package in collect_requirements("nlptrain-runtime", {}).values()
        for file in package.files or ()
        if Path(str(file.locate())).is_file()
    )
    assert 50e6 < size < MAX_BYTES


def test_the_telemetry_of_onnx_runtime_is_disabled(folders, tmp_path):
    """The telemetry writes a database into the user's home, unless it is disabled before the import."""
    program = f"from nlptrain_runtime import Tagger\nTagger({str(folders['pieces'])!r}).predict(['Ada'])"
    excluded = ("CI", "GITHUB_ACTIONS", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in excluded}
    written_files = {}
    for name, variables in (("default", {}), ("enabled", {"ORT_DISABLE_TELEMETRY": "0"})):
        home = tmp_path / name
        home.mkdir()
        subprocess.run([sys.executable, "-c", program], env={**environment, **variables, "HOME": str(home)}, check=True)
        written_files[name] = [path.name for path in home.rglob("*") if path.is_file()]
    assert written_files["default"] == []
    assert "onnxruntime.db" in written_files["enabled"]
