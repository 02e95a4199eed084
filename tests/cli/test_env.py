"""Versions and environment for bug reports, and suggestions for misspelled commands."""

import json
import subprocess
import sys
from importlib import metadata

import pytest

from tests.helpers.commands import call


def test_version_does_not_import_torch() -> None:
    script = "import sys; from nlptrain.cli.main import main; main(['--version'], standalone_mode=False)"
    result = subprocess.run(
        [sys.executable, "-c", f"{script}; print('torch' in sys.modules)"], capture_output=True, text=True, check=True
    )
    line, imported = result.stdout.splitlines()
    assert line.startswith("nlptrain 0.1.0 (torch ")
    for name in ("torch", "transformers", "tokenizers"):
        assert f"{name} {metadata.version(name)}" in line
    assert imported == "False"


def test_env_reports_versions_and_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    environment = json.loads(call("env", "--json").stdout)
    assert environment["pyarrow"] == metadata.version("pyarrow")
    assert (environment["HF_TOKEN"], environment["OMP_NUM_THREADS"]) == ("(set)", "3")
    lines = call("env").stdout
    assert "hf_secret" not in lines
    assert "cores" in lines


@pytest.mark.parametrize(
    ("misspelled", "suggestion"), [("taggerkd", "tagger_kd"), ("compair", "compare"), ("pseudolabel", "pseudo_label")]
)
def test_a_misspelled_command_gets_a_suggestion(misspelled: str, suggestion: str) -> None:
    result = call(misspelled)
    assert result.exit_code == 2
    assert f"No such command {misspelled!r}. Did you mean {suggestion!r}?" in result.stderr
    assert "Did you mean" not in call("zzz").stderr
