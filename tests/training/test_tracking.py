"""track: tensorboard: the curves are the lines of metrics.jsonl."""

import json
from pathlib import Path
from typing import Any

import pytest

from nlptrain.training.tracking import TensorBoard
from tests.helpers.commands import call, write_configs


def curves(folder: Path) -> dict[str, dict[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {name: {e.step: e.value for e in events.Scalars(name)} for name in events.Tags()["scalars"]}


def test_every_number_is_a_point_on_its_curve(corpus: Path, tiny_bert: Path) -> None:
    path = write_configs(corpus, tiny_bert)["tagger"]
    result = call("tagger", path, "--set", "track=tensorboard", "--set", "train.log_every=10")
    assert result.exit_code == 0, result.output
    run = corpus / "runs/tagger"
    wanted: dict[str, dict[int, Any]] = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        values = json.loads(line)
        step = values.pop("step")
        for name, value in values.items():
            curve = f"dev/{name[4:]}" if name.startswith("dev_") else f"train/{name}"
            wanted.setdefault(curve, {})[step] = pytest.approx(value, rel=1e-6)
    assert {"train/loss", "train/gold", "train/learning_rate", "dev/f1"} <= set(wanted)
    assert curves(run / "tensorboard") == wanted
    # It is the same run with and without, and --overwrite takes the curves away.
    assert "is finished" in call("tagger", path, "--set", "train.log_every=10").stderr
    assert call("tagger", path, "--overwrite").exit_code == 0
    assert not (run / "tensorboard").exists()


def test_what_cannot_be_told_is_said_before_anything_is_trained(
    corpus: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_configs(corpus, tiny_bert)["tagger"]
    monkeypatch.setattr("nlptrain.training.tracking.find_spec", lambda name: None)
    result = call("tagger", path, "--set", "track=tensorboard")
    assert result.exit_code == 2
    assert "track: tensorboard, and the package is not installed; pip install 'nlptrain[track]'" in result.stderr
    assert not (corpus / "runs/tagger").exists()
    wrong = call("tagger", path, "--set", "track=tensorbord")
    assert wrong.exit_code == 2
    assert "did you mean 'tensorboard'?" in wrong.stderr


def test_a_run_that_goes_on_takes_the_place_of_what_was_told_too_far(tmp_path: Path) -> None:
    for behind, steps in ((0, range(1, 8)), (4, range(5, 7))):
        told = TensorBoard(tmp_path, behind)
        for step in steps:
            told.write({"step": step, "loss": step + 10 * behind})
        told.close()
    assert curves(tmp_path)["train/loss"] == {1: 1, 2: 2, 3: 3, 4: 4, 5: 45, 6: 46}
