"""Credentials in URLs are in no file of a run, in no log, error or card."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
import yaml

from nlptrain.data import remote_files
from tests.helpers.commands import call, write_configs
from tests.helpers.s3_server import s3_server

pytestmark = pytest.mark.slow

KEY, SECRET = "AKIAINVENTEDKEY00002", "Hidden/Secret+Key0123456789abcdefghijkl"
SIGNATURE = "5f0e1d2c3b4a59687766"
FORBIDDEN = (KEY, SECRET, SECRET.split("/")[1], SIGNATURE)


@pytest.fixture
def server(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the corpus, and yield the server's URL."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "wandb_cache"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr(remote_files, "_files", {})
    files = {name: (corpus / name).read_bytes() for name in ("train.conll", "dev.conll", "test.conll")}
    with s3_server(files) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        fsspec.filesystem("s3").clear_instance_cache()
        yield url


def _files_with_secrets(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    secrets = [secret.encode() for secret in FORBIDDEN]
    return [str(path) for path in files if any(secret in path.read_bytes() for secret in secrets)]


def _public(text: str) -> bool:
    return not any(secret in text for secret in FORBIDDEN)


def _run(arguments: list[Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command as from a shell: its words are in ``sys.argv``, which scores.json and trackers record."""
    monkeypatch.setattr(sys, "argv", ["nlptrain", *map(str, arguments)])
    return call(*arguments)


def test_no_output_of_a_run_has_the_credentials(
    server: str, corpus: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_configs(corpus, tiny_bert)["tagger"]
    values = yaml.safe_load(config.read_text())
    values["data"] = {"dev": f"s3://{KEY}:{SECRET}@corpora/dev.conll"}
    values["report_to"] = ["tensorboard", "wandb"]
    config.write_text(yaml.safe_dump(values))
    train = f"s3://{KEY}:{SECRET}@corpora/tr*.conll"
    test = f"{server}/corpora/test.conll?X-Amz-Signature={SIGNATURE}&token={SIGNATURE}"
    arguments = ["tagger", config, "--train", train, "--set", f"data.test='{test}'"]

    result = _run(arguments, monkeypatch)
    assert result.exit_code == 0, result.output
    assert _public(result.output)
    run = corpus / "runs/tagger"
    assert _files_with_secrets(run) == []
    data = yaml.safe_load((run / "config.yaml").read_text())["data"]
    shown_test = f"{server}/corpora/test.conll"
    assert (data["train"], data["dev"], data["test"]) == (
        "s3://corpora/tr*.conll",
        "s3://corpora/dev.conll",
        shown_test,
    )
    scores = json.loads((run / "scores.json").read_text())
    assert list(scores["inputs"])[:3] == ["s3://corpora/train.conll", "s3://corpora/dev.conll", shown_test]
    assert "--train 's3://corpora/tr*.conll'" in scores["command_line"]

    card = call("card", run).stdout
    assert "| s3://corpora/train.conll |" in card or "s3://corpora/train.conll" in card
    assert _public(card)
    # The same run again, and with other credentials for the same files: it is finished.
    again = _run([*arguments[:-1], f"data.test='{shown_test}?token=another'"], monkeypatch)
    assert "is finished" in again.stderr
    assert _public(again.output)


def test_no_error_has_the_credentials(
    server: str, corpus: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = tmp_path / "problems.json"
    monkeypatch.setenv("NLPTRAIN_PROBLEMS_FILE", str(problems))
    config = write_configs(corpus, tiny_bert)["tagger"]
    url = f"s3://{KEY}:{SECRET}@corpora"
    for arguments in (
        ["tagger", config, "--train", f"{url}/no.conll"],
        ["tagger", config, "--set", f"data.trian={url}/train.conll"],
        ["tagger", config, "--set", f"data.train={{a: {url}/train.conll}}"],
        ["tagger", config, "--output-dir", f"{url}/run"],
        ["convert", f"{url}/no.conll", tmp_path / "out.conll"],
        ["convert", f"{url}/train.conll", f"{url}/out.conll"],
        ["convert", f"{url}/train.conll", tmp_path / "out.conll", f"--{url}"],
        ["evaluate", f"{url}/model", f"{url}/test.conll"],
        ["convert", f"s4://{KEY}:{SECRET}@corpora/a.conll", tmp_path / "out.conll"],
    ):
        problems.unlink(missing_ok=True)
        result = _run(arguments, monkeypatch)
        assert result.exit_code == 2, (arguments, result.output)
        assert _public(result.output), arguments
        assert _public(problems.read_text()), arguments
    assert not any(path.name.startswith("s3:") for path in [*tmp_path.iterdir(), *Path().iterdir()])
    assert os.environ["NLPTRAIN_PROBLEMS_FILE"] == str(problems)
