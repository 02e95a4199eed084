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


def needed(name: str, found: dict[str, Distribution]) -> dict[str, Distribution]:
    """The distribution ``name`` and all that it asks for, by name."""
    if name not in found:
        found[name] = distribution(name)
        for line in found[name].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needed(requirement.name.lower(), found)
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages in which the runtime stands with what it asks for, and nothing else."""
    folder = tmp_path_factory.mktemp("packages")
    distributions = needed("nlptrain-runtime", {})
    del distributions["nlptrain-runtime"]
    (folder / "nlptrain_runtime").symlink_to(ROOT / "runtime" / "nlptrain_runtime")
    for one in distributions.values():
        for top in {file.parts[0] for file in one.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(one.locate_file(top))))
    return folder


@pytest.mark.parametrize("kind", ["teacher", "pieces", "pooled", "words"])
def test_it_says_what_nlptrain_says(alone, folders, tiny_bert, kind):
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
    assert all(same_prediction(one, other) for one, other in zip(wanted, json.loads(done.stdout), strict=True))


def test_all_that_it_needs_is_small():
    size = sum(
        Path(str(file.locate())).stat().st_size
        for one in needed("nlptrain-runtime", {}).values()
        for file in one.files or ()
        if Path(str(file.locate())).is_file()
    )
    assert 50e6 < size < MOST_BYTES


def test_it_reports_nothing_to_the_makers_of_onnx_runtime(folders, tmp_path):
    """Its packages do, by a database in the user's home, unless they are told not to before they are loaded."""
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
