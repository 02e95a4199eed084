"""Runs whose configuration has the keys of an earlier version can be read, but not trained again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from nlptrain.config.validation_errors import RENAMED_KEYS
from tests.helpers.commands import call, write_configs

pytestmark = pytest.mark.slow


def with_old_keys(values: dict[str, Any]) -> dict[str, Any]:
    """Rename the keys of a configuration to those of an earlier version."""
    old = json.loads(json.dumps(values))
    for old_key, new_key in RENAMED_KEYS.items():
        if old_key == "track":
            old.pop(new_key, None)
            continue
        *sections, name = new_key.split(".")
        section = old
        for part in sections:
            section = section.get(part, {})
        if name in section:
            section[old_key.rpartition(".")[2]] = section.pop(name)
    return old


@pytest.fixture
def run(corpus: Path, tiny_bert: Path) -> Path:
    """Train a tagger and rewrite its folder as an earlier version would have written it."""
    assert call("tagger", write_configs(corpus, tiny_bert)["tagger"]).exit_code == 0
    folder = corpus / "runs/tagger"
    identity = json.loads((folder / "run.json").read_text())
    before = hashlib.sha256((folder / "run.json").read_bytes()).hexdigest()
    text = json.dumps({**identity, "config": with_old_keys(identity["config"])}, indent=2) + "\n"
    assert '"unknown_rate"' in text
    (folder / "run.json").write_text(text)
    sums = (folder / "SHA256SUMS").read_text()
    assert before in sums
    (folder / "SHA256SUMS").write_text(sums.replace(before, hashlib.sha256(text.encode()).hexdigest()))
    config = yaml.safe_load((folder / "config.yaml").read_text())
    (folder / "config.yaml").write_text(yaml.safe_dump(with_old_keys(config)))
    return folder


def test_runs_of_older_versions_are_read(run: Path, corpus: Path) -> None:
    scores = json.loads((run / "scores.json").read_text())
    evaluated = json.loads(call("evaluate", run, corpus / "test.conll", "--json").stdout)
    assert evaluated["f1"] == scores["test"]["f1"]
    assert call("predict", run, text="Ada sings\n").exit_code == 0
    compared = call("compare", run, "--no-speed", "--json")
    assert json.loads(compared.stdout)["runs"][0]["f1"] == scores["test"]["f1"]
    exported = call("export", run, corpus / "exported")
    assert exported.exit_code == 0, exported.stderr
    assert ", dev " in exported.output
    assert "dev_sample" not in exported.output  # its dev files are found by the data map of the old config.yaml


def test_runs_of_older_versions_are_not_trained_again(run: Path, corpus: Path) -> None:
    again = call("tagger", corpus / "tagger.yaml")
    assert again.exit_code == 2
    (line,) = [line for line in again.stderr.splitlines() if line.startswith("error: ")]
    assert f"{run}: holds a run of an earlier version of nlptrain (student.start is now student.init_from); use" in line
    assert call("tagger", corpus / "tagger.yaml", "--overwrite", "--set", "train.steps=2").exit_code == 0
