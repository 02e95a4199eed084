"""Experiment trackers receive the rows of metrics.jsonl, and their errors do not end a run."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nlptrain.config.trackers import TRACKERS, TrackerEntry
from nlptrain.errors import InputError
from nlptrain.run.run import Run
from nlptrain.training.tracking import Trackers, check_trackers
from tests.helpers.commands import call, write_configs

pytestmark = pytest.mark.slow

Curves = dict[str, dict[int, Any]]


@pytest.fixture
def config(corpus: Path, tiny_bert: Path) -> Path:
    return write_configs(corpus, tiny_bert)["tagger"]


def expected_curves(run: Path) -> Curves:
    """Return the points of the rows of ``metrics.jsonl``."""
    curves: Curves = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        values = json.loads(line)
        step = values.pop("step")
        for name, value in values.items():
            curve = f"dev/{name[4:]}" if name.startswith("dev_") else f"train/{name}"
            curves.setdefault(curve, {})[step] = pytest.approx(value, rel=1e-6)
    assert {"train/loss", "train/gold", "train/learning_rate", "dev/f1"} <= set(curves)
    return curves


def tensorboard_curves(folder: Path) -> Curves:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {name: {e.step: e.value for e in events.Scalars(name)} for name in events.Tags()["scalars"]}


def wandb_records(path: Path) -> Iterator[bytes]:
    """Read the records of a ``.wandb`` file: a LevelDB log (blocks of 32 KiB) after a header of 7 bytes."""
    data, position, parts = path.read_bytes(), 7, b""
    while position + 7 <= len(data):
        if (left := 32768 - position % 32768) < 7:
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # a whole record, or its last part
            yield parts
            parts = b""


def wandb_curves(folder: Path) -> Curves:
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("offline-run-*/run-*.wandb")
    curves: Curves = {}
    for content in wandb_records(path):
        record = Record()
        record.ParseFromString(content)
        items = {"/".join(item.nested_key) or item.key: item.value_json for item in record.history.item}
        for name, value in items.items():
            if not name.startswith("_"):
                curves.setdefault(name, {})[int(items["_step"])] = json.loads(value)
    return curves


def test_tensorboard_receives_all_metrics(config: Path, corpus: Path) -> None:
    result = call("tagger", config, "--set", "report_to=[tensorboard]", "--set", "train.log_every=10")
    assert result.exit_code == 0, result.output
    run = corpus / "runs/tagger"
    assert f"tensorboard: {run / 'tensorboard'} (report_to)" in result.stderr
    assert tensorboard_curves(run / "tensorboard") == expected_curves(run)
    # It is the same run with and without a tracker, and --overwrite removes the curves.
    assert "is finished" in call("tagger", config, "--set", "train.log_every=10").stderr
    assert call("tagger", config, "--overwrite").exit_code == 0
    assert not (run / "tensorboard").exists()


def test_wandb_receives_all_metrics_offline(
    config: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    result = call("tagger", config, "--set", "report_to=[wandb]", "--set", "train.log_every=10")
    assert result.exit_code == 0, result.output
    run = corpus / "runs/tagger"
    assert f"wandb: {run / 'wandb'}, offline (report_to, WANDB_MODE)" in result.stderr
    assert wandb_curves(run / "wandb") == expected_curves(run)
    assert not (tmp_path / "home").exists()
    assert call("tagger", config, "--overwrite").exit_code == 0
    assert not (run / "wandb").exists()


def test_a_missing_package_is_reported_before_the_training(
    config: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlptrain.training.tracking.find_spec", lambda name: None)
    result = call("tagger", config, "--set", "report_to=[wandb]")
    assert result.exit_code == 2
    assert "report_to: the package wandb is not installed; pip install 'nlptrain[track]', or remove wandb" in (
        result.stderr
    )
    assert not (corpus / "runs/tagger").exists()


def test_a_resumed_run_drops_later_points(tmp_path: Path) -> None:
    Run(None, device="cpu")  # accelerate's trackers need its state
    for resumed_after, steps in ((0, range(1, 8)), (4, range(5, 7))):
        trackers = Trackers(["tensorboard"], tmp_path, step=resumed_after)
        for step in steps:
            trackers.write({"step": step, "loss": step + 10 * resumed_after})
        trackers.close()
    curves = tensorboard_curves(tmp_path / "tensorboard")
    assert curves["train/loss"] == {1: 1, 2: 2, 3: 3, 4: 4, 5: 45, 6: 46}


def test_a_tracker_that_fails_does_not_end_the_run(tmp_path: Path) -> None:
    Run(None, device="cpu")
    (tmp_path / "tensorboard").write_text("a file")
    lines: list[str] = []
    trackers = Trackers(["tensorboard"], tmp_path, log=lines.append)
    trackers.write({"step": 1, "loss": 1.0})
    trackers.close()
    assert len(lines) == 2
    assert lines[1].startswith("tensorboard failed: ")
    assert lines[1].endswith("; training continues without it (report_to)")


class Rows:
    """A tracker of another package, with the methods of accelerate's trackers that are called."""

    def __init__(self, folder: Path) -> None:
        self.file = (folder / "rows.txt").open("w")

    def start(self) -> None:
        self.file.write("start\n")

    def log(self, values: dict[str, Any], step: int) -> None:
        self.file.write(f"{step} {' '.join(sorted(values))}\n")

    def finish(self) -> None:
        self.file.close()


def build_rows(folder: Path, step: int, log: object) -> Rows:
    return Rows(folder)


def test_a_tracker_of_a_package_receives_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = TrackerEntry(f"{__name__}:build_rows", "a file", package="no_such_package", hint="pip install rows")
    monkeypatch.setitem(TRACKERS.entries, "rows", entry)
    trackers = Trackers(["rows"], tmp_path)
    trackers.write({"step": 3, "loss": 0.5, "dev_f1": 0.1})
    trackers.close()
    assert (tmp_path / "rows.txt").read_text() == "start\n3 dev/f1 train/loss\n"
    with pytest.raises(
        InputError, match="the package no_such_package is not installed; pip install rows, or remove rows"
    ):
        check_trackers(["rows"])
    with pytest.raises(
        InputError, match="found the experiment tracker 'row'; expected one of tensorboard, wandb, rows"
    ):
        check_trackers(["row"])
