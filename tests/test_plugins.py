"""A package that adds an encoder, a loss, a file format and a teacher, without any change here: tests/plugin."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nlptrain.data.corpus import Corpus
from tests.helpers.plugins import EXAMPLE, install_plugin, write_entry_points

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
MODULES = ("plugin", "encoder", "loss", "slash", "names", "segmenter")
LABELS = ["O", "B-person", "I-person", "B-place", "I-place"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the example package, and one whose module cannot be imported."""
    folder = install_plugin(tmp_path_factory.mktemp("site"))
    return write_entry_points(folder, "nlptrain-broken", "0.9", {"nlptrain.encoders": {"broken": "no_module:ENTRY"}})


def run(site: Path, *arguments: object, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run Python with ``arguments`` in a process that finds the packages in ``site``."""
    path = os.pathsep.join(map(str, (ROOT, ROOT / "runtime", site)))
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        input=text,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


@pytest.fixture
def config(corpus: Path, tiny_bert: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Return a configuration with all that the package adds, of files in the working directory."""
    monkeypatch.chdir(corpus)
    for split in ("train", "dev"):
        lines = [" ".join(map("/".join, zip(s.words, s.tags or (), strict=True))) for s in Corpus(f"{split}.conll")]
        Path(f"{split}.slash").write_text("\n".join(lines) + "\n")
    Path("names.txt").write_text("\n".join(re.findall(r"(\S+)/B-person", Path("train.slash").read_text())))
    return {
        "teacher": {"kind": "names", "path": "names.txt"},
        "data": {"train": "train.slash", "dev": "dev.slash", "unlabeled": "raw.txt", "labels": LABELS},
        "student": {
            "tokenizer": str(tiny_bert),
            "embedder": {"dim": 16},
            "encoder": {"kind": "window", "filters": 24},
        },
        "objective": {"loss": "js", "temperature": 2.0},
        "train": {"steps": 60, "eval_every": 30, "learning_rate": 0.01, "warmup_steps": 5, "batch_subwords": 300},
        "augment": "none",
        "device": "cpu",
        "output_dir": "student",
    }


def test_a_student_is_trained_saved_and_exported_with_what_a_package_adds(
    config: dict[str, object], site: Path
) -> None:
    converted = run(site, "-m", "nlptrain", "convert", "train.conll", "converted.slash")
    assert converted.returncode == 0, converted.stderr
    assert Path("converted.slash").read_bytes() == Path("train.slash").read_bytes()
    Path("student.yaml").write_text(yaml.safe_dump(config))
    trained = run(site, "-m", "nlptrain", "tagger_kd", "student.yaml")
    assert trained.returncode == 0, trained.stderr
    assert "teacher: names.txt" in trained.stderr
    assert "; the student learns these from gold tags alone" in trained.stderr
    assert json.loads(Path("student/scores.json").read_text())["dev"]["f1"] > 0.5
    text = "Ada Smith lives in Paris .\n"
    predicted = run(site, "-m", "nlptrain", "predict", "student", text=text)
    assert json.loads(predicted.stdout)["entities"], predicted.stderr
    exported = run(site, "-m", "nlptrain", "export", "student", "exported", "--precision", "fp32")
    assert exported.returncode == 0, exported.stderr
    tagged = run(site, "-m", "nlptrain_runtime.command", "exported", text=text)  # without the package's code
    spans = [
        [(e["start"], e["end"], e["label"]) for e in json.loads(out.stdout)["entities"]] for out in (predicted, tagged)
    ]
    assert spans[0] == spans[1]
    changed = Path("names.txt").write_text("Nobody")  # another teacher: another run
    again = run(site, "-m", "nlptrain", "tagger_kd", "student.yaml")
    assert changed
    assert again.returncode == 2
    without = run(Path("nowhere"), "-m", "nlptrain", "predict", "student", text=text)
    assert without.returncode == 2
    assert "config.json: encoder: found the encoder 'window'; expected one of lstm, gru, idcnn" in without.stderr


def test_the_kinds_of_a_package_work_from_python(config: dict[str, object], site: Path) -> None:
    program = (
        "import sys, json, nlptrain\n"
        "student = nlptrain.distill(**json.load(sys.stdin))\n"
        "assert type(student.model.encoder).__module__ == 'nlptrain_example.encoder'\n"
        "print(nlptrain.load('student').predict('Ada lives in Paris .').text)"
    )
    done = run(site, "-c", program, text=json.dumps(config))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Ada lives in Paris .\n"


def test_a_segmenter_finds_the_words_of_training_prediction_and_the_exported_folder(
    config: dict[str, object], site: Path
) -> None:
    data = {"train": "train.jsonl", "dev": "train.jsonl", "segmenter": "pairs"}
    text = "\u6771\u4eac\u3078\u884c\u304f"  # no words of the pattern, which has five
    entities = [{"start": 0, "end": 2, "label": "place"}]
    rows = [{"text": text + "\u3002" * count, "entities": entities} for count in range(1, 30)]
    Path("train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    student = {"encoder": {"kind": "idcnn", "filters": 8}, "embedder": {"kind": "word", "dim": 8}}
    run_config = {"data": data, "student": student, "train": {"steps": 2}, "device": "cpu", "output_dir": "segmented"}
    Path("segmented.yaml").write_text(yaml.safe_dump(run_config))
    trained = run(site, "-m", "nlptrain", "tagger", "segmented.yaml")
    assert trained.returncode == 0, trained.stderr
    assert json.loads(Path("segmented/model/word_splitter.json").read_text())["segmenter"] == "pairs"
    predicted = run(site, "-m", "nlptrain", "predict", "segmented", "--format", "conll", text=text)
    assert [line.split("\t")[0] for line in predicted.stdout.split("\n") if line] == [text[:2], text[2:4], text[4:]]
    exported = run(site, "-m", "nlptrain", "export", "segmented", "segmented_onnx", "--precision", "fp32")
    assert exported.returncode == 0, exported.stderr
    assert run(site, "-m", "nlptrain_runtime.command", "segmented_onnx", text=text).returncode == 0
    for command in (("nlptrain", "predict", "segmented"), ("nlptrain_runtime.command", "segmented_onnx")):
        without = run(Path("nowhere"), "-m", *command, text=text)
        assert without.returncode == 2
        assert "the word segmenter 'pairs' is not installed; install the package that has it" in without.stderr
        assert "Traceback" not in without.stderr
    unknown = run(site, "-m", "nlptrain", "tagger", "segmented.yaml", "--set", "data.segmenter=pair")
    assert unknown.returncode == 2
    assert "data.segmenter: found the word segmenter 'pair'; expected one of pairs" in unknown.stderr


def test_a_broken_package_is_an_error_only_if_it_is_used(config: dict[str, object], site: Path) -> None:
    listed = run(site, "-m", "nlptrain", "env", "--json")
    plugins = {plugin["kind"]: plugin for plugin in json.loads(listed.stdout)["plugins"]}
    assert plugins.keys() == {"window", "js", "slash", "names", "pairs", "broken"}
    assert [kind for kind, plugin in plugins.items() if plugin["fault"]] == ["broken"]
    Path("student.yaml").write_text(yaml.safe_dump(config))
    used = run(site, "-m", "nlptrain", "tagger_kd", "student.yaml", "--set", "student.encoder.kind=broken")
    assert used.returncode == 2
    assert "broken of the package nlptrain-broken 0.9 cannot be used (ModuleNotFoundError" in used.stderr
    assert "update or correct nlptrain-broken" in used.stderr
    assert "Traceback" not in used.stderr


def test_the_modules_with_entries_can_be_imported_first_and_need_no_torch(site: Path) -> None:
    program = (
        "import sys, nlptrain_example.plugin as plugin\n"
        "assert 'torch' not in sys.modules\n"
        "from nlptrain.config.components import ENCODERS\n"
        "assert ENCODERS['window'] is plugin.WINDOW, ENCODERS.plugins()"
    )
    done = run(site, "-c", program)
    assert done.returncode == 0, done.stderr


def test_the_guide_shows_the_files_of_the_package() -> None:
    guide = (ROOT / "docs/guides/extending.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```(?:py|toml)\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    files = [EXAMPLE / "pyproject.toml", *(EXAMPLE / f"nlptrain_example/{name}.py" for name in MODULES)]
    assert shown == [path.read_text(encoding="utf-8") for path in files]
    assert max(block.count("\n") for block in shown[2:]) < 40


@pytest.mark.full
def test_the_package_installs_with_pip(tmp_path: Path) -> None:
    command = ["-m", "pip", "install", "--no-deps", "--quiet", "--target", tmp_path / "site", EXAMPLE]
    done = run(Path("nowhere"), *command)
    assert done.returncode == 0, done.stderr
    listed = run(tmp_path / "site", "-m", "nlptrain", "env")
    assert "nlptrain.encoders window (nlptrain-example 1.0): can be used" in listed.stdout
