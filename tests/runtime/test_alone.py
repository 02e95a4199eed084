"""The runtime where torch, transformers and nlptrain are not installed: what it asks for is all it needs."""

import json
import os
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from nlptrain.models.prediction import predict
from tests.helpers.exports import ODD, TEXT, small_model
from tests.helpers.predictions import same_prediction

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MOST_BYTES = 220e6
TEXTS = [*ODD, *(" ".join(sentence.words) for sentence in TEXT)]
SCRIPT = """
import importlib.util, json, sys
sys.path.insert(0, sys.argv[1])
for name in ("torch", "transformers", "nlptrain", "regex", "safetensors"):
    assert importlib.util.find_spec(name) is None, name
from nlptrain_runtime import Tagger
texts = json.loads(sys.stdin.buffer.read())
print(json.dumps(Tagger(sys.argv[2]).predict(texts)))
"""


def needed(name: str, actual: dict[str, Distribution]) -> dict[str, Distribution]:
    """The distribution ``name`` and all that it asks for, by name."""
    if name not in actual:
        actual[name] = distribution(name)
        for line in actual[name].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needed(requirement.name.lower(), actual)
    return actual


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the packages of the runtime and its dependencies alone."""
    folder = tmp_path_factory.mktemp("packages")
    distributions = needed("nlptrain-runtime", {})
    del distributions["nlptrain-runtime"]
    (folder / "nlptrain_runtime").symlink_to(ROOT / "runtime" / "nlptrain_runtime")
    for first_item in distributions.values():
        for top in {file.parts[0] for file in first_item.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(first_item.locate_file(top))))
    return folder


@pytest.mark.parametrize("kind", ["teacher", "pieces", "pooled", "words"])
def test_predictions_equal_those_of_nlptrain(alone, folders, tiny_bert, kind):
    command = [sys.executable, "-I", "-S", "-c", SCRIPT, str(alone), str(folders[kind])]
    done = subprocess.run(command, input=json.dumps(TEXTS).encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    kinds = {
        "teacher": "teacher",
        "pieces": "subword-lstm-crf",
        "pooled": "pooled-lstm-crf",
        "words": "word-lstm-softmax",
    }
    wanted = list(predict(small_model(tiny_bert, kinds[kind]), TEXTS))
    assert all(
        same_prediction(first_item, other) for first_item, other in zip(wanted, json.loads(done.stdout), strict=True)
    )


def test_all_that_it_needs_is_small():
    size = sum(
        Path(str(file.locate())).stat().st_size
        for first_item in needed("nlptrain-runtime", {}).values()
        for file in first_item.files or ()
        if Path(str(file.locate())).is_file()
    )
    assert 50e6 < size < MOST_BYTES


def test_the_telemetry_of_onnx_runtime_is_disabled(folders, tmp_path):
    """The telemetry writes a database into the user's home, unless it is disabled before the import."""
    program = f"from nlptrain_runtime import Tagger\nTagger({str(folders['pieces'])!r}).predict(['Ada'])"
    quiet = ("CI", "GITHUB_ACTIONS", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in quiet}
    written = {}
    for name, more in (("ours", {}), ("asked for", {"ORT_DISABLE_TELEMETRY": "0"})):
        home = tmp_path / name
        home.mkdir()
        subprocess.run([sys.executable, "-c", program], env={**environment, **more, "HOME": str(home)}, check=True)
        written[name] = [path.name for path in home.rglob("*") if path.is_file()]
    assert written["ours"] == []
    assert "onnxruntime.db" in written["asked for"]
