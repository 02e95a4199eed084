"""Run the commands on tiny models, in this process or in one of their own."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import yaml
from click.testing import CliRunner, Result

from nlptrain.cli.main import main


def call(*arguments: object, text: str | bytes | None = None) -> Result:
    """Run ``nlptrain`` with ``arguments`` in this process; ``text`` is its standard input."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=text, prog_name="nlptrain")


def write_configs(corpus: Path, tiny_bert: Path) -> dict[str, Path]:
    """Write a configuration for each of the four commands, of tiny models; return their paths by command."""
    data = {split: str(corpus / f"{split}.conll") for split in ("train", "dev", "test")}
    student = {"embedder": {"dim": 16}, "encoder": {"hidden": 16, "layers": 1}}
    train = {"steps": 40, "batch_subwords": 300, "learning_rate": 0.01, "warmup_steps": 5, "eval_every": 20, "ema": 0.9}
    teacher = {"teacher": str(corpus / "runs/transformer_token"), "student": student, "train": train}
    raw = {"data": {**data, "unlabeled": str(corpus / "raw.txt")}, "augment": "none"}
    values: dict[str, dict[str, object]] = {
        "transformer_token": {"model": str(tiny_bert), "data": data, "train": {"epochs": 12, "learning_rate": 5e-3}},
        "tagger": {"student": {**student, "tokenizer": str(tiny_bert)}, "data": data, "train": train},
        "tagger_kd": {**teacher, **raw},
        "pseudo_label": {**teacher, **raw, "objective": {"min_confidence": 0.3}},
    }
    paths = {}
    for name, config in values.items():
        paths[name] = corpus / f"{name}.yaml"
        paths[name].write_text(yaml.safe_dump({**config, "device": "cpu", "output_dir": str(corpus / "runs" / name)}))
    return paths


def start_command(python: Path, path: Path, *more: str) -> subprocess.Popen[str]:
    """Start the command that the configuration ``path`` is named after, in a process of its own."""
    arguments = [python, "-m", "nlptrain", path.stem, path, *more]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


def kill_when(condition: Callable[[], bool], process: subprocess.Popen[str], signal_number: int) -> str:
    """Send a signal to ``process`` as soon as ``condition`` holds; return its standard error."""
    for _ in range(3600):  # processes that start others take a while on a busy machine
        if condition() or process.poll() is not None:
            break
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()
    process.send_signal(signal_number)
    return process.communicate(timeout=180)[1]


def read_metrics(folder: Path) -> list[dict[str, object]]:
    """Return the rows of ``metrics.jsonl`` without their timings."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key not in ("words_per_second", "waiting")} for row in rows]
